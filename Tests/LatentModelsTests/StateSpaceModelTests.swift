import Foundation
import GradientEstimation
@testable import LatentModels
import Testing
import VariationalFamilies

@Suite struct StateSpaceModelTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let steps: Int
    let coefficient, initialScale, transitionNoise, noise: Double
    var testDescription: String { "T = \(steps), \(coefficient), \(initialScale), \(transitionNoise), \(noise)" }

    var specification: StateSpaceModel {
      var model = StateSpaceModel()
      (model.steps, model.coefficient, model.initialScale) = (steps, coefficient, initialScale)
      (model.transitionNoise, model.noise) = (transitionNoise, noise)
      return model
    }
    func model() throws -> StateSpaceModel { try #require(try specification.makeIntegrand() as? StateSpaceModel) }

    /// The states' covariance: var z_1 = initial_scale², var z_t = a² var z_{t−1} + q², cov(z_s, z_t) = a^{t−s} var z_s.
    var covariance: Dense {
      var variances = [initialScale * initialScale]
      for _ in 1..<max(steps, 1) {
        variances.append(coefficient * coefficient * (variances.last ?? 0) + transitionNoise * transitionNoise)
      }
      return Dense(steps) { i, j in pow(coefficient, Double(abs(i - j))) * variances[min(i, j)] }
    }
  }

  static let cases = [
    Case(steps: 1, coefficient: 0.5, initialScale: 2, transitionNoise: 1, noise: 0.7),
    Case(steps: 2, coefficient: 1, initialScale: 1, transitionNoise: 0.3, noise: 1),
    Case(steps: 7, coefficient: 0.9, initialScale: 1.5, transitionNoise: 0.5, noise: 0.4),
    Case(steps: 12, coefficient: -0.6, initialScale: 0.2, transitionNoise: 2, noise: 3),
  ]

  /// The data: what makes ∇ log p(y | z) zero.
  static func observations(_ model: StateSpaceModel, _ noise: Double) throws -> [Double] {
    let zeros = [Double](repeating: 0, count: model.dimension)
    return try Computed(.likelihood, of: model, at: zeros, samples: 1, lanes: 1).gradient.map { $0 * noise * noise }
  }

  @Test(arguments: cases) func valuesGradientsAndMoments(_ c: Case) throws {
    let model = try c.model(), y = try Self.observations(model, c.noise)
    try checkEvaluation(.likelihood, of: model, samples: 2, lanes: 3) { z in
      z.indices.map { logNormal(y[$0], z[$0], c.noise) }
    }
    try checkEvaluation(.prior, of: model, samples: 2, lanes: 3) { z in
      [
        z.indices.reduce(0) {
          $0
            + ($1 == 0
              ? logNormal(z[0], 0, c.initialScale) : logNormal(z[$1], c.coefficient * z[$1 - 1], c.transitionNoise))
        }
      ]
    }
    let mean = try normals(3, c.steps), scale = try normals(4, c.steps).map { exp(0.4 * $0) }
    for term in [Term.prior, .likelihood] { try checkMomentsByDraws(term, of: model, mean: mean, scale: scale) }
    try checkCovarianceMoments(of: model, mean: mean)
  }

  /// The evidence by the Kalman filter (Durbin and Koopman 2012, section 2.2), which goes from step to step, and by the
  /// dense covariance of y.
  @Test(arguments: cases) func evidence(_ c: Case) throws {
    let model = try c.model(), y = try Self.observations(model, c.noise), evidence = try #require(model.logEvidence)
    var mean = 0.0, variance = c.initialScale * c.initialScale, filtered = 0.0
    for observation in y {
      let predicted = variance + c.noise * c.noise, gain = variance / predicted
      filtered += logNormal(observation, mean, predicted.squareRoot())
      mean = c.coefficient * (mean + gain * (observation - mean))
      variance = c.coefficient * c.coefficient * variance * (1 - gain) + c.transitionNoise * c.transitionNoise
    }
    #expect(abs(evidence - filtered) < 1e-12 * (1 + abs(filtered)), "\(evidence) instead of \(filtered)")
    let covariance = c.covariance
    let marginal = Dense(c.steps) { covariance.rows[$0][$1] + ($0 == $1 ? c.noise * c.noise : 0) }.logNormal(y)
    #expect(abs(evidence - marginal) < 1e-12 * (1 + abs(marginal)))
  }

  /// log p(y, z) − log p(z | y) is log p(y) whatever z; and the point `prior` is the prior.
  @Test(arguments: cases) func priorAndPosterior(_ c: Case) throws {
    let model = try c.model(), evidence = try #require(model.logEvidence), z = try normals(4, c.steps)
    let prior = try Computed(.prior, of: model, at: z, samples: 1, lanes: 1).values[0]
    let likelihood = try Computed(.likelihood, of: model, at: z, samples: 1, lanes: 1).values[0]
    let named = model.namedDistributions
    let posteriorDensity = logDensity(try #require(named["posterior"] as? MultivariateNormal), z)
    #expect(abs(prior + likelihood - posteriorDensity - evidence) < 1e-11 * (1 + abs(prior + likelihood)))
    #expect(abs(logDensity(try #require(named["prior"] as? MultivariateNormal), z) - prior) < 1e-11 * (1 + abs(prior)))
    #expect(abs(c.covariance.logNormal(z) - prior) < 1e-11 * (1 + abs(prior)))
  }

  /// The data are those of the model: with independent parts that are unit normals, 4000 squares have mean 1 within five
  /// standard errors √(2/4000); other seeds, other data.
  @Test func dataAreMade() throws {
    let c = Case(steps: 4000, coefficient: 0, initialScale: 0.6, transitionNoise: 0.6, noise: 0.8)
    let y = try Self.observations(try c.model(), c.noise)
    let meanSquare = y.reduce(0) { $0 + $1 * $1 } / 4000
    #expect(abs(meanSquare - 1) < 5 * (2.0 / 4000).squareRoot())
    // Of a random walk the increments have variance q² + 2 noise², and neighbours the covariance −noise².
    let walk = Case(steps: 4000, coefficient: 1, initialScale: 1, transitionNoise: 0.6, noise: 0.8)
    let path = try Self.observations(try walk.model(), 0.8), moves = zip(path.dropFirst(), path).map { $0 - $1 }
    let moveSquare = moves.reduce(0) { $0 + $1 * $1 } / 3999 / (0.36 + 1.28)
    #expect(abs(moveSquare - 1) < 5 * (4.0 / 4000).squareRoot())
    var other = c.specification
    other.seed = 2
    #expect(try Self.observations(try #require(try other.makeIntegrand() as? StateSpaceModel), c.noise) != y)
    #expect(try c.model().namedDistributions.isEmpty && c.model().logEvidence?.isFinite == true)
  }

  @Test func dataFromAFile() throws {
    let file = try TemporaryFile("t,y,w\n1,0.5,3\n2,-1,4\n3,2,5\n")
    var specification = StateSpaceModel()
    (specification.data, specification.target) = (file.path, "y")
    try specification.check()
    let model = try #require(try specification.makeIntegrand() as? StateSpaceModel)
    #expect(largestError(try Self.observations(model, 0.5), [0.5, -1, 2]) < 1e-15)
    specification.target = "v"
    let error = #expect(throws: ComponentError.self) { try specification.makeIntegrand() }
    #expect(error?.description == "\(file.path) has no column 'v'; it has t, y, w")
  }

  @Test func optionsWithoutEffect() {
    func fault(_ change: (inout StateSpaceModel) -> Void) -> String? {
      var specification = StateSpaceModel()
      change(&specification)
      return #expect(throws: ComponentError.self) { try specification.check() }?.option
    }
    #expect(fault { $0.target = "y" } == "target")
    #expect(fault { ($0.data, $0.steps) = ("d.csv", 3) } == "steps")
    #expect(fault { ($0.data, $0.seed) = ("d.csv", 3) } == "seed")
  }
}
