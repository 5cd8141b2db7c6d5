import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

@Suite struct BayesianNeuralNetworkTests {
  static func model(
    _ data: RegressionData, _ hidden: Int, _ activation: Activation, minibatch: Int? = nil
  ) -> BayesianNeuralNetwork {
    BayesianNeuralNetwork(
      data, hidden: hidden, activation: activation, noise: 0.6, priorScale: 1.3, minibatch: minibatch)
  }

  /// log N(y; f(x), 0.6²) for datum n, written out.
  static func likelihood(_ data: RegressionData, _ hidden: Int, _ activation: Activation, _ n: Int, _ z: [Double])
    -> Double
  {
    let d = data.columns.count, x = Array(data.design[n * d..<(n + 1) * d])
    var output = z[hidden * (d + 2)]
    for h in 0..<hidden {
      let own = z[h * (d + 1)..<(h + 1) * (d + 1)]
      let sum = zip(own, x + [1]).reduce(0) { $0 + $1.0 * $1.1 }
      output += z[hidden * (d + 1) + h] * (activation == .tanh ? tanh(sum) : max(sum, 0))
    }
    return logNormal(data.target[n], output, 0.6)
  }

  static func data(_ rows: Int = 5, _ features: Int = 2) throws -> RegressionData {
    let numbers = try normals(30, rows * (features + 1))
    let lines = (0..<rows).map { row in
      (0...features).map { "\(numbers[row * (features + 1) + $0])" }.joined(separator: ",")
    }
    let header = (0..<features).map { "x\($0)" } + ["y"]
    return try RegressionData(
      try NumericTable(source: "", text: ([header.joined(separator: ",")] + lines).joined(separator: "\n")),
      target: "", in: .numbers, standardize: false, intercept: false)
  }

  /// The gradient, backpropagated, against differences of the values. The points are away from the kinks of relu: seeds are
  /// fixed.
  @Test(arguments: Activation.allCases, [1, 3]) func valuesAndGradients(_ activation: Activation, _ hidden: Int) throws
  {
    let data = try Self.data(), model = Self.model(data, hidden, activation)
    #expect(model.dimension == hidden * 4 + 1 && model.dataCount == 5)
    try checkEvaluation(.prior, of: model, samples: 2, lanes: 3) { $0.map { logNormal($0, 0, 1.3) } }
    if activation == .tanh {
      try checkEvaluation(.likelihood, of: model, samples: 2, lanes: 3) { z in
        [(0..<5).reduce(0) { $0 + Self.likelihood(data, hidden, activation, $1, z) }]
      }
    } else {
      try checkPiecewise(model) { z in (0..<5).reduce(0) { $0 + Self.likelihood(data, hidden, activation, $1, z) } }
    }
  }

  /// As `checkEvaluation`, with differences so small that no kink is near.
  func checkPiecewise(_ model: BayesianNeuralNetwork, _ f: ([Double]) -> Double) throws {
    let d = model.dimension, z = try normals(1, d)
    let computed = try Computed(.likelihood, of: model, at: z, samples: 1, lanes: 1)
    #expect(abs(computed.values[0] - f(z)) < 1e-12 * (1 + abs(f(z))))
    for i in 0..<d {
      var (up, down) = (z, z)
      up[i] += 1e-6
      down[i] -= 1e-6
      let slope = (f(up) - f(down)) / 2e-6
      #expect(abs(computed.gradient[i] - slope) < 1e-7 * (1 + abs(slope)))
    }
  }

  /// Each lane reads its own rows, weighted N/M; N rows are all of them.
  @Test func minibatches() throws {
    let data = try Self.data(), model = Self.model(data, 2, .tanh, minibatch: 2), d = model.dimension
    let z = try normals(5, d), twice = z.flatMap { [$0, $0] }, indices: [Int32] = [0, 3, 4, 1]
    let found = try Computed(.likelihood, of: model, at: twice, samples: 1, lanes: 2, indices: indices)
    for lane in 0..<2 {
      let chosen = [Int(indices[lane]), Int(indices[2 + lane])]
      func value(_ z: [Double]) -> Double {
        2.5 * chosen.reduce(0) { $0 + Self.likelihood(data, 2, .tanh, $1, z) }
      }
      #expect(abs(found.values[lane] - value(z)) < 1e-12 * (1 + abs(value(z))))
      for i in 0..<d {
        let slope = derivative(at: z[i]) { moved in
          var z = z
          z[i] = moved
          return value(z)
        }
        #expect(abs(found.gradient[i * 2 + lane] - slope) < 1e-8 * (1 + abs(slope)))
      }
    }
    #expect(model.minibatch == 2 && model.withAllData.minibatch == nil)
    #expect(Self.model(data, 2, .tanh, minibatch: 5).minibatch == nil)
  }

  @Test func options() throws {
    var specification = BayesianNeuralNetworkSpecification()
    #expect(try specification.makeIntegrand().dimension == 61)
    specification.minibatch = 443
    let error = #expect(throws: ComponentError.self) { try specification.makeIntegrand() }
    #expect(error == ComponentError(option: "minibatch", "is 443, and the data have 442 rows"))
  }
}
