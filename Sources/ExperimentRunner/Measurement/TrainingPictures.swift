internal import EstimatorStatistics
internal import GradientEstimation
internal import Optimization
internal import Randomness

/// What a training is to be looked at by, after one of its epochs.
package struct TrainingPictures: Sendable {
  package let epoch: Int
  package internal(set) var latents: [Latent] = []
  package internal(set) var manifold: [Image] = []
  package internal(set) var reconstructions: [Image] = []
  package internal(set) var samples: [Image] = []
  package internal(set) var imputations: [Image] = []

  /// q(z) of a test datum, coordinate by coordinate.
  package struct Latent: Sendable {
    package let datum: Int
    package let label: Int?
    package let mean, deviation: [Double]
  }

  /// Numbers of the size of a datum, and what they are.
  package struct Image: Sendable {
    package let datum: Int
    package let label: Int?
    package let kind: String
    /// The z that it is of, where that is a point.
    package let z: [Double]
    package let values: [Double]
  }

  /// Rounds in which missing values are filled in: z from q, x from p.
  static let imputationRounds = 50

  /// Of a model of one z there is nothing to be seen; without an inference network, what the model generates.
  ///
  /// - Parameters:
  ///   - problem: with the model at θ.
  ///   - parameters: the inference network's, and what may follow them.
  init(
    epoch: Int, _ problem: Problem, _ network: (any InferenceNetwork)?, _ parameters: [Double],
    _ wanted: ModelTrainingSpec.Outputs, random: inout RandomStream
  ) {
    self.epoch = epoch
    guard let model = problem.model as? any LocalLatentModel else { return }
    if let network {
      let phi = Array(parameters[..<network.parameterCount])
      inferred(problem, model, network, phi, wanted, &random)
    }
    if problem.model.dimension == 2, problem.model.support == .real, wanted.manifold > 0 {
      manifold = Self.grid(wanted.manifold, model)
    }
    samples = Self.images(
      "sample", model, wanted.samples, model.priorDraws(lanes: max(1, wanted.samples), random: &random))
  }

  /// What q says of data.
  private mutating func inferred(
    _ problem: Problem, _ model: any LocalLatentModel, _ network: any InferenceNetwork, _ phi: [Double],
    _ wanted: ModelTrainingSpec.Outputs, _ random: inout RandomStream
  ) {
    // Without λ for test data, those that were trained on.
    let part = network.generalizes && model.dataCount(.test) > 0 ? DataPart.test : .training
    let count = model.dataCount(part)
    func amortized(_ lanes: Int, samples: Int) -> AmortizedBlock {
      AmortizedBlock(problem, network, samples: samples, lanes: lanes)
    }
    let moments = LatentMoments.each(of: part, count: count, problem, network, phi, random: &random)
    latents = moments.enumerated().map { n, own in
      Latent(datum: n, label: model.label(of: part, n), mean: own.mean, deviation: own.deviation)
    }
    let shown = min(wanted.reconstruction, count)
    if shown > 0 {
      var block = amortized(shown, samples: 1)
      block.take((0..<shown).map { Int32($0) }, of: part, parameters: phi, random: &random)
      block.block.sample(problem, random: &random)
      let originals = block.block.draws.observations, z = problem.family.moments(of: block.block).mean
      let means = problem.family.knowsMoments && model.support == .real ? z : block.block.draws.z
      let decoded = model.meanObservations(at: means, lanes: shown)
      for n in 0..<shown {
        let label = model.label(of: part, n)
        reconstructions.append(
          Image(datum: n, label: label, kind: "original", z: [], values: Self.column(originals, n, shown)))
        reconstructions.append(
          Image(
            datum: n, label: label, kind: "reconstruction", z: Self.column(means, n, shown),
            values: Self.column(decoded, n, shown)))
      }
    }
    let imputed = network.generalizes ? min(wanted.imputation, count) : 0
    if imputed > 0 { impute(imputed, part, problem, model, amortized(imputed, samples: 1), phi, &random) }
  }

  /// The second half of each datum is taken away, and filled in by turns of z from q and x from p (Rezende et al. 2014,
  /// appendix F), from values of ½ on; what is shown is the mean over the later half of the rounds.
  private mutating func impute(
    _ lanes: Int, _ part: DataPart, _ problem: Problem, _ model: any LocalLatentModel,
    _ amortized: consuming AmortizedBlock, _ phi: [Double], _ random: inout RandomStream
  ) {
    let d = model.observationDimension, missing = d / 2 * lanes..<d * lanes
    amortized.take((0..<lanes).map { Int32($0) }, of: part, parameters: phi, random: &random)
    let originals = amortized.block.draws.observations
    var current = originals, sums = [Double](repeating: 0, count: originals.count)
    for i in missing { current[i] = 0.5 }
    let masked = current
    for round in 0..<Self.imputationRounds {
      amortized.encode(current, parameters: phi)
      amortized.block.sample(problem, random: &random)
      let decoded = model.meanObservations(at: amortized.block.draws.z, lanes: lanes)
      for i in missing {
        current[i] = decoded[i]
        if 2 * round >= Self.imputationRounds { sums[i] += decoded[i] }
      }
    }
    var filled = originals
    for i in missing { filled[i] = sums[i] / Double((Self.imputationRounds + 1) / 2) }
    for n in 0..<lanes {
      for (kind, values) in [("original", originals), ("masked", masked), ("imputed", filled)] {
        imputations.append(
          Image(datum: n, label: model.label(of: part, n), kind: kind, z: [], values: Self.column(values, n, lanes)))
      }
    }
  }

  /// The decoder over a grid of the quantiles of N(0, 1) in two dimensions.
  private static func grid(_ size: Int, _ model: any LocalLatentModel) -> [Image] {
    let quantiles = (0..<size).map { NormalDistribution.quantile((Double($0) + 0.5) / Double(size)) },
      lanes = size * size
    var z = [Double](repeating: 0, count: 2 * lanes)
    for i in 0..<lanes {
      z[i] = quantiles[i % size]
      z[lanes + i] = quantiles[i / size]
    }
    return images("manifold", model, lanes, z)
  }

  private static func images(_ kind: String, _ model: any LocalLatentModel, _ count: Int, _ z: [Double]) -> [Image] {
    guard count > 0 else { return [] }
    let means = model.meanObservations(at: z, lanes: count)
    return (0..<count).map {
      Image(datum: $0, label: nil, kind: kind, z: column(z, $0, count), values: column(means, $0, count))
    }
  }

  private static func column(_ values: [Double], _ lane: Int, _ lanes: Int) -> [Double] {
    stride(from: lane, to: values.count, by: lanes).map { values[$0] }
  }
}
