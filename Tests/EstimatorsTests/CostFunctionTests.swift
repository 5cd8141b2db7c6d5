import EstimatorStatistics
import ExperimentRunner
import Foundation
import Testing

/// TRUTHS 1.1: the toy costs under a normal measure, at the tables' points and others, against quadrature.
@Suite struct CostFunctionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let model: String
    let m, s: Double
    let f, derivative: @Sendable (Double) -> Double
    var testDescription: String { "\(model) at \(m), \(s)" }
  }

  static let cases: [Case] = {
    var cases: [Case] = []
    for (m, s) in [(1.0, 1.0), (-0.4, 0.7)] {
      cases.append(Case(model: "linear", m: m, s: s, f: { $0 }, derivative: { _ in 1 }))
      for k in [-3.0, 0, 1, 3] {
        cases.append(
          Case(model: "quadratic:k=\(k)", m: m, s: s, f: { ($0 - k) * ($0 - k) }, derivative: { 2 * ($0 - k) }))
      }
      for k in [0.1, 1] {
        cases.append(
          Case(
            model: "exp-quadratic:k=\(k)", m: m, s: s, f: { exp(-k * $0 * $0) },
            derivative: { -2 * k * $0 * exp(-k * $0 * $0) }))
      }
      for k in [0.5, 1, 2] {
        cases.append(Case(model: "cosine:k=\(k)", m: m, s: s, f: { cos(k * $0) }, derivative: { -k * sin(k * $0) }))
      }
    }
    return cases
  }()

  /// E h(ε) by the trapezoidal rule, exact to rounding for these integrands.
  static func expectation(_ h: (Double) -> Double) -> Double {
    let step = 1.0 / 64
    return (-64 * 12...64 * 12).reduce(0.0) { sum, i in
      let e = Double(i) * step
      return sum + h(e) * exp(-0.5 * e * e)
    } * step / (2 * .pi).squareRoot()
  }

  /// The variance of g(ε), and E Y² / (E Y)² of Y = (g − E g)², which says how many replicates it takes.
  static func moments(_ g: (Double) -> Double) -> (variance: Double, kurtosis: Double) {
    let mean = expectation(g)
    let variance = expectation { (g($0) - mean) * (g($0) - mean) }
    return (variance, expectation { pow(g($0) - mean, 4) } / (variance * variance))
  }

  /// Estimator, block, and the estimate as a function of its one draw.
  static func estimates(_ c: Case) -> [(String, String, (Double) -> Double)] {
    func f(_ e: Double) -> Double { c.f(c.m + c.s * e) }
    func slope(_ e: Double) -> Double { c.derivative(c.m + c.s * e) }
    let mean = expectation(f)
    let scores: [(String, (Double) -> Double)] = [("mean", { $0 / c.s }), ("log_scale", { $0 * $0 - 1 })]
    return scores.flatMap { block, score in
      let optimal = expectation { f($0) * score($0) * score($0) } / expectation { score($0) * score($0) }
      let path: (Double) -> Double = block == "mean" ? { slope($0) } : { slope($0) * c.s * $0 }
      return [
        ("score", block, { f($0) * score($0) }), ("score:baseline=mean", block, { (f($0) - mean) * score($0) }),
        ("score:baseline=optimal", block, { (f($0) - optimal) * score($0) }), ("reparam", block, path),
      ]
    }
  }

  static func truths(_ c: Case) -> [Truth] {
    estimates(c).map { Truth(estimator: $0, block: $1, variance: moments($2).variance) }
  }

  static let familySize = generators.count * cases.count * 8

  @Test(arguments: cases, generators)
  func variancesAgreeWithQuadrature(_ c: Case, generator: String) async throws {
    // For a relative half-width of 1 %: (1.96 / 0.01)² (kurtosis − 1), and a fifth more.
    let kurtosis = Self.estimates(c).map { Self.moments($2) }.filter { $0.variance > 1e-20 }.map(\.kurtosis).max() ?? 3
    let figures = try await Measurement(
      model: c.model, at: "mean=\(c.m),log_scale=\(log(c.s))", replicates: Int(46_000 * max(5, kurtosis - 1)),
      generator: generator
    ).run(["score", "score:baseline=mean", "score:baseline=optimal", "reparam"])
    try check(Self.truths(c), in: figures, familySize: Self.familySize)
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-4 / Double(Self.familySize)) }
  }

  /// The quadrature itself, against numbers of the table: score, mean baseline, optimal baseline, pathwise.
  @Test(arguments: [
    ("quadratic:k=-3.0", [495, 138, 134, 4, 1546, 696, 664, 72]),
    (
      "exp-quadratic:k=1.0",
      [0.17575024, 0.080673, 0.07222169, 0.21172339, 0.17669049, 0.2231727, 0.11278398, 0.17573121]
    ),
    ("cosine:k=2.0", [0.44106947, 0.46327255, 0.41252265, 1.9398635, 0.92798061, 0.92163687, 0.92163687, 1.9426719]),
  ]) func quadratureGivesTheTable(_ model: String, _ wanted: [Double]) throws {
    let c = try #require(Self.cases.first { $0.model == model && $0.m == 1 })
    for (truth, value) in zip(Self.truths(c), wanted) {
      #expect(abs(truth.variance - value) < 2e-7 * max(1, value), "\(truth.estimator) \(truth.block)")
    }
  }
}
