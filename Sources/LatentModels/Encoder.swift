internal import GradientEstimation
internal import NeuralNetworks
internal import Randomness

/// λ = f(x) by a network, for a family of any parameters: amortised inference, an encoder.
///
/// Its last biases start at the family's own initial λ. Kingma and Welling (2014), section 2.3 and appendix C.2.
struct Encoder: InferenceNetwork {
  let network: MultilayerPerceptron
  /// λ, `[P]`
  let initial: [Double]
  /// Mean and standard deviation of the columns of x: the first layer starts where it would on standardised data. Nil to
  /// start on the data as they are.
  var columns: (mean: [Double], scale: [Double])?

  init(network: MultilayerPerceptron, initial: [Double], columns: (mean: [Double], scale: [Double])? = nil) {
    (self.network, self.initial, self.columns) = (network, initial, columns)
  }

  var parameterBlocks: [ParameterBlock] { layerBlocks(of: network, "encoder", from: 0) }
  var generalizes: Bool { true }

  func initialParameters(random: inout RandomStream) -> [Double] {
    var parameters = network.initialParameters(random: &random)
    let biases = network.offsets(ofLayer: network.layerCount).biases
    for (i, value) in initial.enumerated() { parameters[biases + i] = value }
    if let columns { standardize(&parameters, columns) }
    return parameters
  }

  /// W diag(1/s) and b − W (m/s): of x what W and b are of (x − m)/s.
  private func standardize(_ parameters: inout [Double], _ columns: (mean: [Double], scale: [Double])) {
    let at = network.offsets(ofLayer: 1), d = network.inputs
    for i in 0..<network.sizes[1] {
      for j in 0..<d {
        parameters[at.weights + i * d + j] /= columns.scale[j]
        parameters[at.biases + i] -= parameters[at.weights + i * d + j] * columns.mean[j]
      }
    }
  }

  func tapeCount(lanes: Int) -> Int { network.tapeCount(columns: lanes) }

  func encode(_ parameters: [Double], tape: inout [Double], into draws: inout Draws) {
    let lanes = draws.shape.lanes, count = network.outputs * lanes
    tape.withUnsafeMutableBufferPointer { tape in
      guard let tape = tape.baseAddress else { return }
      network.forward(parameters, draws.observations, groups: 1, lanes: lanes, tape: tape)
      let outputs = network.outputs(in: tape, columns: lanes)
      draws.parameters.withUnsafeMutableBufferPointer { $0.baseAddress?.update(from: outputs, count: count) }
    }
  }

  func addPullback(
    _ cotangents: [Double], factor: Double, parameters: [Double], at draws: borrowing Draws, tape: inout [Double],
    into gradient: inout MutableSpan<Double>
  ) {
    let lanes = draws.shape.lanes, x = draws.observations
    tape.withUnsafeMutableBufferPointer { tape in
      gradient.withUnsafeMutableBufferPointer { gradient in
        guard let tape = tape.baseAddress, let gradient = gradient.baseAddress else { return }
        network.outputCotangents(in: tape, columns: lanes).update(from: cotangents, count: cotangents.count)
        network.backward(parameters, groups: 1, lanes: lanes, tape: tape, inputCotangents: nil)
        network.addGradient(
          x, groups: 1, lanes: lanes, tape: tape, weights: nil, factor: factor, to: gradient)
      }
    }
  }
}
