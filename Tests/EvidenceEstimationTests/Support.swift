import CKernels
import EvidenceEstimation
import Foundation
import GradientEstimation
import LatentModels
import Randomness
import Testing
import VariationalFamilies

func stream(_ index: UInt) throws -> RandomStream {
  try RandomStream(try #require(Generator.named("xoshiro256x8")), index: index)
}

func problem(_ model: any Integrand, _ family: (any VariationalFamily)? = nil) throws -> Problem {
  try Problem(
    model: model, family: family ?? MeanFieldNormal(dimension: model.dimension), objective: EvidenceLowerBound(),
    sampling: IndependentSampling())
}

/// A linear model of the standardised wine data, d = 13, with the first data of it and log p(x) of each.
struct LinearCase: Sendable, CustomTestStringConvertible {
  let latent: Int
  /// Whether it has one σ, and θ of the greatest likelihood; else a σ each, and W of standard deviation 0.6.
  let isAutoencoder: Bool

  var testDescription: String { (isAutoencoder ? "linear-vae" : "factor-analysis") + ", \(latent) latents" }

  static let all = [2, 5, 10].flatMap {
    [LinearCase(latent: $0, isAutoencoder: true), LinearCase(latent: $0, isAutoencoder: false)]
  }

  func model() throws -> any LocalLatentModel {
    if isAutoencoder {
      var specification = LinearAutoencoder()
      (specification.dataset.data, specification.dataset.standardize) = ("wine", true)
      specification.options.latent = latent
      let model = try #require(try specification.makeIntegrand() as? any ExactLikelihoodModel)
      return try #require(model.atMaximumLikelihood)
    }
    var specification = FactorAnalyzer()
    (specification.dataset.data, specification.dataset.standardize) = ("wine", true)
    specification.options.latent = latent
    let model = try #require(try specification.makeIntegrand() as? any LocalLatentModel)
    var random = try stream(900), theta = model.modelParameters
    var span = theta.mutableSpan
    random.fillNormals(&span)
    for i in theta.indices { theta[i] *= 0.6 }
    for i in try #require(model.modelParameterBlocks.last).range { theta[i] = 0 }
    return model.with(modelParameters: theta)
  }
}

/// The first data of a model's: x `[d × B]`, log p(x) of each, and λ of a q that is not the posterior. Of precision Λ the
/// posterior, q has the diagonal of Λ/1.4² and no correlations, or Λ/1.4² itself where it is of full rank; its means are off by
/// a third of 1.4/√Λ_dd, by turns up and down.
struct Data {
  let x, exact, parameters: [Double]

  init(_ model: any LocalLatentModel, _ lanes: Int, isFullRank: Bool = false) throws {
    let d = model.observationDimension, k = model.dimension
    var random = try stream(901), x = [Double](repeating: 0, count: d * lanes)
    var span = x.mutableSpan
    model.storeObservations(of: .training, (0..<lanes).map { Int32($0) }, random: &random, into: &span)
    let family = FullRankNormal(dimension: k), count = isFullRank ? family.parameterCount : 2 * k
    var exact: [Double] = [], parameters = [Double](repeating: 0, count: count * lanes)
    for lane in 0..<lanes {
      let datum = model.datum((0..<d).map { x[$0 * lanes + lane] })
      exact.append(try #require(datum.logEvidence))
      let posterior = try #require(datum.namedDistributions["posterior"])
      let diagonal = posterior as? DiagonalNormal, dense = posterior as? MultivariateNormal
      let mean = try #require(diagonal?.mean ?? dense?.mean)
      var precision = dense?.precision ?? [Double](repeating: 0, count: k * k)
      if let diagonal { for i in 0..<k { precision[i * k + i] = diagonal.precision[i] } }
      let scale = (0..<k).map { 1.4 / precision[$0 * k + $0].squareRoot() }
      let moved = (0..<k).map { i -> Double in i % 2 == 0 ? mean[i] + scale[i] / 3 : mean[i] - scale[i] / 3 }
      let wide = MultivariateNormal(mean: moved, precision: precision.map { $0 / 1.96 })
      let own = isFullRank ? try #require(family.parameters(of: wide)) : moved + scale.map { log($0) }
      for (p, value) in own.enumerated() { parameters[p * lanes + lane] = value }
    }
    (self.x, self.exact, self.parameters) = (x, exact, parameters)
  }
}

/// The probability that a binomial count of n is c or less.
func binomialTail(_ c: Int, of n: Int, _ p: Double) -> Double {
  var term = pow(1 - p, Double(n)), sum = 0.0
  for i in 0...c {
    sum += term
    term *= Double(n - i) / Double(i + 1) * p / (1 - p)
  }
  return sum
}

/// Estimates against what they are of: the greatest |z|, Σ z/√n, and how many intervals of ± 1.96 errors hold it.
struct Scores {
  let scores: [Double]
  var largest: Double { scores.map(abs).max() ?? 0 }
  var mean: Double { scores.reduce(0, +) / Double(scores.count).squareRoot() }
  var covered: Int { scores.count { abs($0) < 1.96 } }

  init(_ estimates: [EvidenceEstimate], _ exact: [Double]) throws {
    scores = try zip(estimates, exact).map { ($0.value - $1) / (try #require($0.standardError)) }
  }
}

/// The conjugate normal model, x the same in all coordinates.
func gaussian(_ dimension: Int, x: Double = 1, noise: Double = 0.5) throws -> any LatentModel {
  var model = GaussianModel()
  (model.dimensionOption, model.x, model.noise) = (dimension, [x], noise)
  return try #require(try model.makeIntegrand() as? any LatentModel)
}

extension AnnealedImportanceSampling {
  /// A path of a few steps.
  static let short: AnnealedImportanceSampling = {
    var estimator = AnnealedImportanceSampling()
    (estimator.temperatures, estimator.leapfrogSteps) = (4, 2)
    return estimator
  }()
}

extension ReciprocalImportanceSampling {
  /// A few chains and transitions.
  static let brief: ReciprocalImportanceSampling = {
    var estimator = ReciprocalImportanceSampling()
    (estimator.chains, estimator.burnIn, estimator.leapfrogSteps) = (4, 10, 3)
    return estimator
  }()
}
