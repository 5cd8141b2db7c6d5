/// What a family of streams is for: streams belong to (seed, cell, role), one for each chunk of replicates.
///
/// The first stream's index is 64 bits of SHA-256 over the key, reduced modulo the generator's number of streams;
/// chunk `c` has the index after `c` more. So the numbers of a cell depend on its own description alone: threads,
/// order and other cells change no digit. Whether two keys of a run overlap is checked before anything is drawn
/// (`checkDisjoint`), so that streams are different by inspection and not by luck. Different is not independent: that is
/// the generator's business, and linear congruential ones fail it (their remarks say so).
public struct StreamKey: Hashable, Sendable {
  public let seed: UInt64
  /// The canonical text of the cell.
  public let cell: String
  /// `draws`, `minibatch`, `rounding`, `warm-up …`, `estimator …`.
  public let role: String

  public init(seed: UInt64, cell: String, role: String) {
    self.seed = seed
    self.cell = cell
    self.role = role
  }

  /// Index of the stream of chunk 0.
  public func base(for generator: Generator) -> UInt {
    let digest = SHA256.hash(Array("\(seed)\u{0}\(cell)\u{0}\(role)".utf8))
    let word = digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return UInt(word % UInt64(generator.streamCount))
  }

  /// The streams of this key.
  public func streams(_ generator: Generator) -> StreamFamily {
    StreamFamily(generator: generator, base: base(for: generator))
  }

  /// Throws unless the streams of all keys, `count` chunks each, are different.
  public static func checkDisjoint(
    _ keys: [(key: StreamKey, count: Int)], for generator: Generator
  ) throws(RandomnessError) {
    let needed = keys.reduce(UInt(0)) { $0 + UInt($1.count) }
    guard needed <= generator.streamCount else {
      throw RandomnessError(
        "generator '\(generator.name)' has \(generator.streamCount) different streams and this run needs \(needed);"
          + " choose another generator or fewer replicates")
    }
    let ranges = keys.map { (start: $0.key.base(for: generator), count: UInt($0.count), key: $0.key) }
      .sorted { $0.start < $1.start }
    for (i, range) in ranges.enumerated() where ranges.count > 1 {
      let next = ranges[(i + 1) % ranges.count]
      let gap = (next.start + generator.streamCount - range.start) % generator.streamCount
      if gap < range.count {
        throw RandomnessError(
          "streams of generator '\(generator.name)' would overlap under seed \(range.key.seed)"
            + " ('\(range.key.role)' and '\(next.key.role)'); choose another seed or generator")
      }
    }
  }
}

/// The streams of a key: one for each chunk.
public struct StreamFamily: Sendable {
  let generator: Generator
  let base: UInt

  /// The stream of `chunk`.
  public func stream(_ chunk: Int) throws(RandomnessError) -> RandomStream {
    try RandomStream(generator, index: base + UInt(chunk))
  }
}
