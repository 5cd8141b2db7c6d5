import Estimators
import EstimatorStatistics
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// TRUTHS 2: the concrete relaxation and its straight-through form on one bit, f = (z − t)², by quadrature and as measured.
@Suite struct ConcreteTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let t, theta, tau: Double
    let concrete, straight: LogisticQuadrature.Moments
    var testDescription: String { "t = \(t), θ = \(theta), τ = \(tau)" }

    init(_ t: Double, _ theta: Double, _ tau: Double, _ c: (Double, Double), _ s: (Double, Double)) {
      (self.t, self.theta, self.tau, concrete, straight) = (t, theta, tau, c, s)
    }

    /// The moments by quadrature.
    init(t: Double, theta: Double, tau: Double) {
      let q = LogisticQuadrature(theta: theta), toy = RelaxedToy(t: t, tau: tau)
      self.init(t, theta, tau, q.moments(toy.concrete), q.moments(toy.straightThrough))
    }
  }

  /// Means and variances of both, as tabulated.
  static let table = [
    Row(0.499, 0.5, 0.1, (0.00049597846, 0.082656697), (0.00049597846, 0.41533472)),
    Row(0.499, 0.5, 0.5, (0.00042920367, 0.013928949), (0.00042920367, 0.07761817)),
    Row(0.499, 0.5, 1, (0.00033333333, 0.004761927), (0.00033333333, 0.033333356)),
    Row(0.499, 0.5, 2, (0.00021460184, 0.0010324169), (0.00021460184, 0.011983794)),
    Row(0.499, 0.9, 0.1, (0.0073699034, 0.030195318), (0.010150259, 0.15038238)),
    Row(0.499, 0.9, 0.5, (0.0322801, 0.0058783817), (0.045941461, 0.029821884)),
    Row(0.499, 0.9, 1, (0.042556764, 0.0020709964), (0.067297095, 0.012857324)),
    Row(0.499, 0.9, 2, (0.031590503, 0.00048040712), (0.06537625, 0.0043096854)),
    Row(0.45, 0.5, 0.1, (0.024798923, 0.086193628), (0.024798923, 0.41887165)),
    Row(0.45, 0.5, 0.5, (0.021460184, 0.014244463), (0.021460184, 0.077933685)),
    Row(0.45, 0.5, 1, (0.016666667, 0.0048174603), (0.016666667, 0.033388889)),
    Row(0.45, 0.5, 2, (0.010730092, 0.0010371181), (0.010730092, 0.011988496)),
    Row(0.45, 0.9, 0.1, (0.01625542, 0.032664566), (0.019035776, 0.1537106)),
    Row(0.45, 0.9, 0.5, (0.04214703, 0.0066028961), (0.055808392, 0.031177734)),
    Row(0.45, 0.9, 1, (0.05284489, 0.0022209983), (0.077585222, 0.0133545)),
    Row(0.45, 0.9, 2, (0.040192284, 0.00045193262), (0.073978031, 0.0043619024)),
  ]

  /// To the digits that are printed.
  @Test(arguments: table) func quadratureGivesTheTable(_ row: Row) {
    let found = Row(t: row.t, theta: row.theta, tau: row.tau)
    func agree(_ a: Double, _ b: Double) -> Bool { abs(a / b - 1) < 2e-7 }
    #expect(agree(found.concrete.mean, row.concrete.mean) && agree(found.concrete.variance, row.concrete.variance))
    #expect(agree(found.straight.mean, row.straight.mean) && agree(found.straight.variance, row.straight.variance))
  }

  /// The bias is −τ θ(1 − θ)(1 − 2θ) as τ falls, whatever t: what is left over falls as τ², a fifth of it relative to the law.
  @Test(arguments: [(0.45, 0.9), (0.2, 0.3), (0.7, 0.62)]) func biasAtLowTemperature(_ t: Double, _ theta: Double) {
    func excess(_ tau: Double) -> Double {
      let truth = (1 - 2 * t) * theta * (1 - theta), law = -tau * theta * (1 - theta) * (1 - 2 * theta)
      return (Row(t: t, theta: theta, tau: tau).concrete.mean - truth) / law - 1
    }
    let (warm, cold) = (abs(excess(0.1)), abs(excess(0.02)))
    #expect(warm < 0.15 && cold < 0.03 && cold < 0.35 * warm)
  }

  static let measured =
    [table[0], table[3], table[5], table[12], table[14]]
    + [Row(t: 0.2, theta: 0.35, tau: 0.3), Row(t: 0.7, theta: 0.62, tau: 0.7), Row(t: 0.45, theta: 0.98, tau: 1.5)]

  /// In canonical text, which leaves defaults out.
  static func names(tau: Double) -> [String] {
    tau == 0.5
      ? ["concrete", "concrete:straight_through=true"]
      : ["concrete:temperature=\(numberText(tau))", "concrete:temperature=\(numberText(tau)),straight_through=true"]
  }

  @Test(arguments: measured, generators) func momentsAreMeasured(_ row: Row, generator: String) async throws {
    let names = Self.names(tau: row.tau)
    for samples in [1, 3] {
      let figures = try await Measurement(
        model: "bernoulli-toy:target=\(row.t)", at: "logit=\(log(row.theta / (1 - row.theta)))", samples: samples,
        replicates: 400_000, generator: generator, family: "bernoulli"
      ).run(names)
      let size = Self.measured.count * generators.count * 4
      for (name, moments) in zip(names, [row.concrete, row.straight]) {
        let truth = Truth(estimator: name, block: "logit", variance: moments.variance / Double(samples))
        try check([truth], in: figures, familySize: size, relativeHalfWidth: 0.06)
        try checkMean(moments.mean, of: name, in: figures, familySize: size)
      }
    }
  }

  /// Draw by draw, against differences of f(x(φ)) over the same noise, f written a second time: more than one dimension,
  /// and one-hot variables.
  @Test(arguments: ["bernoulli", "categorical:categories=3"], [false, true])
  func isTheDerivativeOfTheRelaxation(_ family: String, straightThrough: Bool) throws {
    let tau = 0.6, phi = [0.7, -0.4, 0.2], t = [0.6, 0.51, 0.3], lanes = 32
    let bench = try Bench(
      "bernoulli-toy:target=0.6x0.51x0.3", family: family, at: "logit=0.7x-0.4x0.2", samples: 1, lanes: lanes)
    let found = try bench.run(Concrete(temperature: tau, straightThrough: straightThrough))
    let noise = bench.block.draws.noise, z = bench.block.draws.z
    for lane in 0..<lanes {
      func relaxed(_ phi: [Double]) -> [Double] {
        var weights: [Double] = []
        for d in 0..<3 {
          let u = noise[d * lanes + lane]
          if family == "bernoulli" {
            let logit = phi[d] + log(u / (1 - u))
            weights.append(1 / (1 + exp(-logit / tau)))
          } else {
            let height = phi[d] - log(-log(u))
            weights.append(exp(height / tau))
          }
        }
        let total = family == "bernoulli" ? 1 : weights.reduce(0, +)
        return weights.map { $0 / total }
      }
      let x = relaxed(phi), hard = (0..<3).map { z[$0 * lanes + lane] }
      for p in 0..<3 {
        var (up, down) = (phi, phi)
        up[p] += 1e-5
        down[p] -= 1e-5
        let (above, below) = (relaxed(up), relaxed(down)), at = straightThrough ? hard : x
        var wanted = 0.0
        for d in 0..<3 { wanted += 2 * (at[d] - t[d]) * (above[d] - below[d]) / 2e-5 }
        #expect(abs(found[p * lanes + lane] - wanted) < 1e-8)
      }
    }
  }

  /// What they say that they are on average is that.
  @Test(arguments: table) func statesItsExpectation(_ row: Row) throws {
    let phi = log(row.theta / (1 - row.theta))
    let bench = try Bench(
      "bernoulli-toy:target=\(row.t)", family: "bernoulli", at: "logit=\(phi)", samples: 1, lanes: 2)
    func mean<E: GradientEstimator>(_ estimator: E) throws -> Double {
      try #require(estimator.expectedGradient(of: bench.problem, samples: 1, parameters: [phi]))[0]
    }
    let straight = try mean(Concrete(temperature: row.tau, straightThrough: true))
    #expect(abs(try mean(Concrete(temperature: row.tau)) / row.concrete.mean - 1) < 2e-7)
    #expect(abs(straight / row.straight.mean - 1) < 2e-7)
    #expect(try mean(GumbelRao(temperature: row.tau, inner: 3)) == straight)
  }

  /// Of the ELBO log q is held at λ: at the posterior, where log p − log q is one number, nothing is left.
  @Test func vanishesAtThePosteriorOfOneBit() throws {
    let bench = try Bench("binary-latent", family: "bernoulli", at: "posterior", samples: 3, lanes: 16)
    #expect(try bench.run(Concrete()).allSatisfy { abs($0) < 1e-14 })
  }

  @Test func refusesWhatItCannotRelax() throws {
    let normal = try Bench("gaussian", at: "initial", samples: 1, lanes: 2)
    #expect(
      throws: EstimatorError("relaxes discrete draws, and those of this family are continuous: take reparam or stl")
    ) {
      try Concrete().requirements(samples: 1, of: normal.problem)
    }
    let dependent = try Bench("bernoulli-toy", family: "autoregressive-bernoulli", at: "initial", samples: 1, lanes: 2)
    #expect(
      throws: EstimatorError("needs a family of independent Bernoullis or categoricals: 'bernoulli' or 'categorical'")
    ) { try Concrete().requirements(samples: 1, of: dependent.problem) }
  }
}

/// Checks a measured mean of one parameter: the chance that a correct one fails is 10⁻⁴ / `familySize`.
func checkMean(
  _ mean: Double, of estimator: String, in figures: CellFigures, familySize: Int,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let entry = try #require(figures.entries.first { $0.entry.text == estimator })
  let figure = try #require(entry.coordinates.first)
  let z = (figure.mean - mean) / figure.mcse, limit = -NormalDistribution.quantile(0.5e-4 / Double(familySize))
  #expect(
    abs(z) < limit, "\(estimator) of \(figures.cell.text): z = \(z), \(figure.mean) against \(mean)",
    sourceLocation: sourceLocation)
}
