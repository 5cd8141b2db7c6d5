import CGSL
import CKernels
import Testing

@Suite struct GSLTests {
  /// A generator of GSL's, freed at the end.
  final class Source {
    let rng: UnsafeMutablePointer<gsl_rng>

    init(_ name: String = "mt19937", seed: UInt = 20_261) throws {
      wb_silence_gsl()
      let types = try #require(wb_generator_types())
      let listed = sequence(first: 0) { $0 + 1 }.lazy.map { types[$0] }.prefix { $0 != nil }.compactMap(\.self)
      let type = try #require(listed.first { String(cString: $0.pointee.name) == name })
      rng = try #require(gsl_rng_alloc(type))
      gsl_rng_set(rng, seed)
    }

    deinit { gsl_rng_free(rng) }

    func choose(_ chosen: Int, of count: Int, lanes: Int) -> [[Int32]] {
      var order = (0..<Int32(count)).map(\.self), indices = [Int32](repeating: -1, count: chosen * lanes)
      wb_choose(rng, &order, count, chosen, lanes, &indices)
      return (0..<lanes).map { lane in (0..<chosen).map { indices[$0 * lanes + lane] } }
    }
  }

  /// Pearson's statistic of counts of cells that are equally likely.
  static func chiSquare(_ counts: [Int]) -> Double {
    let expected = Double(counts.reduce(0, +)) / Double(counts.count)
    return counts.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) } / expected
  }

  /// The chance of so large a statistic; `scale` corrects it for dependence of the counts.
  static func uniformityP(_ counts: [Int], scale: Double = 1) -> Double {
    gsl_cdf_chisq_Q(chiSquare(counts) * scale, Double(counts.count - 1))
  }

  /// `uni` has 15 bits; the uniforms of `zuf` can be exactly 1.
  @Test(arguments: ["mt19937", "slatec", "uni", "zuf"], [(1, 1), (3, 7), (7, 7), (20, 569)])
  func chosenIndicesAreDistinctAndInRange(_ name: String, _ size: (chosen: Int, count: Int)) throws {
    for lane in try Source(name).choose(size.chosen, of: size.count, lanes: 500) {
      #expect(Set(lane).count == size.chosen && lane.allSatisfy { 0..<Int32(size.count) ~= $0 })
    }
  }

  /// All 120 ordered choices of 3 from 6 are equally likely, from one and the same order: a shuffled one would hide
  /// a preference for places.
  @Test func everyOrderedChoiceIsEquallyLikely() throws {
    let source = try Source()
    var counts: [[Int32]: Int] = [:]
    for _ in 0..<120_000 { counts[source.choose(3, of: 6, lanes: 1)[0], default: 0] += 1 }
    #expect(counts.count == 120)
    #expect(Self.uniformityP(Array(counts.values)) > 1e-5)
  }

  /// Neighbouring lanes, though they shuffle one order, choose independently.
  @Test func lanesAreIndependent() throws {
    let lanes = try Source().choose(1, of: 5, lanes: 50_001).map { Int($0[0]) }
    var counts = [Int](repeating: 0, count: 25)
    for (a, b) in zip(lanes, lanes.dropFirst()) { counts[5 * a + b] += 1 }
    // Good's serial test: neighbouring pairs overlap, so it is the statistic of pairs less that of singles which is
    // χ², with 25 − 5 degrees of freedom.
    var single = [Int](repeating: 0, count: 5)
    for lane in lanes { single[lane] += 1 }
    let statistic = Self.chiSquare(counts) - Self.chiSquare(single)
    #expect(gsl_cdf_chisq_Q(statistic, 20) > 1e-5)
  }

  /// How often each index, and each pair, is in one of 40 000 choices of 20 from 60, each from the same order. Members
  /// of one choice repel each other: with probability p of inclusion, χ² is (1 − p) n/(n − 1) times as large as of
  /// independent counts.
  @Test func inclusionIsUniform() throws {
    let count = 60, chosen = 20, repetitions = 40_000, source = try Source()
    var single = [Int](repeating: 0, count: count), pairs = [Int](repeating: 0, count: count * (count - 1) / 2)
    for _ in 0..<repetitions {
      let members = source.choose(chosen, of: count, lanes: 1)[0].map(Int.init).sorted()
      for (i, b) in members.enumerated() {
        single[b] += 1
        for a in members[..<i] { pairs[b * (b - 1) / 2 + a] += 1 }
      }
    }
    let p = Double(chosen) / Double(count), n = Double(count)
    #expect(Self.uniformityP(single, scale: (n - 1) / (n * (1 - p))) > 1e-5)
    // Pairs are correlated both ways, so no χ²: the largest deviation of 1770 against its binomial deviation.
    let pair = p * Double(chosen - 1) / (n - 1), expected = Double(repetitions) * pair
    let largest = pairs.map { abs(Double($0) - expected) / (expected * (1 - pair)).squareRoot() }.max() ?? .infinity
    #expect(2 * gsl_cdf_ugaussian_Q(largest) * Double(pairs.count) > 1e-4, "largest z \(largest)")
  }

  /// The bulk fills are GSL's own samplers, call by call.
  @Test func fillsAreGSLsSamplers() throws {
    func compare(
      _ fill: (UnsafePointer<gsl_rng>, UnsafeMutablePointer<Double>, Int) -> Void,
      _ one: (UnsafePointer<gsl_rng>) -> Double
    ) throws {
      let bulk = try Source(), single = try Source()
      var numbers = [Double](repeating: .nan, count: 1000)
      fill(bulk.rng, &numbers, numbers.count)
      #expect(numbers == (0..<1000).map { _ in one(single.rng) })
    }
    try compare(wb_fill_normal_ziggurat) { gsl_ran_gaussian_ziggurat($0, 1) }
    try compare(wb_fill_normal_polar) { gsl_ran_gaussian($0, 1) }
    try compare(wb_fill_uniform) { gsl_rng_uniform($0) }
  }

  /// An error of GSL's ends the process unless its handler is off.
  @Test func errorsDoNotEndTheProcess() throws {
    let source = try Source("slatec")
    #expect(gsl_rng_uniform_int(source.rng, 1 << 30) == 0)
  }

  @Test func minimizerAndVersion() throws {
    #expect(String(cString: try #require(wb_bfgs()?.pointee.name)) == "vector_bfgs2")
    #expect(String(cString: try #require(wb_gsl_version())).hasPrefix("2."))
    #expect(String(cString: try #require(wb_libm_version())) != "")
  }
}
