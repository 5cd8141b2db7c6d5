import EstimatorStatistics
import Foundation
import Testing

/// A small run of what Benchmarks' `interval-coverage` measures in full.
@Suite struct CoverageTests {
  /// The conjugate Gaussian model of one dimension: x = 2, noise 0.5, q = N(1, 0.8²); gradients of log_scale.
  ///
  /// log w = c₀ + c₁ e + c₂ e², so that the variances have closed forms.
  enum Gaussian: String, CaseIterable, Sendable {
    case score, meanBaseline, reparam, analyticKL

    static let x = 2.0, noise = 0.5, mean = 1.0, scale = exp(-0.2231)
    static let a = 1 + 1 / (noise * noise), r = x / (noise * noise) - a * mean
    static let c0 =
      -0.5 * log(2 * Double.pi * noise * noise) - x * x / (2 * noise * noise) + mean * x / (noise * noise)
      - 0.5 * a * mean * mean + log(scale)
    static let c1 = scale * r, c2 = 0.5 * (1 - a * scale * scale)

    func gradient(_ e: Double) -> Double {
      let f = Self.c0 + Self.c1 * e + Self.c2 * e * e, s2 = Self.noise * Self.noise
      return switch self {
      case .score: f * (e * e - 1)
      case .meanBaseline: (f - Self.c0 - Self.c2) * (e * e - 1)
      case .reparam: (Self.r - Self.a * Self.scale * e) * Self.scale * e + 1
      case .analyticKL: (Self.x - Self.mean - Self.scale * e) / s2 * Self.scale * e
      }
    }

    var variance: Double {
      let (c0, c1, c2) = (Self.c0, Self.c1, Self.c2), v = Self.scale * Self.scale, precision = pow(Self.noise, -4)
      return switch self {
      case .score: 2 * c0 * c0 + 20 * c0 * c2 + 10 * c1 * c1 + 74 * c2 * c2
      case .meanBaseline: 10 * c1 * c1 + 56 * c2 * c2
      case .reparam: v * Self.r * Self.r + 2 * Self.a * Self.a * v * v
      case .analyticKL: (v * (Self.x - Self.mean) * (Self.x - Self.mean) + 2 * v * v) * precision
      }
    }
  }

  /// The share of `runs` that hold, within 3.5 binomial standard errors of 93 … 97 %.
  static func expectCoverage(_ held: Int, of runs: Int, sourceLocation: SourceLocation = #_sourceLocation) {
    let share = Double(held) / Double(runs)
    func error(_ p: Double) -> Double { (p * (1 - p) / Double(runs)).squareRoot() }
    #expect(share > 0.93 - 3.5 * error(0.93) && share < 0.97 + 3.5 * error(0.97), sourceLocation: sourceLocation)
  }

  @Test(
    arguments: [("normal", 500), ("normal", 1000), ("normal", 4000), ("laplace", 1000), ("uniform", 1000)], generators)
  func tameLaws(_ setting: (law: String, replicates: Int), generator: String) throws {
    let (law, replicates) = setting
    let draws = try Draws("coverage \(law) \(replicates)", generator), runs = 600
    var held = 0, marked = 0
    for _ in 0..<runs {
      let values: [Double]
      let variance: Double
      switch law {
      case "laplace":
        values = draws.uniforms(replicates).map { $0 < 0.5 ? log(max(2 * $0, 1e-300)) : -log(2 - 2 * $0) }
        variance = 2
      case "uniform": (values, variance) = (draws.uniforms(replicates), 1.0 / 12)
      default: (values, variance) = (draws.normals(replicates), 1)
      }
      let measured = moments([values], scales: [variance]), interval = measured.interval(ofBlock: 0)
      if interval.low <= variance, variance <= interval.high { held += 1 }
      if measured.isHeavyTailed(block: 0) { marked += 1 }
    }
    Self.expectCoverage(held, of: runs)
    #expect(marked <= runs / 100)
  }

