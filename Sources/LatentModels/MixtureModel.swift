internal import CKernels
internal import GradientEstimation
internal import NeuralNetworks
internal import Randomness

/// A mixture of normals fitted to a data set, each datum with its assignment as latent variable
///
///     z_n ~ Categorical(π),   x_n | z_n = e_c ~ N(μ_c, L_c L_cᵀ),   q(z_n) of the family with λ_n = V x_n + c
///
/// z_n is one-hot, D = C. McLachlan and Peel (2000); Bishop (2006), section 9.2.
///
/// - θ: logits, means and scales; see `MixtureComponents`.
/// - Exact: log p(x_n) = log Σ_c π_c N(x_n; μ_c, L_c L_cᵀ), whose maximum is not known: where a component may shrink to one
///   datum there is none. Relaxed to the simplex, log p is linear in z.
struct MixtureModel: DatasetModel, RelaxableModel {
  private(set) var components: MixtureComponents
  let data: DataSplit
  /// The least standard deviation of a component in any direction where training starts and by expectation maximisation.
  let leastScale: Double
  /// Whether λ_n is made by an encoder, rather than a parameter of its own.
  let isAmortised: Bool
  let minibatch: Int

  init(components: MixtureComponents, data: DataSplit, leastScale: Double, isAmortised: Bool, minibatch: Int) {
    (self.components, self.data, self.leastScale) = (components, data, leastScale)
    (self.isAmortised, self.minibatch) = (isAmortised, minibatch)
  }

  var dimension: Int { components.count }
  var support: Support { .oneHot(categories: components.count) }
  var prior: (any Prior)? { components.assignments }
  var namedDistributions: [String: any Prior] { ["prior": components.assignments] }
  var modelParameterBlocks: [ParameterBlock] { components.parameterBlocks }
  var modelParameters: [Double] { components.parameters }

  func with(modelParameters: [Double]) -> MixtureModel {
    var model = self
    model.components = components.with(parameters: modelParameters)
    return model
  }

  func initialized(random: inout RandomStream) -> MixtureModel {
    var model = self
    model.components = MixtureComponents(
      of: data.training, count: components.count, covariance: components.covariance, leastScale: leastScale,
      random: &random)
    return model
  }

  func datum(_ x: [Double]) -> any LatentModel { MixtureDatum(components: components, x: x) }

  func meanObservations(at z: [Double], lanes: Int) -> [Double] { components.meanObservations(z, lanes: lanes) }

  /// x ~ N(Σ_c z_c μ_c, L Lᵀ), L = Σ_c z_c L_c, of each lane, `[d × B]`, for z `[C × B]`.
  func observationDraws(at z: [Double], lanes: Int, random: inout RandomStream) -> [Double] {
    let d = observationDimension
    var noise = [Double](repeating: 0, count: d * lanes), x = components.meanObservations(z, lanes: lanes)
    var span = noise.mutableSpan
    random.fillNormals(&span)
    for c in 0..<components.count {
      for lane in 0..<lanes where z[c * lanes + lane] != 0 {
        for i in 0..<d {
          x[i * lanes + lane] += z[c * lanes + lane] * components.scaled(c, i) { noise[$0 * lanes + lane] }
        }
      }
    }
    return x
  }

  /// Of Categorical(π).
  func priorDraws(lanes: Int, random: inout RandomStream) -> [Double] {
    let c = components.count
    var uniforms = [Double](repeating: 0, count: lanes), z = [Double](repeating: 0, count: c * lanes)
    var span = uniforms.mutableSpan
    random.fillUniforms(&span)
    for (lane, u) in uniforms.enumerated() {
      var place = 0, below = wb_exp(components.assignments.logProbability[0])
      while place < c - 1, u >= below {
        place += 1
        below += wb_exp(components.assignments.logProbability[place])
      }
      z[place * lanes + lane] = 1
    }
    return z
  }

  func inferenceNetwork(initial: [Double]) -> any InferenceNetwork {
    guard isAmortised else { return FreeParameters(dataCount: data.training.count, initial: initial) }
    let network = MultilayerPerceptron(sizes: [observationDimension, initial.count], activation: .tanh)
    return Encoder(network: network, initial: initial, columns: data.training.meanAndScale)
  }

