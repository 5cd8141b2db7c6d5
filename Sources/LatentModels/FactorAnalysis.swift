internal import GradientEstimation
internal import NeuralNetworks
internal import Randomness

/// Factor analysis of a data set, by a linear encoder; with one σ for all columns the linear auto-encoder, which is
/// probabilistic PCA
///
///     z_n ~ N(0, I_k),   x_n | z_n ~ N(W z_n + μ, Ψ),   q(z_n) of the family with λ_n = V x_n + c
///
/// Lucas et al. (2019); Tipping and Bishop (1999); Rubin and Thayer (1982).
///
/// - θ: W, μ and log σ; see `LinearDecoder`.
/// - Exact: log p(x_n) = log N(x_n; μ, W Wᵀ + Ψ); of one σ its maximum too; the steps of expectation maximisation.
struct FactorAnalysis: DatasetModel, TwiceDifferentiableModel, FactorizedModel {
  private(set) var decoder: LinearDecoder
  let data: DataSplit
  /// Whether λ_n is made by an encoder, rather than a parameter of its own.
  let isAmortised: Bool
  let minibatch: Int
  private let moments = KeptMoments()

  init(decoder: LinearDecoder, data: DataSplit, isAmortised: Bool, minibatch: Int) {
    (self.decoder, self.data, self.isAmortised, self.minibatch) = (decoder, data, isAmortised, minibatch)
  }

  var dimension: Int { decoder.latent }
  var prior: (any Prior)? { decoder.prior }
  var namedDistributions: [String: any Prior] { ["prior": decoder.prior] }
  var factorizedTerms: Terms { .prior }
  var modelParameterBlocks: [ParameterBlock] { decoder.parameterBlocks }
  var modelParameters: [Double] { decoder.parameters }
  var modelGradientQuantities: Quantities { decoder.gradientQuantities }

  func with(modelParameters: [Double]) -> FactorAnalysis { with(decoder.with(parameters: modelParameters)) }

  func with(_ decoder: LinearDecoder) -> FactorAnalysis {
    var model = self
    model.decoder = decoder
    return model
  }

  func initialized(random: inout RandomStream) -> FactorAnalysis {
    with(
      LinearDecoder(
        of: data.training, latent: decoder.latent, sharesNoise: decoder.sharesNoise, random: &random))
  }

  /// Nil where there are no data, or they are drawn anew whenever they are used.
  func moments(of part: DataPart) -> DataMoments? {
    guard !data.isDynamic, dataCount(part) > 0 else { return nil }
    return moments.of(part) { DataMoments(part == .training ? data.training : data.test) }
  }

  func datum(_ x: [Double]) -> any LatentModel { FactorAnalysisDatum(decoder: decoder, x: x) }

  func meanObservations(at z: [Double], lanes: Int) -> [Double] { decoder.meanObservations(z, lanes: lanes) }

  func observationDraws(at z: [Double], lanes: Int, random: inout RandomStream) -> [Double] {
    decoder.observationDraws(z, lanes: lanes, random: &random)
  }

  func inferenceNetwork(initial: [Double]) -> any InferenceNetwork {
    guard isAmortised else { return FreeParameters(dataCount: data.training.count, initial: initial) }
    // Without hidden layers there are no hidden units either.
    let network = MultilayerPerceptron(sizes: [observationDimension, initial.count], activation: .tanh)
    return Encoder(network: network, initial: initial, columns: data.training.meanAndScale)
  }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    decoder.evaluate(needed, draws.observations, at: draws, into: &evaluation)
  }

  /// That of every datum.
  func hessian(of term: Term, at z: [Double]) -> [Double] { decoder.hessian(of: term) }

  func addModelGradient(
    weights: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>
  ) {
    decoder.addGradients(weights: weights, z: draws.z, tape: evaluation.tape, draws.shape, into: &gradients)
  }

  func addTotalModelGradient(
    weights: borrowing Span<Double>, factor: Double, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradient: inout MutableSpan<Double>
  ) {
    decoder.addTotalGradient(
      weights: weights, factor: factor, z: draws.z, tape: evaluation.tape, draws.shape, into: &gradient)
  }
}

extension FactorAnalysis: ExactLikelihoodModel {
  func logLikelihood(of part: DataPart) -> Double? {
    let data = part == .training ? data.training : data.test, d = data.dimension
    guard data.count > 0, !data.isDynamic, let posterior = LinearPosterior(decoder) else { return nil }
    var sum = 0.0
    for n in 0..<data.count { sum += posterior.logEvidence(Array(data.values[n * d..<(n + 1) * d])) }
    return sum.isFinite ? sum / Double(data.count) : nil
  }

  var atMaximumLikelihood: FactorAnalysis? { maximum.map { with($0.decoder) } }
  var maximumLogLikelihood: Double? { maximum?.logLikelihood }

  private var maximum: (decoder: LinearDecoder, logLikelihood: Double)? {
    decoder.sharesNoise && !data.isDynamic
      ? LinearDecoder.principalComponents(of: data.training, latent: decoder.latent) : nil
  }
}

/// Factor analysis of one datum, x: an ordinary latent model, of which all is exact.
struct FactorAnalysisDatum: LearnableNormalExpectations, TwiceDifferentiableModel, FactorizedModel {
  let decoder: LinearDecoder
  /// `[d]`
  let x: [Double]

  var dimension: Int { decoder.latent }
  var prior: (any Prior)? { decoder.prior }
  var factorizedTerms: Terms { .prior }
  var modelParameterBlocks: [ParameterBlock] { decoder.parameterBlocks }
  var modelParameters: [Double] { decoder.parameters }
  var modelGradientQuantities: Quantities { decoder.gradientQuantities }
  var logEvidence: Double? { LinearPosterior(decoder)?.logEvidence(x) }

  var namedDistributions: [String: any Prior] {
    guard let posterior = LinearPosterior(decoder) else { return ["prior": decoder.prior] }
    return ["prior": decoder.prior, "posterior": posterior.distribution(x)]
  }

  func with(modelParameters: [Double]) -> FactorAnalysisDatum {
    FactorAnalysisDatum(decoder: decoder.with(parameters: modelParameters), x: x)
  }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    decoder.evaluate(needed, x, at: draws, into: &evaluation)
  }

  func hessian(of term: Term, at z: [Double]) -> [Double] { decoder.hessian(of: term) }

  func addModelGradient(
    weights: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>
  ) {
    decoder.addGradients(weights: weights, z: draws.z, tape: evaluation.tape, draws.shape, into: &gradients)
  }

  func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    switch term {
    case .prior: decoder.prior.hermiteMoments(mean: mean, scale: scale)
    case .likelihood: decoder.moments(x, mean: mean, scale: scale)
    default: nil
    }
  }

  func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    switch term {
    case .prior: decoder.prior.covarianceMoments(mean: mean, covariance: covariance)
    case .likelihood: decoder.moments(x, mean: mean, covariance: covariance)
    default: nil
    }
  }

  func modelGradient(mean: [Double], scale: [Double]) -> [Double] {
    let k = mean.count
    var covariance = [Double](repeating: 0, count: k * k)
    for j in 0..<k { covariance[j * k + j] = scale[j] * scale[j] }
    return modelGradient(mean: mean, covariance: covariance)
  }

  func modelGradient(mean: [Double], covariance: [Double]) -> [Double] {
    decoder.gradient(x, mean: mean, covariance: covariance)
  }
}