  @Test(arguments: Gaussian.allCases, generators)
  func gradientsOfLogScale(rule: Gaussian, generator: String) throws {
    let draws = try Draws("coverage \(rule)", generator), runs = 600
    var held = 0, marked = 0
    for _ in 0..<runs {
      let measured = moments([draws.normals(1000).map { rule.gradient($0) }], scales: [rule.variance])
      let interval = measured.interval(ofBlock: 0)
      if interval.low <= rule.variance, rule.variance <= interval.high { held += 1 }
      if measured.isHeavyTailed(block: 0) { marked += 1 }
    }
    Self.expectCoverage(held, of: runs)
    switch rule {
    case .score, .meanBaseline: #expect(marked >= runs * 99 / 100)  // a kurtosis of 190 and more
    case .reparam, .analyticKL: #expect(marked <= runs / 10)  // 15
    }
  }

  @Test(arguments: generators) func theKurtosisOfTheRawScore(_ generator: String) throws {
    let draws = try Draws("raw score", generator)
    let gradients = draws.normals(4_000_000).map { Gaussian.score.gradient($0) }
    let measured = moments([gradients], scales: [Gaussian.score.variance])
    expectClose(measured.kurtosis(ofBlock: 0), 190, absolute: 25)
    expectClose(measured.variance(of: 0), Gaussian.score.variance, relative: 0.03)
  }

  @Test(arguments: generators) func ratios(_ generator: String) throws {
    let draws = try Draws("ratios", generator), runs = 600
    let pairs: [(Gaussian, Gaussian)] = [(.reparam, .analyticKL), (.score, .reparam), (.score, .meanBaseline)]
    var held = pairs.map { _ in 0 }
    for _ in 0..<runs {
      let noise = draws.normals(1000)
      for (i, (a, b)) in pairs.enumerated() {
        let all = VarianceRatioIntervalTests.comparison(
          noise.map { a.gradient($0) }, noise.map { b.gradient($0) }, scales: (a.variance, b.variance))
        let (_, interval) = all.ratio(pair: 0, block: 0, level: 0.95)
        if interval.low <= a.variance / b.variance, a.variance / b.variance <= interval.high { held[i] += 1 }
      }
    }
    for count in held { Self.expectCoverage(count, of: runs) }
  }

  /// Several coordinates at once, dependent and of different sizes: the sum of their own intervals would not do.
  @Test(arguments: generators) func blocks(_ generator: String) throws {
    let draws = try Draws("blocks", generator), runs = 600, sizes = [1.0, 0.5, 0.25, 2, 1]
    let variance = sizes.reduce(0) { $0 + $1 * $1 }
    var held = 0
    for _ in 0..<runs {
      let common = draws.normals(1000)
      let rows = sizes.map { size in zip(common, draws.normals(1000)).map { size * (0.8 * $0 + 0.6 * $1) } }
      let interval = moments(rows, scales: sizes.map { $0 * $0 }).interval(ofBlock: 0)
      if interval.low <= variance, variance <= interval.high { held += 1 }
    }
    Self.expectCoverage(held, of: runs)
  }

  @Test func fewerThan300AreAlwaysMarked() {
    let tame = GroupSums(Array(repeating: 1, count: 299), scale: 1)
    #expect(HeavyTail.isHeavy(tame, count: 299) && !HeavyTail.isHeavy(tame, count: 300))
    // Half of the distances zero: a kurtosis of two.
    let half = GroupSums((0..<320).map { $0 / 16 % 2 == 0 ? 0 : 1 }, scale: 1)
    #expect(!HeavyTail.isHeavy(half, count: 320))
    // One in ten: a kurtosis of ten.
    let rare = GroupSums((0..<1600).map { $0 / 16 % 10 == 0 ? 1 : 0 }, scale: 1)
    #expect(HeavyTail.isHeavy(rare, count: 999) && !HeavyTail.isHeavy(rare, count: 1000))
  }
}
