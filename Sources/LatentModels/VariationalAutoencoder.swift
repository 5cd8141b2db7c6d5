internal import CKernels
internal import GradientEstimation
internal import NeuralNetworks
internal import Randomness

/// The auto-encoder of auto-encoding variational Bayes: a decoder p_θ(x | z) and what makes λ_n of x_n, both by networks
///
///     z_n ~ p_θ(z),   x_n | z_n ~ p_θ(x | z_n),   q(z_n) of the family with λ_n = f_φ(x_n)
///
/// The family is any: the encoder's outputs are its parameters. Kingma and Welling (2014), sections 2 and 3, appendix C.
///
/// - θ: the decoder's weights and biases; see `Decoder`.
/// - Exact: nothing, for continuous z; up to 16 bits a datum everything, log p(x) included, by enumeration.
/// - Cost: the products of matrices of a pass, forward and where ∇_z is asked for backward.
struct VariationalAutoencoder: DatasetModel, DecodedModel {
  let decoder: Decoder
  let data: DataSplit
  let encoderHidden: [Int]
  let activation: HiddenActivation
  /// Whether λ_n is made by an encoder, rather than a parameter of its own.
  let isAmortised: Bool
  let minibatch: Int
  /// θ, `[Q]`
  var modelParameters: [Double]

  func datum(_ x: [Double]) -> any LatentModel {
    DecodedDatum(decoder: decoder, x: x, modelParameters: modelParameters)
  }

  func meanObservations(at z: [Double], lanes: Int) -> [Double] {
    decoder.meanObservations(modelParameters, z, lanes: lanes)
  }

  func observationDraws(at z: [Double], lanes: Int, random: inout RandomStream) -> [Double] {
    decoder.observationDraws(modelParameters, z, lanes: lanes, random: &random)
  }

  func priorDraws(lanes: Int, random: inout RandomStream) -> [Double] {
    decoder.priorDraws(modelParameters, lanes: lanes, random: &random)
  }

  func inferenceNetwork(initial: [Double]) -> any InferenceNetwork {
    guard isAmortised else { return FreeParameters(dataCount: data.training.count, initial: initial) }
    let sizes = [observationDimension] + encoderHidden + [initial.count]
    return Encoder(network: MultilayerPerceptron(sizes: sizes, activation: activation), initial: initial)
  }

  func initialized(random: inout RandomStream) -> VariationalAutoencoder {
    with(modelParameters: decoder.initialParameters(random: &random))
  }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    decoder.evaluate(needed, modelParameters, draws.observations, at: draws, into: &evaluation)
  }

  func addTotalModelGradient(
    weights: borrowing Span<Double>, factor: Double, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradient: inout MutableSpan<Double>
  ) {
    let (z, tape, shape) = (draws.z, evaluation.tape, draws.shape)
    weights.withUnsafeBufferPointer { weights in
      gradient.withUnsafeMutableBufferPointer { gradient in
        guard let weights = weights.baseAddress, let gradient = gradient.baseAddress else { return }
        decoder.addTotalGradient(
          modelParameters, weights: weights, factor: factor, z: z, tape: tape, shape, to: gradient)
      }
    }
  }
}

/// p_θ(x, z) of one datum under a decoder: an ordinary latent model.
struct DecodedDatum: DecodedModel {
  let decoder: Decoder
  /// `[d]`
  let x: [Double]
  var modelParameters: [Double]

  /// Of bits up to 16, log Σ_z p_θ(x, z).
  var logEvidence: Double? { decoder.isBinary ? Enumeration.logEvidence(ofBits: self) : nil }
  var evidenceStates: Int {
    decoder.isBinary ? Enumeration.stateCount(base: 2, exponent: dimension) ?? .max : 1
  }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    decoder.evaluate(needed, modelParameters, x, at: draws, into: &evaluation)
  }
}

/// What the models of a decoder have in common, of many data or of one.
protocol DecodedModel: LearnableModel, RelaxableModel {
  var decoder: Decoder { get }
  /// θ, `[Q]`
  var modelParameters: [Double] { get set }
}

extension DecodedModel {
  var dimension: Int { decoder.dimension }
  var support: Support { decoder.isBinary ? .binary : .real }
  var prior: (any Prior)? { decoder.prior }
  var namedDistributions: [String: any Prior] { decoder.prior.map { ["prior": $0] } ?? [:] }
  var modelParameterBlocks: [ParameterBlock] { decoder.parameterBlocks }
  var modelGradientQuantities: Quantities { decoder.gradientQuantities }

  func with(modelParameters: [Double]) -> Self {
    var model = self
    model.modelParameters = modelParameters
    return model
  }

  func addModelGradient(
    weights: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>
  ) {
    let (z, tape, shape) = (draws.z, evaluation.tape, draws.shape)
    weights.withUnsafeBufferPointer { weights in
      gradients.withUnsafeMutableBufferPointer { gradients in
        guard let weights = weights.baseAddress, let gradients = gradients.baseAddress else { return }
        decoder.addGradients(modelParameters, weights: weights, z: z, tape: tape, shape, to: gradients)
      }
    }
  }
}
