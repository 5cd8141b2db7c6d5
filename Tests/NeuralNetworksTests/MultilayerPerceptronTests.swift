import CKernels
import NeuralNetworks
import Randomness
import Testing

/// x + x' h with h² = 0: a derivative by arithmetic that shares nothing with backpropagation.
private struct Dual {
  var value: Double
  var slope = 0.0

  static func + (a: Dual, b: Dual) -> Dual { Dual(value: a.value + b.value, slope: a.slope + b.slope) }
  static func * (a: Dual, b: Dual) -> Dual {
    Dual(value: a.value * b.value, slope: a.slope * b.value + a.value * b.slope)
  }

  func applied(_ activation: HiddenActivation) -> Dual {
    switch activation {
    case .tanh:
      let e = wb_exp(2 * value), t = (e - 1) / (e + 1)
      return Dual(value: t, slope: slope * (1 - t * t))
    case .relu: return value > 0 ? self : Dual(value: 0)
    case .softplus: return Dual(value: wb_softplus(value), slope: slope * wb_sigmoid(value))
    }
  }
}

/// Σ over lanes and outputs of c f(x), by definition.
private func weighted(
  _ network: MultilayerPerceptron, _ parameters: [Dual], _ input: [Dual], _ cotangents: [Double], groups: Int,
  lanes: Int
) -> Dual {
  var total = Dual(value: 0)
  for k in 0..<groups {
    for lane in 0..<lanes {
      var units = (0..<network.inputs).map { input[(k * network.inputs + $0) * lanes + lane] }
      for l in 1...network.layerCount {
        let start = network.offsets(ofLayer: l)
        units = (0..<network.sizes[l]).map { h in
          var sum = parameters[start.biases + h]
          for i in units.indices { sum = sum + parameters[start.weights + h * units.count + i] * units[i] }
          return l < network.layerCount ? sum.applied(network.activation) : sum
        }
      }
      for o in units.indices {
        total = total + Dual(value: cotangents[(k * units.count + o) * lanes + lane]) * units[o]
      }
    }
  }
  return total
}

@Suite struct MultilayerPerceptronTests {
  private struct Pass {
    let network: MultilayerPerceptron
    let groups, lanes: Int
    let parameters, input, cotangents, weights: [Double]
    var tape: [Double]
    var inputCotangents: [Double]

    init(_ sizes: [Int], _ activation: HiddenActivation, groups: Int, lanes: Int) throws {
      network = MultilayerPerceptron(sizes: sizes, activation: activation)
      (self.groups, self.lanes) = (groups, lanes)
      var random = try RandomStream(#require(Generator.named("mt19937")), index: 41)
      func normals(_ count: Int) -> [Double] {
        var numbers = [Double](repeating: 0, count: count)
        var span = numbers.mutableSpan
        random.fillNormals(&span)
        return numbers
      }
      parameters = normals(network.parameterCount)
      input = normals(groups * network.inputs * lanes)
      cotangents = normals(groups * network.outputs * lanes)
      weights = normals(groups * lanes)
      tape = Array(repeating: .nan, count: network.tapeCount(columns: groups * lanes))
      inputCotangents = Array(repeating: 0, count: input.count)
      let (network, parameters, input, cotangents) = (self.network, self.parameters, self.input, self.cotangents)
      tape.withUnsafeMutableBufferPointer { tape in
        guard let tape = tape.baseAddress else { return }
        network.forward(parameters, input, groups: groups, lanes: lanes, tape: tape)
        network.outputCotangents(in: tape, columns: groups * lanes).update(from: cotangents, count: cotangents.count)
        inputCotangents.withUnsafeMutableBufferPointer {
          network.backward(parameters, groups: groups, lanes: lanes, tape: tape, inputCotangents: $0.baseAddress)
        }
      }
    }

    func gradient(weights: [Double]?, factor: Double) -> [Double] {
      var gradient = [Double](repeating: 0, count: network.parameterCount)
      if let weights {
        network.addGradient(
          input, groups: groups, lanes: lanes, tape: tape, weights: weights, factor: factor, to: &gradient)
      } else {
        network.addGradient(
          input, groups: groups, lanes: lanes, tape: tape, weights: nil, factor: factor, to: &gradient)
      }
      return gradient
    }

    /// `[P × B]`
    func gradients() -> [Double] {
      var gradients = [Double](repeating: 0, count: network.parameterCount * lanes)
      network.addGradients(input, groups: groups, lanes: lanes, tape: tape, weights: weights, to: &gradients)
      return gradients
    }

    /// With the cotangents of column (k, lane) times `weight(k, lane)`.
    func derivative(
      ofParameter p: Int? = nil, ofInput i: Int? = nil, weight: (_ column: Int, _ lane: Int) -> Double
    ) -> Double {
      var duals = parameters.map { Dual(value: $0) }, inputs = input.map { Dual(value: $0) }
      if let p { duals[p].slope = 1 }
      if let i { inputs[i].slope = 1 }
      let scaled = cotangents.enumerated().map { index, c in
        let lane = index % lanes
        return c * weight(index / (network.outputs * lanes) * lanes + lane, lane)
      }
      return weighted(network, duals, inputs, scaled, groups: groups, lanes: lanes).slope
    }
  }

