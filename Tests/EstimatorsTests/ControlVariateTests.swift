import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Randomness
import Testing

/// The delta control variate, with each rule that takes it.
@Suite struct ControlVariateTests {
  static let rules = ["score", "reparam", "measure-valued", "measure-valued:coupling=false"]

  static func text(_ rule: String, _ coefficient: String) -> String {
    let options = coefficient == "one" ? "control_variate=delta" : "control_variate=delta,coefficient=regressed"
    return rule + (rule.contains(":") ? "," : ":") + options
  }

  /// For a quadratic f the estimate is the exact gradient, correlated coordinates or not, at whatever K and split.
  @Test(arguments: [
    "quadratic:k=0.7,dimension=3", "gaussian:dimension=3,noise=0.8", "gaussian:dimension=3,correlation=-0.6",
  ])
  func nothingIsLeftOfAQuadratic(_ model: String) async throws {
    let figures = try await Measurement(model: model, at: "mean=0.4,log_scale=-0.3", samples: 2, replicates: 2000)
      .run(Self.rules.map { Self.text($0, "one") } + ["score:baseline=leave-one-out,control_variate=delta"])
    for entry in figures.entries {
      let all = try #require(entry.all)
      #expect(all.mark == .rounding && all.variance < 1e-25, "\(entry.entry.text): \(all.variance)")
      #expect(try #require(all.bias).p > 1e-5, "\(entry.entry.text)")
    }
  }

  typealias Case = CostFunctionTests.Case
  static let cases = CostFunctionTests.cases.filter { $0.model.hasPrefix("exp") || $0.model.hasPrefix("cos") }

  /// The Taylor polynomial of f about m.
  static func taylor(_ c: Case) -> (t: @Sendable (Double) -> Double, slope: @Sendable (Double) -> Double) {
    let k = Double(c.model.drop { $0 != "=" }.dropFirst()) ?? .nan, isCosine = c.model.hasPrefix("cos"), m = c.m
    let value = c.f(m), first = c.derivative(m)
    let second = isCosine ? -k * k * cos(k * m) : (4 * k * k * m * m - 2 * k) * exp(-k * m * m)
    return ({ value + first * ($0 - m) + 0.5 * second * ($0 - m) * ($0 - m) }, { first + second * ($0 - m) })
  }

  /// One estimate of a rule as a function of its draw, and the expectation over that.
  static func rule(
    _ name: String, _ c: Case, isMean: Bool, _ f: @escaping (Double) -> Double, _ slope: @escaping (Double) -> Double
  ) -> (Double) -> Double {
    name == "score"
      ? { f(c.m + c.s * $0) * (isMean ? $0 / c.s : $0 * $0 - 1) }
      : { slope(c.m + c.s * $0) * (isMean ? 1 : c.s * $0) }
  }

  static let familySize = cases.count * 8

