import CGSL
import CKernels
import EstimatorStatistics
import ExperimentRunner
import Foundation
import Testing

/// TRUTHS 1.4: implicit, rejection-sampling and score estimators of the shape of Gamma(a, 1), by quadrature and by measurement.
@Suite struct GammaVarianceTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let model: String
    let a: Double
    var testDescription: String { "\(model) at \(a)" }
    func f(_ z: Double) -> Double { model == "linear" ? z : log(z) }
    func slope(_ z: Double) -> Double { model == "linear" ? 1 : 1 / z }
    /// dE f/da
    var gradient: Double { model == "linear" ? 1 : wb_trigamma(a) }
  }

  /// E h(z) for z ~ Gamma(a, 1), by the trapezoidal rule in t of z = e^{t − e^{−t}}, which decays twice exponentially on
  /// both sides.
  static func expectation(_ a: Double, _ h: (Double) -> Double) -> Double {
    let step = 1.0 / 64, logNormalizer = wb_log_gamma(a)
    return (-64 * 6...64 * 7).reduce(0.0) { sum, i in
      let t = Double(i) * step, logarithm = t - exp(-t), z = exp(logarithm)
      guard z > 1e-290 else { return sum }
      let weight = exp(a * logarithm - z - logNormalizer) * (1 + exp(-t))
      return weight > 1e-200 ? sum + h(z) * weight : sum
    } * step
  }

  /// The second moment of an estimate as a function of z, less its squared mean; and the mean.
  static func moments(_ a: Double, _ g: (Double) -> Double) -> (mean: Double, variance: Double, kurtosis: Double) {
    let mean = expectation(a, g), variance = expectation(a) { (g($0) - mean) * (g($0) - mean) }
    return (mean, variance, expectation(a) { pow(g($0) - mean, 4) } / (variance * variance))
  }

  /// −(∂F/∂a)/q by differences of GSL's distribution function, which shares no formula with `wb_gamma_slope`.
  static func implicit(_ a: Double, _ z: Double) -> Double {
    let h = 1e-3 * a, sign = z < a ? -1.0 : 1.0
    func central(_ h: Double) -> Double {
      z < a
        ? (gsl_cdf_gamma_P(z, a + h, 1) - gsl_cdf_gamma_P(z, a - h, 1)) / (2 * h)
        : (gsl_cdf_gamma_Q(z, a + h, 1) - gsl_cdf_gamma_Q(z, a - h, 1)) / (2 * h)
    }
    return sign * (4 * central(h) - central(2 * h)) / 3 / exp((a - 1) * log(z) - z - wb_log_gamma(a))
  }

  /// As Naesseth et al. write it: v = 1 + cε, c = 1/√(9b), b = a − ⅓, h = b v³, with ∇h and ∇ log q − ∇ log r.
  static func rejection(_ c: Case, _ z: Double) -> Double {
    let b = c.a - 1.0 / 3, step = 1 / (9 * b).squareRoot(), v = cbrt(z / b), e = (v - 1) / step
    let slope = v * v * v - 13.5 * e * b * v * v * step * step * step
    let target = log(z) + (c.a - 1) * slope / z - slope - wb_digamma(c.a)
    let proposal = -0.5 / b + 9 * e * step * step * step / v
    return c.slope(z) * slope + c.f(z) * (target - proposal)
  }

  /// As Ruiz et al. write it: ∇h, ∇ log q(z) + ∇ log |∂h/∂ε|, with z = exp(ε √ψ₁ + ψ).
  static func standardized(_ c: Case, _ z: Double) -> Double {
    let one = wb_trigamma(c.a), two = wb_tetragamma(c.a), e = (log(z) - wb_digamma(c.a)) / one.squareRoot()
    let inner = e * two / (2 * one.squareRoot()) + one
    let density = log(z) - wb_digamma(c.a) + ((c.a - 1) / z - 1) * z * inner
    return c.slope(z) * z * inner + c.f(z) * (density + inner + two / (2 * one))
  }

  /// The estimators as functions of z, each from its definition; in a.
  static func estimates(_ c: Case) -> [(id: String, estimate: (Double) -> Double)] {
    let a = c.a
    var found: [(String, (Double) -> Double)] = [
      ("reparam", { c.slope($0) * implicit(a, $0) }),
      ("score", { c.f($0) * (log($0) - wb_digamma(a)) }),
      ("generalized-reparam", { standardized(c, $0) }),
    ]
    if a > 1 { found.append(("rsvi:shape_augmentation=0", { rejection(c, $0) })) }
    return found
  }

  static let table: [(Case, implicit: Double, rejection: Double?, score: Double)] = [
    (Case(model: "linear", a: 0.5), 0.617858, nil, 4.70110), (Case(model: "log", a: 0.5), 14.5731, nil, 231.226),
    (Case(model: "linear", a: 1), 0.289868, nil, 4.28987), (Case(model: "log", a: 1), 0.900363, nil, 15.2290),
    (Case(model: "linear", a: 1.5), 0.186549, 0.196377, 4.50551),
    (Case(model: "log", a: 1.5), 0.188199, 0.527879, 3.09756),
    (Case(model: "linear", a: 2), 0.136859, 0.141155, 4.86960),
    (Case(model: "log", a: 2), 0.0646784, 0.0832501, 1.09939),
  ]

  /// The quadrature gives the table, rejection sampling on log z at shape 1.5 included, where no simulation does; and every
  /// estimator's mean is the gradient.
  @Test(arguments: table.indices) func quadratureGivesTheTable(_ index: Int) throws {
    let row = Self.table[index], c = row.0
    let wanted = ["reparam": row.implicit, "score": row.score, "rsvi:shape_augmentation=0": row.rejection]
    for (id, estimate) in Self.estimates(c) {
      let found = Self.moments(c.a, estimate)
      #expect(abs(found.mean - c.gradient) < 1e-6 * c.gradient, "\(id): mean \(found.mean)")
      guard let variance = wanted[id] ?? nil else { continue }
      #expect(abs(found.variance - variance) < 3e-5 * variance, "\(id): variance \(found.variance)")
    }
    let variance = Dictionary(
      uniqueKeysWithValues: Self.estimates(c).map { ($0.id, Self.moments(c.a, $0.estimate).variance) })
    let implicit = try #require(variance["reparam"]), score = try #require(variance["score"])
    let rejection = variance["rsvi:shape_augmentation=0"] ?? implicit * 1.001
    #expect(implicit < rejection && rejection < score)
  }

  /// Points of the table and others, where the fourth moment of every estimator that is measured exists.
  static let measured: [(Case, [String])] = {
    let all = ["reparam", "score", "generalized-reparam", "rsvi:shape_augmentation=0"]
    let light = ["reparam", "score", "rsvi:shape_augmentation=0"]
    return [
      (Case(model: "linear", a: 0.5), ["reparam", "score"]), (Case(model: "linear", a: 1), ["reparam", "score"]),
      (Case(model: "linear", a: 1.5), light), (Case(model: "linear", a: 2), light),
      (Case(model: "linear", a: 7.3), all),
      (Case(model: "log", a: 2), ["reparam", "score"]), (Case(model: "log", a: 4.2), all),
      (Case(model: "log", a: 25), all),
    ]
  }()
  static let familySize = 2 * measured.reduce(0) { $0 + $1.1.count }

  @Test(arguments: measured.indices, generators)
  func variancesAgreeWithQuadrature(_ index: Int, generator: String) async throws {
    let (c, ids) = Self.measured[index]
    // Var in log a = a² Var in a.
    let moments = Self.estimates(c).filter { ids.contains($0.id) }.map { ($0.id, Self.moments(c.a, $0.estimate)) }
    let kurtosis = moments.map(\.1.kurtosis).max() ?? 3
    let figures = try await Measurement(
      model: c.model, at: "log_shape=\(log(c.a))", replicates: Int(12_000 * max(5, kurtosis - 1)), generator: generator,
      family: "gamma"
    ).run(ids)
    let truths = moments.map { Truth(estimator: $0, block: "log_shape", variance: c.a * c.a * $1.variance) }
    try check(truths, in: figures, familySize: Self.familySize, relativeHalfWidth: 0.02)
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-4 / Double(Self.familySize)) }
  }
}
