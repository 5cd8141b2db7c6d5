import Randomness
import Testing

@Suite struct StreamKeyTests {
  static func generator(_ name: String) throws -> Generator { try #require(Generator.named(name)) }

  static func key(_ index: Int) -> StreamKey { StreamKey(seed: 1, cell: "cell \(index)", role: "draws") }

  /// The bases by Python: `int.from_bytes(sha256(f"{seed}\0{cell}\0{role}".encode()).digest()[:8]) % streams`.
  @Test(
    arguments: [
      (1, "gaussian", "draws", "mt19937", 3_097_270_026), (1, "gaussian", "draws", "taus2", 1_052_400_699),
      (1, "gaussian", "draws", "slatec", 7), (.max, "σ=½", "warm-up stl", "mt19937", 889_622_022),
      (0, "", "", "ranlxs0", 305_411_705), (1, "gaussian", "draws", "xoshiro256x8", 1_631_953_582_955_084_263),
    ] as [(UInt64, String, String, String, UInt)])
  func basesArePinned(seed: UInt64, cell: String, role: String, name: String, base: UInt) throws {
    #expect(StreamKey(seed: seed, cell: cell, role: role).base(for: try Self.generator(name)) == base)
  }

  @Test func everyPartOfTheKeyCounts() throws {
    let mt = try Self.generator("mt19937")
    let keys = [
      StreamKey(seed: 1, cell: "a", role: "b"), StreamKey(seed: 2, cell: "a", role: "b"),
      StreamKey(seed: 1, cell: "c", role: "b"), StreamKey(seed: 1, cell: "a", role: "d"),
      // The same letters, divided otherwise.
      StreamKey(seed: 1, cell: "ab", role: ""), StreamKey(seed: 1, cell: "", role: "ab"),
      StreamKey(seed: 11, cell: "a", role: "b"), StreamKey(seed: 1, cell: "1a", role: "b"),
    ]
    #expect(Set(keys.map { $0.base(for: mt) }).count == keys.count)
    #expect(keys.map { $0.base(for: mt) } == keys.map { $0.base(for: mt) })
  }

  @Test func chunksAreConsecutiveStreams() throws {
    let taus = try Self.generator("taus2"), key = Self.key(0)
    for chunk in [0, 1, 7] {
      var stream = try key.streams(taus).stream(chunk)
      var expected = try RandomStream(taus, index: key.base(for: taus) + UInt(chunk))
      #expect((0..<4).map { _ in stream.next() } == (0..<4).map { _ in expected.next() })
    }
  }

  /// Two keys, the first one's base below the second's, and the streams between them.
  static func pair(_ generator: Generator) -> (low: StreamKey, high: StreamKey, gap: Int) {
    let keys = [key(0), key(1)].sorted { $0.base(for: generator) < $1.base(for: generator) }
    return (keys[0], keys[1], Int(keys[1].base(for: generator) - keys[0].base(for: generator)))
  }

  @Test(arguments: ["mt19937", "uni"]) func overlapIsFoundToTheStream(_ name: String) throws {
    let generator = try Self.generator(name), (low, high, gap) = Self.pair(generator)
    let around = Int(generator.streamCount) - gap
    // In either order: up to the next one's first stream, and one more.
    for keys in [[(low, gap), (high, around)], [(high, around), (low, gap)]] {
      #expect(throws: Never.self) { try StreamKey.checkDisjoint(keys, for: generator) }
    }
    for keys in [[(low, gap + 1), (high, 1)], [(high, 1), (low, gap + 1)]] {
      #expect(throws: RandomnessError.self) { try StreamKey.checkDisjoint(keys, for: generator) }
    }
    // Past the last stream and on from the first.
    #expect(throws: RandomnessError.self) {
      try StreamKey.checkDisjoint([(low, 1), (high, around + 1)], for: generator)
    }
    #expect(throws: RandomnessError.self) { try StreamKey.checkDisjoint([(low, 1), (low, 1)], for: generator) }
  }

  @Test func overlapIsExplained() throws {
    let mt = try Self.generator("mt19937"), key = Self.key(0)
    let error = #expect(throws: RandomnessError.self) {
      try StreamKey.checkDisjoint([(key, 1), (key, 1)], for: mt)
    }
    #expect(
      error?.description
        == "streams of generator 'mt19937' would overlap under seed 1 ('draws' and 'draws'); choose another seed or generator"
    )
  }

  @Test func noMoreStreamsThanThereAre() throws {
    let slatec = try Self.generator("slatec")
    #expect(throws: Never.self) { try StreamKey.checkDisjoint([(Self.key(0), 8)], for: slatec) }
    let error = #expect(throws: RandomnessError.self) {
      try StreamKey.checkDisjoint([(Self.key(0), 9)], for: slatec)
    }
    #expect(
      error?.description
        == "generator 'slatec' has 8 different streams and this run needs 9; choose another generator or fewer replicates"
    )
    #expect(throws: Never.self) { try StreamKey.checkDisjoint([], for: slatec) }
  }

  /// A hundred keys of a large generator, none near another.
  @Test(arguments: ["mt19937", "xoshiro256x8"]) func manyKeysAreDisjoint(_ name: String) throws {
    let generator = try Self.generator(name)
    #expect(throws: Never.self) { try StreamKey.checkDisjoint((0..<100).map { (Self.key($0), 1000) }, for: generator) }
  }
}
