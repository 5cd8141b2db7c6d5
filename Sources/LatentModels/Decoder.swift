internal import CKernels
internal import GradientEstimation
internal import NeuralNetworks
internal import Randomness

/// p_θ(z) p_θ(x | z) by networks: of one layer of latents
///
///     z ~ N(0, I_D) or D fair bits,   x | z ~ p(x | f(z))
///
/// and of two, z = (z¹, z²), a deep latent Gaussian model (Rezende et al. 2014, section 2),
///
///     z² ~ N(0, I),   z¹ | z² ~ N(m(z²), diag(e^{2 s(z²)})),   x | z¹ ~ p(x | f(z¹))
///
/// - Parameters: θ holds f's, the likelihood's own, and those of (m, s), in this order.
/// - Tape: f's, then that of (m, s).
/// - Lanes do not mix, but for rounding: a product of matrices may round by the size of the block.
struct Decoder: Hashable, Sendable {
  /// f
  let network: MultilayerPerceptron
  let likelihood: Likelihood
  /// (m, s), of two layers of latents.
  let priorNetwork: MultilayerPerceptron?
  let isBinary: Bool
  /// d
  let observationDimension: Int

  init(
    latents: [Int], hidden: [Int], priorHidden: [Int], activation: HiddenActivation, likelihood: Likelihood,
    isBinary: Bool, observationDimension: Int
  ) {
    self.likelihood = likelihood
    self.isBinary = isBinary
    self.observationDimension = observationDimension
    network = MultilayerPerceptron(
      sizes: [latents[0]] + hidden + [likelihood.outputCount(observationDimension)], activation: activation)
    priorNetwork =
      latents.count > 1
      ? MultilayerPerceptron(sizes: [latents[1]] + priorHidden + [2 * latents[0]], activation: activation) : nil
  }

  /// D
  var dimension: Int { network.inputs + (priorNetwork?.inputs ?? 0) }
  /// Q
  var parameterCount: Int { priorStart + (priorNetwork?.parameterCount ?? 0) }
  private var likelihoodStart: Int { network.parameterCount }
  var priorStart: Int { network.parameterCount + likelihood.parameterCount }

  var parameterBlocks: [ParameterBlock] {
    var blocks = layerBlocks(of: network, "decoder", from: 0)
    if likelihood.parameterCount > 0 {
      blocks.append(ParameterBlock(name: "log_noise", range: likelihoodStart..<priorStart))
    }
    if let priorNetwork { blocks += layerBlocks(of: priorNetwork, "prior", from: priorStart) }
    return blocks
  }

  func initialParameters(random: inout RandomStream) -> [Double] {
    var parameters = network.initialParameters(random: &random)
    parameters += Array(repeating: 0, count: likelihood.parameterCount)
    if let priorNetwork { parameters += priorNetwork.initialParameters(random: &random) }
    return parameters
  }

  private func tapeCount(_ shape: Shape) -> Int {
    network.tapeCount(columns: shape.drawCount) + (priorNetwork?.tapeCount(columns: shape.drawCount) ?? 0)
  }

  /// Stores what is needed of prior and likelihood. The tape keeps the passes, and the backward ones where gradients are
  /// stored.
  func evaluate(
    _ needed: Quantities, _ parameters: [Double], _ x: [Double], at draws: borrowing Draws,
    into evaluation: inout Evaluation
  ) {
    if priorNetwork == nil { storePrior(needed, at: draws, into: &evaluation) }
    let likelihood = needed.restricted(to: .likelihood) != Quantities()
    let layered = priorNetwork != nil && needed.restricted(to: .prior) != Quantities()
    guard likelihood || layered else { return }
    let (z, shape) = (draws.z, draws.shape)
    evaluation.withTape(count: tapeCount(shape)) { evaluation, tape in
      if likelihood {
        evaluation.withValuesAndGradient(of: .likelihood) { values, gradient in
          storeLikelihood(
            parameters, z, x, shape, tape, values.isEmpty ? nil : values.baseAddress,
            needed.gradients.contains(.likelihood) ? gradient.baseAddress : nil)
        }
      }
      if layered {
        evaluation.withValuesAndGradient(of: .prior) { values, gradient in
          storeLayeredPrior(
            parameters, z, shape, tape, values.isEmpty ? nil : values.baseAddress,
            needed.gradients.contains(.prior) ? gradient.baseAddress : nil)
        }
      }
    }
  }

