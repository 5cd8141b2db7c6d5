import Estimators
import Foundation
import GradientEstimation
import Randomness
import Testing

@Suite struct ScoreFunctionTests {
  static let model = "gaussian:dimension=2,x=1x-0.5,noise=0.8"
  static let at = "mean=0.3x-0.2,log_scale=-0.7x0.1"
  static let k = 3
  static let d = 2
  static let b = 5

  /// log w = log p(x, z) − log q(z) of draw k and lane, written out.
  static func logWeight(_ bench: Bench, _ draw: Int, _ lane: Int) -> Double {
    let x = [1, -0.5], noise = 0.8
    return (0..<d).reduce(0.0) { sum, i in
      let z = bench.block.draws.z[(draw * d + i) * b + lane], e = bench.block.draws.noise[(draw * d + i) * b + lane]
      let logPrior = -0.5 * log(2 * .pi) - 0.5 * z * z
      let residual = (x[i] - z) / noise
      let logLikelihood = -0.5 * log(2 * .pi) - log(noise) - 0.5 * residual * residual
      let logQ = -0.5 * log(2 * .pi) - bench.parameters[d + i] - 0.5 * e * e
      return sum + logPrior + logLikelihood - logQ
    }
  }

  /// ∂ log q / ∂λ_p of draw k and lane, written out.
  static func score(_ bench: Bench, _ p: Int, _ draw: Int, _ lane: Int) -> Double {
    let e = bench.block.draws.noise[(draw * d + p % d) * b + lane]
    return p < d ? e / exp(bench.parameters[d + p]) : e * e - 1
  }

  /// (1/K) Σ_k (f_k − b) s_k, for no baseline and the exact mean.
  @Test func isTheWeightedScore() throws {
    let bench = try Bench(Self.model, at: Self.at, samples: Self.k, lanes: Self.b)
    let elbo = try #require(bench.problem.exact(at: bench.parameters)).value
    for (baseline, constant) in [(Baseline.none, 0), (.mean, elbo)] {
      let measured = try bench.run(ScoreFunction(baseline: baseline))
      var wanted: [Double] = []
      for p in 0..<2 * Self.d {
        for lane in 0..<Self.b {
          var sum = 0.0
          for draw in 0..<Self.k {
            sum += (Self.logWeight(bench, draw, lane) - constant) * Self.score(bench, p, draw, lane)
          }
          wanted.append(sum / Double(Self.k))
        }
      }
      #expect(agree(measured, wanted), "\(baseline)")
    }
  }

  /// With a leave-one-out baseline it is the sample covariance, over K − 1, of f and the score.
  @Test func leaveOneOutIsTheSampleCovariance() throws {
    let bench = try Bench(Self.model, at: Self.at, samples: Self.k, lanes: Self.b)
    let measured = try bench.run(ScoreFunction(baseline: .leaveOneOut))
    var wanted: [Double] = []
    for p in 0..<2 * Self.d {
      for lane in 0..<Self.b {
        let f = (0..<Self.k).map { draw in Self.logWeight(bench, draw, lane) }
        let s = (0..<Self.k).map { draw in Self.score(bench, p, draw, lane) }
        let mean = (f.reduce(0, +) / Double(Self.k), s.reduce(0, +) / Double(Self.k))
        wanted.append(zip(f, s).reduce(0) { $0 + ($1.0 - mean.0) * ($1.1 - mean.1) } / Double(Self.k - 1))
      }
    }
    #expect(agree(measured, wanted))
  }

  @Test func leaveOneOutNeedsTwoDraws() throws {
    let bench = try Bench(Self.model, at: Self.at, samples: 1, lanes: 2)
    let requirements = try ScoreFunction(baseline: .leaveOneOut).requirements(samples: 1, of: bench.problem)
    #expect(requirements.minimumSamples == 2 && requirements.needsIndependentDraws)
  }

  /// Learned where it is not exact, on draws of its own, and then it is what it should be: E f, and E[f s²]/E[s²].
  @Test(arguments: [Baseline.mean, .optimal, .movingAverage]) func learnsItsBaseline(_ baseline: Baseline) throws {
    let bench = try Bench("gaussian:x=2,noise=0.5", at: "mean=1,log_scale=-0.5", samples: 2, lanes: 4096)
    let estimator = ScoreFunction(baseline: baseline)
    // A family that hides what it knows leaves the baseline to be learned.
    let hidden = try Problem(
      model: bench.problem.model, family: Secretive(base: bench.problem.family), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    var state = estimator.initialState(for: hidden, parameters: bench.parameters)
    #expect(!state.baseline.isExact && estimator.warmUp(for: state) != nil)
    bench.block.evaluate(Quantities(values: [.prior, .likelihood, .entropy]), of: bench.problem)
    var workspace = try estimator.makeWorkspace(for: hidden, shape: bench.block.shape)
    estimator.adapt(&state, problem: hidden, block: bench.block, workspace: &workspace)
    let wanted = baseline == .movingAverage ? ScoreFunction(baseline: .mean) : estimator
    let target = wanted.initialState(for: bench.problem, parameters: bench.parameters).baseline.values
    // f has standard deviation 2 or so here; the optimum of log_scale weights by a fourth power.
    #expect(
      zip(state.baseline.values, target).allSatisfy { abs($0 - $1) < 0.5 }, "\(state.baseline.values) against \(target)"
    )
    #expect(
      state.baseline.values != ScoreFunction().initialState(for: hidden, parameters: bench.parameters).baseline.values)
  }
}

/// A family that samples and scores as another does and knows nothing exactly.
struct Secretive: VariationalFamily {
  let base: any VariationalFamily
  var dimension: Int { base.dimension }
  var parameterBlocks: [ParameterBlock] { base.parameterBlocks }
  var initialParameters: [Double] { base.initialParameters }
  func parameters(of distribution: any Prior) -> [Double]? { nil }
  func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {
    base.sample(&draws, scheme: scheme, random: &random)
  }
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    base.evaluate(needed, at: draws, into: &evaluation)
  }
  func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) { base.addScore(weights: weights, centers: centers, at: draws, into: &gradients) }
  func analyticTerms(for model: any Integrand) -> Terms { [] }
  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {}
  func exactExpectation(of terms: Terms, for model: any Integrand, parameters: [Double]) -> ExactExpectation? { nil }
}