  /// All of it subtracted: the rule applied to f − t. Family-wise at 10⁻⁴.
  @Test(arguments: cases) func variancesOfTheRest(_ c: Case) async throws {
    let (t, slope) = Self.taylor(c)
    let f = c.f, derivative = c.derivative
    var truths: [(truth: Truth, kurtosis: Double)] = []
    for (block, isMean) in [("mean", true), ("log_scale", false)] {
      for name in ["score", "reparam"] {
        let rest = Self.rule(name, c, isMean: isMean, { f($0) - t($0) }, { derivative($0) - slope($0) })
        let moments = CostFunctionTests.moments(rest)
        truths.append(
          (Truth(estimator: Self.text(name, "one"), block: block, variance: moments.variance), moments.kurtosis))
      }
      for name in ["measure-valued", "measure-valued:coupling=false"] {
        let moments = Quadrature.measureValued(
          { f($0) - t($0) }, m: c.m, s: c.s, isMean: isMean, coupled: name == "measure-valued")
        truths.append(
          (Truth(estimator: Self.text(name, "one"), block: block, variance: moments.variance), moments.kurtosis))
      }
    }
    // What is left has heavy tails: t grows where f does not. A million replicates, and the intervals that they give.
    let kurtosis = truths.map(\.kurtosis).max() ?? 3
    let figures = try await Measurement(
      model: c.model, at: "mean=\(c.m),log_scale=\(log(c.s))",
      replicates: min(1_500_000, Int(46_000 * max(5, kurtosis - 1)))
    ).run(Self.rules.map { Self.text($0, "one") })
    let light = truths.filter { $0.kurtosis < 60 }
    #expect(light.count >= 4)
    try check(light.map(\.truth), in: figures, familySize: Self.familySize, relativeHalfWidth: 0.02)
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-4 / Double(Self.familySize)) }
  }

  /// Regressed coefficients: near Cov/Var; given them the variance is V − 2aC + a²W, next to V(1 − ρ²) at the optimum.
  @Test(arguments: cases, ["score", "reparam"]) func regressedCoefficients(_ c: Case, _ name: String) throws {
    let bench = try Bench(c.model, at: "mean=\(c.m),log_scale=\(log(c.s))", samples: 1, lanes: 4096)
    if name == "score" {
      try regress(ScoreFunction(control: ControlVariateOptions(.delta, coefficient: .regressed)), c, name, bench) {
        $0.control.coefficients
      }
    } else {
      try regress(Reparameterization(control: ControlVariateOptions(.delta, coefficient: .regressed)), c, name, bench) {
        $0.coefficients
      }
    }
  }

  private func regress<E: GradientEstimator>(
    _ estimator: E, _ c: Case, _ name: String, _ bench: Bench, coefficients: (E.State) -> [Double]
  ) throws {
    let (t, slope) = Self.taylor(c), problem = bench.problem, shape = bench.block.shape
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 77)
    var own = try RandomStream(try #require(Generator.named("mt19937")), index: 78)
    var state = estimator.initialState(for: problem, parameters: bench.parameters)
    var workspace = try estimator.makeWorkspace(for: problem, shape: shape)
    let needed = try estimator.requirements(samples: 1, of: problem).quantities
    #expect(coefficients(state) == [1, 1] && estimator.warmUp(for: state) != nil)
    var block = DrawBlock(shape: shape, parameters: bench.parameters)
    func estimate() -> [Double] {
      block.sample(problem, random: &random)
      block.evaluate(needed, of: problem)
      var gradients = [Double](repeating: 0, count: shape.parameters * shape.lanes), span = gradients.mutableSpan
      estimator.estimate(problem, block, state: state, random: &own, workspace: &workspace, into: &span)
      return gradients
    }
    for _ in 0..<4 {
      _ = estimate()
      estimator.adapt(&state, problem: problem, block: block, workspace: &workspace)
    }
    let frozen = coefficients(state)
    var sums = [[Double]](repeating: [0, 0, 0, 0], count: 2), count = 0.0
    let means = [true, false].map { isMean in
      CostFunctionTests.expectation(Self.rule(name, c, isMean: isMean, c.f, c.derivative))
    }
    for _ in 0..<40 {
      let gradients = estimate()
      count += Double(shape.lanes)
      for p in 0..<2 {
        for lane in 0..<shape.lanes {
          let e = gradients[p * shape.lanes + lane] - means[p]
          sums[p][0] += e
          sums[p][1] += e * e
          sums[p][3] += e * e * e * e
        }
      }
    }
    for (p, isMean) in [(0, true), (1, false)] {
      let plain = Self.rule(name, c, isMean: isMean, c.f, c.derivative)
      let variate = Self.rule(name, c, isMean: isMean, t, slope)
      let mean = means[p], known = CostFunctionTests.expectation(variate)
      let V = CostFunctionTests.moments(plain).variance, W = CostFunctionTests.moments(variate).variance
      let C = CostFunctionTests.expectation { (plain($0) - mean) * (variate($0) - known) }
      // Var â of a regression slope: E[(residual · c)²]/(n W²).
      let slopeError =
        (CostFunctionTests.expectation {
          let r = plain($0) - mean - C / W * (variate($0) - known)
          return pow(r * (variate($0) - known), 2)
        } / (4 * 4096)).squareRoot() / W
      #expect(abs(frozen[p] - C / W) < 6 * slopeError + 1e-12, "\(name) \(p): \(frozen[p]) against \(C / W)")
      let wanted = V - 2 * frozen[p] * C + frozen[p] * frozen[p] * W
      let variance = sums[p][1] / count, error = ((sums[p][3] / count - variance * variance) / count).squareRoot()
      #expect(abs(variance - wanted) < 6 * error + 1e-12, "\(name) \(p): \(variance) ± \(error) against \(wanted)")
      #expect(
        wanted >= V * (1 - C * C / (V * W)) - 1e-12 && abs(sums[p][0] / count) < 6 * (wanted / count).squareRoot())
    }
  }

  /// Where λ moves, t and the coefficients follow.
  @Test func theExpansionFollows() throws {
    let bench = try Bench("cosine:k=1", at: "mean=1,log_scale=0", samples: 1, lanes: 64)
    let estimator = Reparameterization(control: ControlVariateOptions(.delta, coefficient: .regressed))
    var state = estimator.initialState(for: bench.problem, parameters: [0, -1])
    let start = state
    var workspace = try estimator.makeWorkspace(for: bench.problem, shape: bench.block.shape)
    estimator.adapt(&state, problem: bench.problem, block: bench.block, workspace: &workspace)
    #expect(state != start)
    let fresh = try JSONEncoder().encode(state), back = try JSONDecoder().decode(ControlVariateState.self, from: fresh)
    #expect(back == state)
  }

  @Test func whatDoesNotGoTogether() throws {
    for wrong in [
      ScoreFunction(control: ControlVariateOptions(.none, coefficient: .regressed)),
      ScoreFunction(baseline: .mean, control: ControlVariateOptions(.delta)),
      ScoreFunction(raoBlackwell: true, control: ControlVariateOptions(.delta)),
    ] {
      #expect(throws: ComponentError.self) { try wrong.check() }
    }
    try ScoreFunction(baseline: .leaveOneOut, control: ControlVariateOptions(.delta)).check()
    let wide = try Bench("gaussian:dimension=2049", at: "initial", samples: 1, lanes: 1)
    let error = #expect(throws: EstimatorError.self) {
      try Reparameterization(control: ControlVariateOptions(.delta)).requirements(samples: 1, of: wide.problem)
    }
    #expect(error?.description.contains("2048") == true)
  }
}