  private func storePrior(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    if isBinary {
      fairBits.logDensity.store(.prior, needed, at: draws, into: &evaluation)
    } else {
      DiagonalNormal.standard(dimension).store(.prior, needed, at: draws, into: &evaluation)
    }
  }

  /// The prior where it is in closed form.
  var prior: (any Prior)? {
    if priorNetwork != nil { return nil }
    if isBinary { return fairBits }
    return DiagonalNormal.standard(dimension)
  }
  private var fairBits: IndependentBernoullis {
    IndependentBernoullis(logit: Array(repeating: 0, count: dimension))
  }

  private func storeLikelihood(
    _ parameters: [Double], _ z: [Double], _ x: [Double], _ shape: Shape, _ tape: UnsafeMutablePointer<Double>,
    _ values: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?
  ) {
    let (groups, lanes, apart) = (shape.samples, shape.lanes, shape.dimension * shape.lanes)
    parameters.withUnsafeBufferPointer { parameters in
      guard let parameters = parameters.baseAddress else { return }
      network.forward(parameters, z, groupStride: apart, groups: groups, lanes: lanes, tape: tape)
      let outputs = network.outputs(in: tape, columns: shape.drawCount), width = network.outputs * lanes
      let slopes = network.outputCotangents(in: tape, columns: shape.drawCount)
      x.withUnsafeBufferPointer { x in
        guard let start = x.baseAddress else { return }
        let x = Observation(start: start, isByLane: x.count != observationDimension)
        for k in 0..<groups {
          likelihood.store(
            parameters + likelihoodStart, outputs + k * width, x, d: observationDimension, lanes: lanes,
            values: values.map { $0 + k * lanes }, slopes: gradient == nil ? nil : slopes + k * width)
        }
      }
      guard let gradient else { return }
      gradient.update(repeating: 0, count: shape.elementCount)
      network.backward(
        parameters, groups: groups, lanes: lanes, tape: tape, inputCotangents: gradient, groupStride: apart)
    }
  }

  /// log N(z²; 0, I) + log N(z¹; m(z²), diag(e^{2 s(z²)})).
  private func storeLayeredPrior(
    _ parameters: [Double], _ z: [Double], _ shape: Shape, _ tape: UnsafeMutablePointer<Double>,
    _ values: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?
  ) {
    guard let priorNetwork else { return }
    let (groups, lanes, columns) = (shape.samples, shape.lanes, shape.drawCount)
    let (lower, upper, apart) = (network.inputs, priorNetwork.inputs, shape.dimension * shape.lanes)
    let tape = tape + network.tapeCount(columns: columns)
    parameters.withUnsafeBufferPointer { parameters in
      z.withUnsafeBufferPointer { z in
        guard let parameters = parameters.baseAddress, let z = z.baseAddress else { return }
        let own = parameters + priorStart, top = z + lower * lanes
        priorNetwork.forward(own, top, groupStride: apart, groups: groups, lanes: lanes, tape: tape)
        let outputs = priorNetwork.outputs(in: tape, columns: columns)
        let slopes = priorNetwork.outputCotangents(in: tape, columns: columns)
        gradient?.update(repeating: 0, count: shape.elementCount)
        for k in 0..<groups {
          let draw = z + k * apart, means = outputs + k * 2 * lower * lanes, logScales = means + lower * lanes
          let cotangents = slopes + k * 2 * lower * lanes, own = gradient.map { $0 + k * apart }
          let sums = values.map { $0 + k * lanes }
          sums?.update(repeating: -0.5 * Double(lower + upper) * logTwoPi, count: lanes)
          for i in 0..<lower * lanes {
            let residual = draw[i] - means[i], slope = residual * wb_exp(-2 * logScales[i])
            sums?[i % lanes] -= logScales[i] + 0.5 * residual * slope
            own?[i] = -slope
            cotangents[i] = slope
            cotangents[lower * lanes + i] = residual * slope - 1
          }
          for i in lower * lanes..<(lower + upper) * lanes {
            sums?[i % lanes] -= 0.5 * draw[i] * draw[i]
            own?[i] = -draw[i]
          }
        }
        // Its cotangents are what θ's gradient is made of, too.
        priorNetwork.backward(
          own, groups: groups, lanes: lanes, tape: tape, inputCotangents: gradient.map { $0 + lower * lanes },
          groupStride: apart)
      }
    }
  }