  /// Every derivative, of every parameter and input, against dual numbers.
  @Test(arguments: HiddenActivation.allCases, [[3, 2], [3, 4, 2], [2, 5, 3, 4]])
  func backpropagationIsTheDerivative(_ activation: HiddenActivation, _ sizes: [Int]) throws {
    let pass = try Pass(sizes, activation, groups: 2, lanes: 11)
    let plain = pass.gradient(weights: nil, factor: 0.5), weighted = pass.gradient(weights: pass.weights, factor: 2)
    let byLane = pass.gradients()
    for p in pass.parameters.indices {
      #expect(abs(plain[p] - pass.derivative(ofParameter: p) { _, _ in 0.5 }) < 1e-11, "parameter \(p)")
      let expected = pass.derivative(ofParameter: p) { column, _ in 2 * pass.weights[column] }
      #expect(abs(weighted[p] - expected) < 1e-11, "parameter \(p), weighted")
      let lane = 4, own = pass.derivative(ofParameter: p) { $1 == lane ? pass.weights[$0] : 0 }
      #expect(abs(byLane[p * 11 + lane] - own) < 1e-11, "parameter \(p), lane \(lane)")
    }
    for i in pass.input.indices {
      #expect(abs(pass.inputCotangents[i] - pass.derivative(ofInput: i) { _, _ in 1 }) < 1e-11, "input \(i)")
    }
  }

  @Test(arguments: HiddenActivation.allCases)
  func aPassIsTheFormula(_ activation: HiddenActivation) throws {
    let pass = try Pass([3, 4, 2], activation, groups: 1, lanes: 5)
    let outputs = pass.tape.withUnsafeBufferPointer { tape in
      tape.baseAddress.map { tape in
        (0..<10).map { pass.network.outputs(in: tape, columns: 5)[$0] }
      }
    }
    let found = try #require(outputs)
    for index in found.indices {
      let unit = found.indices.map { $0 == index ? 1.0 : 0 }
      let expected = weighted(
        pass.network, pass.parameters.map { Dual(value: $0) }, pass.input.map { Dual(value: $0) }, unit, groups: 1,
        lanes: 5)
      #expect(abs(found[index] - expected.value) < 1e-12)
    }
  }

  /// Glorot's weights have variance 2/(H_{l−1} + H_l), He's 2/H_{l−1}: z-tests at 5 standard errors of a variance.
  @Test(arguments: [HiddenActivation.tanh, .relu])
  func initialWeightsHaveTheirVariance(_ activation: HiddenActivation) throws {
    let network = MultilayerPerceptron(sizes: [60, 80, 5], activation: activation)
    var random = try RandomStream(#require(Generator.named("mt19937")), index: 3)
    let parameters = network.initialParameters(random: &random)
    let first = parameters[0..<4800], variance = first.reduce(0) { $0 + $1 * $1 } / 4800
    let (expected, kurtosis) = activation == .relu ? (2.0 / 60, 3.0) : (2.0 / 140, 1.8)
    #expect(abs(variance / expected - 1) < 5 * ((kurtosis - 1) / 4800).squareRoot())
    #expect(parameters[4800..<4880].allSatisfy { $0 == 0 })
  }
}
