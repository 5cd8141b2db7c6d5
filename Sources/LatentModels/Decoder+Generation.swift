internal import CKernels
internal import NeuralNetworks
internal import Randomness

extension Decoder {
  /// E[x | z] of each lane, `[d × B]`, for z `[D × B]`.
  func meanObservations(_ parameters: [Double], _ z: [Double], lanes: Int) -> [Double] {
    var means = [Double](repeating: 0, count: observationDimension * lanes)
    withOutputs(of: network, parameters, z, lanes) { outputs in
      means.withUnsafeMutableBufferPointer {
        guard let means = $0.baseAddress else { return }
        likelihood.storeMeans(outputs, d: observationDimension, lanes: lanes, into: means)
      }
    }
    return means
  }

  /// A draw of p_θ(x | z) for each lane, `[d × B]`, for z `[D × B]`.
  func observationDraws(_ parameters: [Double], _ z: [Double], lanes: Int, random: inout RandomStream) -> [Double] {
    var noise = [Double](repeating: 0, count: observationDimension * lanes)
    var span = noise.mutableSpan
    if likelihood.drawsFromUniforms { random.fillUniforms(&span) } else { random.fillNormals(&span) }
    var x = [Double](repeating: 0, count: observationDimension * lanes)
    let logNoise = likelihood.parameterCount > 0 ? parameters[network.parameterCount] : 0
    withOutputs(of: network, parameters, z, lanes) { outputs in
      x.withUnsafeMutableBufferPointer {
        guard let x = $0.baseAddress else { return }
        likelihood.storeDraws(logNoise, outputs, noise, d: observationDimension, lanes: lanes, into: x)
      }
    }
    return x
  }

  /// Draws of p_θ(z), `[D × B]`.
  func priorDraws(_ parameters: [Double], lanes: Int, random: inout RandomStream) -> [Double] {
    var z = [Double](repeating: 0, count: dimension * lanes)
    var span = z.mutableSpan
    guard !isBinary else {
      random.fillUniforms(&span)
      for i in z.indices { z[i] = z[i] < 0.5 ? 0 : 1 }
      return z
    }
    random.fillNormals(&span)
    guard let priorNetwork else { return z }
    let count = network.inputs * lanes
    withOutputs(of: priorNetwork, Array(parameters[priorStart...]), Array(z[count...]), lanes) { outputs in
      for i in 0..<count { z[i] = outputs[i] + wb_exp(outputs[count + i]) * z[i] }
    }
    return z
  }

  private func withOutputs(
    of network: MultilayerPerceptron, _ parameters: [Double], _ input: [Double], _ lanes: Int,
    _ body: (UnsafePointer<Double>) -> Void
  ) {
    var tape = [Double](repeating: 0, count: network.tapeCount(columns: lanes))
    tape.withUnsafeMutableBufferPointer {
      guard let tape = $0.baseAddress else { return }
      network.forward(parameters, input, groups: 1, lanes: lanes, tape: tape)
      body(network.outputs(in: tape, columns: lanes))
    }
  }
}