  /// What θ's gradient is made of: the backward passes.
  var gradientQuantities: Quantities {
    Quantities(
      values: [],
      gradientSums: priorNetwork == nil ? TermSums(.likelihood) : [TermSums(.likelihood), TermSums(.prior)],
      coordinateValues: [])
  }

  /// gradient += factor · Σ over lanes and draws of w_k ∇_θ log p(x, z_k), `[Q]`, with weights `[K × B]`.
  func addTotalGradient(
    _ parameters: [Double], weights: UnsafePointer<Double>, factor: Double, z: [Double], tape: [Double], _ shape: Shape,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    let (groups, lanes, columns) = (shape.samples, shape.lanes, shape.drawCount), apart = shape.dimension * lanes
    // One weight for all needs no scaling of cotangents.
    var isUniform = true
    for i in 1..<max(columns, 1) where weights[i] != weights[0] { isUniform = false }
    let factor = isUniform ? factor * weights[0] : factor, shares = isUniform ? nil : weights
    withPasses(tape, z, columns) { tape, z, priorTape in
      network.addGradient(
        z, groupStride: apart, groups: groups, lanes: lanes, tape: tape, weights: shares, factor: factor, to: gradient)
      forEachSlopeInLogNoise(parameters, tape, shape) { column, slope in
        gradient[likelihoodStart] += factor * (shares?[column] ?? 1) * slope
      }
      priorNetwork?.addGradient(
        z + network.inputs * lanes, groupStride: apart, groups: groups, lanes: lanes, tape: priorTape, weights: shares,
        factor: factor, to: gradient + priorStart)
    }
  }

  /// gradients += Σ_k w_k ∇_θ log p(x, z_k) of each lane, `[Q × B]`, with weights `[K × B]`.
  func addGradients(
    _ parameters: [Double], weights: UnsafePointer<Double>, z: [Double], tape: [Double], _ shape: Shape,
    to gradients: UnsafeMutablePointer<Double>
  ) {
    let (groups, lanes) = (shape.samples, shape.lanes), apart = shape.dimension * lanes
    withPasses(tape, z, shape.drawCount) { tape, z, priorTape in
      network.addGradients(
        z, groupStride: apart, groups: groups, lanes: lanes, tape: tape, weights: weights, to: gradients)
      forEachSlopeInLogNoise(parameters, tape, shape) { column, slope in
        gradients[likelihoodStart * lanes + column % lanes] += weights[column] * slope
      }
      priorNetwork?.addGradients(
        z + network.inputs * lanes, groupStride: apart, groups: groups, lanes: lanes, tape: priorTape,
        weights: weights, to: gradients + priorStart * lanes)
    }
  }

  private func withPasses(
    _ tape: [Double], _ z: [Double], _ columns: Int,
    _ body: (
      _ tape: UnsafePointer<Double>, _ z: UnsafePointer<Double>, _ priorTape: UnsafePointer<Double>
    ) -> Void
  ) {
    tape.withUnsafeBufferPointer { tape in
      z.withUnsafeBufferPointer { z in
        guard let tape = tape.baseAddress, let z = z.baseAddress else { return }
        body(tape, z, tape + network.tapeCount(columns: columns))
      }
    }
  }

  /// ∂ log p(x | z_k)/∂ log σ of each column, where σ is learned.
  private func forEachSlopeInLogNoise(
    _ parameters: [Double], _ tape: UnsafePointer<Double>, _ shape: Shape,
    _ body: (_ column: Int, _ slope: Double) -> Void
  ) {
    guard likelihood.parameterCount > 0 else { return }
    let slopes = network.outputCotangents(in: UnsafeMutablePointer(mutating: tape), columns: shape.drawCount)
    for column in 0..<shape.drawCount {
      let k = column / shape.lanes
      body(
        column,
        likelihood.slopeInLogNoise(
          parameters[likelihoodStart], slopes + k * network.outputs * shape.lanes, d: observationDimension,
          lanes: shape.lanes, lane: column % shape.lanes))
    }
  }
}

/// W and b of each layer, by name.
func layerBlocks(of network: MultilayerPerceptron, _ name: String, from start: Int) -> [ParameterBlock] {
  (1...network.layerCount).flatMap { l in
    let at = network.offsets(ofLayer: l), end = at.biases + network.sizes[l]
    return [
      ParameterBlock(name: "\(name)_weights_\(l)", range: start + at.weights..<start + at.biases),
      ParameterBlock(name: "\(name)_biases_\(l)", range: start + at.biases..<start + end),
    ]
  }
}