  /// The tape holds log N(x; μ_c, L_c L_cᵀ), `[C × B]`.
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    components.assignments.logDensity.store(.prior, needed, at: draws, into: &evaluation)
    let values = needed.values.contains(.likelihood), gradient = needed.gradients.contains(.likelihood)
    guard values || gradient else { return }
    let shape = draws.shape, (c, lanes) = (components.count, shape.lanes), (z, x) = (draws.z, draws.observations)
    evaluation.withTape(count: c * lanes) { evaluation, densities in
      x.withUnsafeBufferPointer { x in
        guard let start = x.baseAddress else { return }
        components.storeLogDensities(Observation(start: start, isByLane: true), lanes: lanes, into: densities)
      }
      evaluation.withValuesAndGradient(of: .likelihood) { valueRows, gradientRows in
        if values { valueRows.update(repeating: 0) }
        for row in 0..<shape.samples * c {
          let (own, draw) = (densities + row % c * lanes, row / c * lanes)
          for lane in 0..<lanes {
            let place = row * lanes + lane
            // A component that a draw is not of counts nothing, however far from it x is.
            if values, z[place] != 0 { valueRows[draw + lane] += z[place] * own[lane] }
            if gradient { gradientRows[place] = own[lane] }
          }
        }
      }
    }
  }

  func addModelGradient(
    weights: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>
  ) {
    components.addGradients(
      weights: weights, factor: 1, z: draws.z, x: draws.observations, draws.shape, isTotal: false, into: &gradients)
  }

  func addTotalModelGradient(
    weights: borrowing Span<Double>, factor: Double, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradient: inout MutableSpan<Double>
  ) {
    components.addGradients(
      weights: weights, factor: factor, z: draws.z, x: draws.observations, draws.shape, isTotal: true, into: &gradient)
  }
}

/// A mixture of normals of one datum, x: an ordinary latent model, of which all is exact.
struct MixtureDatum: LearnableModel, RelaxableModel, LogPolynomialModel, MultilinearModel {
  let components: MixtureComponents
  /// `[d]`
  let x: [Double]
  /// log N(x; μ_c, L_c L_cᵀ) as coefficients of z_c.
  private let likelihood: LogPolynomial

  init(components: MixtureComponents, x: [Double]) {
    (self.components, self.x) = (components, x)
    likelihood = LogPolynomial(dimension: components.count, linear: components.logDensities(x))
  }

  var dimension: Int { components.count }
  var support: Support { .oneHot(categories: components.count) }
  var prior: (any Prior)? { components.assignments }
  var modelParameterBlocks: [ParameterBlock] { components.parameterBlocks }
  var modelParameters: [Double] { components.parameters }

  private var logJoint: [Double] { zip(components.assignments.logProbability, likelihood.linear).map { $0 + $1 } }

  var logEvidence: Double? { logSumExp(logJoint) }

  var namedDistributions: [String: any Prior] {
    let joint = logJoint, evidence = logSumExp(joint)
    return [
      "prior": components.assignments,
      "posterior": IndependentCategoricals(
        logProbability: joint.map { $0 - evidence }, categories: components.count),
    ]
  }

  func with(modelParameters: [Double]) -> MixtureDatum {
    MixtureDatum(components: components.with(parameters: modelParameters), x: x)
  }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    components.assignments.logDensity.store(.prior, needed, at: draws, into: &evaluation)
    likelihood.store(.likelihood, needed, at: draws, into: &evaluation)
  }

  func logPolynomial(of term: Term) -> LogPolynomial? {
    switch term {
    case .prior: components.assignments.logDensity
    case .likelihood: likelihood
    default: nil
    }
  }

  func addModelGradient(
    weights: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>
  ) {
    components.addGradients(
      weights: weights, factor: 1, z: draws.z, x: x, draws.shape, isTotal: false, into: &gradients)
  }
}

/// log Σ e^a
func logSumExp(_ a: [Double]) -> Double {
  let greatest = a.max() ?? -.infinity
  guard greatest.isFinite else { return greatest }
  return greatest + wb_log(a.reduce(0) { $0 + wb_exp($1 - greatest) })
}
