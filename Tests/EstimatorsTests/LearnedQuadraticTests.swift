import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

/// The learned quadratic control variate.
@Suite struct LearnedQuadraticTests {
  static let learned = "reparam:control_variate=quadratic"

  struct Exactly: Sendable, CustomTestStringConvertible {
    let model, family, at: String
    var kl = "entropy"
    var sampling = "iid"
    var testDescription: String { "\(model), \(family), kl=\(kl), \(sampling)" }
  }

  /// For a quadratic f it finds f, and what is left is the exact gradient: in whatever family, split and sampling scheme.
  @Test(arguments: [
    Exactly(model: "quadratic:k=0.7,dimension=3", family: "mean-field-normal", at: "mean=0.4,log_scale=-0.3"),
    Exactly(model: "gaussian:dimension=5,noise=0.8", family: "mean-field-normal", at: "initial", kl: "analytic"),
    Exactly(
      model: "gaussian:dimension=3,correlation=-0.6", family: "full-rank-normal",
      at: "mean=0.4,log_diagonal=-0.3,off_diagonal=0.6"),
    Exactly(model: "gaussian:dimension=3,correlation=0.6", family: "low-rank-normal", at: "initial"),
    Exactly(
      model: "gaussian:dimension=3,correlation=0.6", family: "low-rank-normal", at: "initial", kl: "analytic",
      sampling: "antithetic"),
    Exactly(model: "gaussian:dimension=2", family: "full-rank-normal", at: "initial", sampling: "latin-hypercube"),
    Exactly(model: "gaussian:dimension=2", family: "student-t", at: "mean=0.4,log_scale=-0.3"),
    Exactly(model: "probabilistic-pca", family: "full-rank-normal", at: "initial", kl: "analytic"),
  ])
  func nothingIsLeftOfAQuadratic(_ c: Exactly) async throws {
    let isCost = c.model.hasPrefix("quadratic"), split = isCost ? "" : ",kl=\(c.kl)"
    let plain = isCost ? "reparam" : "reparam:kl=\(c.kl)"
    let figures = try await Measurement(
      model: c.model, at: c.at, samples: 2, replicates: 3000, family: c.family, sampling: c.sampling
    ).run([plain, Self.learned + split, Self.learned + ",coefficient=regressed" + split])
    let whole = try #require(figures.entries[0].all).variance
    for entry in figures.entries.dropFirst() {
      let all = try #require(entry.all)
      #expect(all.mark == .rounding && all.variance < 1e-20 * whole, "\(entry.entry.text): \(all.variance) of \(whole)")
      if let bias = all.bias { #expect(bias.p > 1e-5, "\(entry.entry.text)") }
    }
  }

  /// Logistic regression on the breast-cancer data, D = 31, at the optimum: what is left is a tenth of `reparam`'s, and less
  /// than Taylor's polynomial leaves. It has no bias, each at 10⁻⁵.
  @Test func logisticRegressionAtTheOptimum() async throws {
    let delta = "reparam:control_variate=delta", best = delta + ",coefficient=regressed"
    let figures = try await Measurement(
      model: "logistic-regression", at: "optimum", samples: 2, replicates: 6000
    ).run(["reparam", delta, best, Self.learned, Self.learned + ",coefficient=regressed"])
    let intervals = figures.entries.map { $0.moments.interval(ofBlock: $0.blocks.count - 1, level: 1 - 1e-5) }
    for own in intervals[3...] {
      #expect(own.high < 0.2 * intervals[0].low, "\(own) against \(intervals[0])")
      #expect(own.high < 0.8 * intervals[1].low, "\(own) against \(intervals[1])")
      #expect(own.low < intervals[2].low, "\(own) against \(intervals[2])")
    }
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-5, "\(entry.entry.text)") }
  }

  /// Minibatches, whose choice it cannot know: no bias, and what it takes away is not more than there is.
  @Test func minibatches() async throws {
    let model = "logistic-regression:minibatch=64"
    let figures = try await Measurement(model: model, at: "initial", samples: 2, replicates: 6000)
      .run(["reparam", Self.learned])
    let (plain, own) = (try #require(figures.entries[0].all), try #require(figures.entries[1].all))
    #expect(own.variance < 0.7 * plain.variance, "\(own.variance) of \(plain.variance)")
    #expect(try #require(own.bias).p > 1e-5)
  }

  /// f = cos kz under N(m, s²): B tends to E f″ = −k² cos(km) e^{−k²s²/2} (Stein) and ∇t(m) to E f′; given what was learned,
  /// the variance is that of the rest. Limits are six standard errors.
  @Test func whatIsLearned() throws {
    let (k, m, s) = (1.3, 0.7, 0.8), estimator = Reparameterization(control: ControlVariateOptions(.quadratic))
    let bench = try Bench("cosine:k=\(k)", at: "mean=\(m),log_scale=\(log(s))", samples: 1, lanes: 4096)
    let problem = bench.problem, shape = bench.block.shape, mean = CostFunctionTests.expectation
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 81)
    var own = try random.copy()
    var state = estimator.initialState(for: problem, parameters: bench.parameters)
    #expect(state.quadratic == nil && estimator.warmUp(for: state) == WarmUp(lanes: 32, batches: 8))
    var workspace = try estimator.makeWorkspace(for: problem, shape: shape)
    let needed = try estimator.requirements(samples: 1, of: problem).quantities
    var block = DrawBlock(shape: shape, parameters: bench.parameters)
    func estimate() -> [Double] {
      block.sample(problem, random: &random)
      block.evaluate(needed, of: problem)
      var gradients = [Double](repeating: 0, count: shape.parameters * shape.lanes), span = gradients.mutableSpan
      estimator.estimate(problem, block, state: state, random: &own, workspace: &workspace, into: &span)
      return gradients
    }
    let n = 4.0 * 4096
    for _ in 0..<4 {
      _ = estimate()
      estimator.adapt(&state, problem: problem, block: block, workspace: &workspace)
    }
    let t = try #require(state.quadratic), f = { (z: Double) in -k * sin(k * z) }
    let curvature = -k * k * cos(k * m) * exp(-0.5 * k * k * s * s), level = -k * sin(k * m) * exp(-0.5 * k * k * s * s)
    func rest(_ e: Double) -> Double { f(m + s * e) - level - curvature * s * e }
    let error = (mean { pow(rest($0) * $0, 2) } / n).squareRoot() / s, levelError = (mean { rest($0) * rest($0) } / n)
    #expect(abs(t.curvature[0] - curvature) < 6 * error, "\(t.curvature[0]) ± \(error) against \(curvature)")
    #expect(
      abs(t.slope[0] + t.curvature[0] * (m - t.center[0]) - level) < 6 * levelError.squareRoot() + 6 * error * s
        / n
        .squareRoot() * 6, "\(t.slope[0])")
    let frozen = state, back = try JSONDecoder().decode(ControlVariateState.self, from: JSONEncoder().encode(state))
    #expect(back == state)
    var sums = [[Double]](repeating: [0, 0], count: 2), count = 0.0
    func left(_ p: Int) -> (Double) -> Double {
      { e in (f(m + s * e) - t.slope[0] - t.curvature[0] * (m + s * e - t.center[0])) * (p == 0 ? 1 : s * e) }
    }
    let known = [level, -k * k * s * s * cos(k * m) * exp(-0.5 * k * k * s * s)]
    for _ in 0..<40 {
      let gradients = estimate()
      count += Double(shape.lanes)
      for p in 0..<2 {
        for lane in 0..<shape.lanes {
          let e = gradients[p * shape.lanes + lane] - known[p]
          sums[p][0] += e
          sums[p][1] += e * e
        }
      }
    }
    #expect(state == frozen)
    for p in 0..<2 {
      let wanted = CostFunctionTests.moments(left(p)), variance = sums[p][1] / count
      let error = (wanted.variance * wanted.variance * (wanted.kurtosis - 1) / count).squareRoot()
      #expect(abs(variance - wanted.variance) < 6 * error, "\(p): \(variance) ± \(error) against \(wanted.variance)")
      #expect(abs(sums[p][0] / count) < 6 * (wanted.variance / count).squareRoot(), "\(p)")
    }
  }

  /// Where f is no quadratic the regression's matrix is not symmetric, and a quadratic's gradient must be: B is its symmetric
  /// part, bit for bit.
  @Test func theCurvatureIsSymmetric() throws {
    let estimator = Reparameterization(control: ControlVariateOptions(.quadratic))
    let bench = try Bench("funnel:dimension=3", at: "mean=0.3,log_scale=-0.5", samples: 1, lanes: 64)
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 97)
    var state = estimator.initialState(for: bench.problem, parameters: bench.parameters)
    var workspace = try estimator.makeWorkspace(for: bench.problem, shape: bench.block.shape)
    let needed = try estimator.requirements(samples: 1, of: bench.problem).quantities
    var block = DrawBlock(shape: bench.block.shape, parameters: bench.parameters)
    for _ in 0..<8 {
      block.sample(bench.problem, random: &random)
      block.evaluate(needed, of: bench.problem)
      estimator.adapt(&state, problem: bench.problem, block: block, workspace: &workspace)
    }
    let curvature = try #require(state.quadratic).curvature
    for i in 0..<3 { for j in 0..<i { #expect(curvature[3 * i + j] == curvature[3 * j + i]) } }
    #expect(curvature[1] != 0)
  }

  /// One draw a batch, as in an optimization: nothing is subtracted before there is enough to learn from; draws that are not
  /// finite, or all the same, are no reason to fail.
  @Test func fewDraws() throws {
    let estimator = Reparameterization(control: ControlVariateOptions(.quadratic, coefficient: .regressed))
    let bench = try Bench("gaussian:dimension=3", at: "initial", samples: 1, lanes: 1)
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 83)
    var state = estimator.initialState(for: bench.problem, parameters: bench.parameters)
    var workspace = try estimator.makeWorkspace(for: bench.problem, shape: bench.block.shape)
    let needed = try estimator.requirements(samples: 1, of: bench.problem).quantities
    var block = DrawBlock(shape: bench.block.shape, parameters: bench.parameters)
    func adapt() {
      block.evaluate(needed, of: bench.problem)
      estimator.adapt(&state, problem: bench.problem, block: block, workspace: &workspace)
    }
    for _ in 0..<40 { adapt() }
    #expect(state.quadratic == nil)
    block.draws.z[1] = .nan
    adapt()
    state = estimator.initialState(for: bench.problem, parameters: bench.parameters)
    var first = 0
    for step in 1...40 {
      block.draws.parameters[0] = 0.01 * Double(step)
      block.sample(bench.problem, random: &random)
      adapt()
      if state.quadratic != nil, first == 0 { first = step }
    }
    // 3 (D + 2) draws.
    #expect(first == 15)
    let t = try #require(state.quadratic)
    for i in 0..<3 {
      for j in 0..<3 { #expect(abs(t.curvature[3 * i + j] - (i == j ? -2 : 0)) < 1e-9, "\(t.curvature)") }
    }
  }

  @Test func refusals() throws {
    let options = ControlVariateOptions(.quadratic)
    for wrong in [
      #expect(throws: ComponentError.self) { try ScoreFunction(control: options).check() },
      #expect(throws: ComponentError.self) { try MeasureValued(control: options).check() },
    ] {
      #expect(wrong?.description.contains("'reparam'") == true && wrong?.option == "control_variate")
    }
    let estimator = Reparameterization(control: options)
    try estimator.check()
    let wide = try Bench("gaussian:dimension=513", at: "initial", samples: 1, lanes: 1)
    let error = #expect(throws: EstimatorError.self) { try estimator.requirements(samples: 1, of: wide.problem) }
    #expect(error?.description.contains("512") == true)
  }

  /// A family whose covariance is infinite.
  @Test(arguments: [(2.0, false), (2.5, true)]) func infiniteCovariance(_ degrees: Double, _ isServed: Bool) throws {
    let plain = try Bench("gaussian:dimension=2", at: "initial", samples: 1, lanes: 1).problem
    let problem = try Problem(
      model: plain.model, family: StudentT(dimension: 2, degrees: degrees), objective: plain.objective,
      sampling: plain.sampling)
    let estimator = Reparameterization(control: ControlVariateOptions(.quadratic))
    if isServed {
      _ = try estimator.requirements(samples: 1, of: problem)
    } else {
      let error = #expect(throws: EstimatorError.self) { try estimator.requirements(samples: 1, of: problem) }
      #expect(error?.description.contains("mean and covariance") == true)
    }
  }
}
