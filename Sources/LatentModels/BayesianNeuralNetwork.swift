internal import CKernels
public import GradientEstimation

/// Regression by a Bayesian neural network of one hidden layer, its noise known
///
///     z ~ N(0, prior_scale² I_D),   y_n | z ~ N(f(x_n), noise²),   f(x) = b + Σ_h v_h φ(c_h + w_h·x)
///
/// z = (w_1, c_1, …, w_H, c_H, v_1, …, v_H, b), D = H (d + 2) + 1 for d columns.
///
/// - Exact: nothing. Its posterior has 2^H H! equal modes (with tanh), for signs and names of hidden units do not matter.
/// - ∇_z by backpropagation. `minibatch=M` as in `Regression`.
/// - Cost: O(N H d) an evaluation.
public struct BayesianNeuralNetwork: LatentModel, DifferentiableModel, FactorizedModel, SubsampledModel {
  public let minibatch: Int?
  private let data: RegressionData
  private let hidden: Int
  private let activation: Activation
  private let precision: Double
  private let normalPrior: DiagonalNormal

  /// - Parameter minibatch: M; N or nil uses all data.
  init(
    _ data: RegressionData, hidden: Int, activation: Activation, noise: Double, priorScale: Double, minibatch: Int?
  ) {
    self.data = data
    self.hidden = hidden
    self.activation = activation
    self.minibatch = minibatch == data.target.count ? nil : minibatch
    precision = 1 / (noise * noise)
    let dimension = hidden * (data.columns.count + 2) + 1
    normalPrior = DiagonalNormal(
      mean: Array(repeating: 0, count: dimension), scale: Array(repeating: priorScale, count: dimension))
  }

  private init(_ model: BayesianNeuralNetwork, minibatch: Int?) {
    (data, hidden, activation) = (model.data, model.hidden, model.activation)
    (precision, normalPrior) = (model.precision, model.normalPrior)
    self.minibatch = minibatch
  }

  public var dimension: Int { normalPrior.mean.count }
  public var dataCount: Int { data.target.count }
  public var withAllData: any SubsampledModel { BayesianNeuralNetwork(self, minibatch: nil) }
  public var prior: (any Prior)? { normalPrior }
  public var namedDistributions: [String: any Prior] { ["prior": normalPrior] }
  public var factorizedTerms: Terms { .prior }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    normalPrior.store(.prior, needed, at: draws, into: &evaluation)
    let lanes = draws.shape.lanes, rows = draws.dataIndices.isEmpty ? dataCount : draws.minibatchSize
    draws.dataIndices.withUnsafeBufferPointer { indices in
      evaluation.store(.likelihood, needed, at: draws) { z, values, gradient in
        storeLikelihood(z, values, gradient, lanes, rows, indices.isEmpty ? nil : indices.baseAddress)
      }
    }
  }

  /// log p(y | z) of a draw, `[B]`, and its gradient, `[D × B]`, from `rows` data, those of `indices`, `[rows × B]`, or
  /// all; weighted by N / rows.
  private func storeLikelihood(
    _ z: UnsafePointer<Double>, _ values: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?,
    _ lanes: Int, _ rows: Int, _ indices: UnsafePointer<Int32>?
  ) {
    let d = data.columns.count, dimension = dimension, weight = Double(dataCount) / Double(rows)
    let outer = hidden * (d + 1), constant = 0.5 * (wb_log(precision) - logTwoPi)
    values?.update(repeating: 0, count: lanes)
    gradient?.update(repeating: 0, count: dimension * lanes)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: (d + hidden + 3) * lanes) { scratch in
      guard let x = scratch.baseAddress else { return }
      let units = x + d * lanes, residual = units + hidden * lanes
      let sum = residual + lanes, slope = sum + lanes
      for row in 0..<rows {
        // The datum of each lane; its target where the residual will be.
        for lane in 0..<lanes {
          let n = indices.map { Int($0[row * lanes + lane]) } ?? row
          for i in 0..<d { x[i * lanes + lane] = data.design[n * d + i] }
          residual[lane] = data.target[n]
        }
        for h in 0..<hidden {
          let weights = z + h * (d + 1) * lanes, unit = units + h * lanes
          for lane in 0..<lanes { sum[lane] = weights[d * lanes + lane] }
          for i in 0..<d { for lane in 0..<lanes { sum[lane] += weights[i * lanes + lane] * x[i * lanes + lane] } }
          activation.apply(sum, unit, lanes)
          for lane in 0..<lanes { residual[lane] -= z[(outer + h) * lanes + lane] * unit[lane] }
        }
        for lane in 0..<lanes { residual[lane] -= z[(dimension - 1) * lanes + lane] }
        if let values {
          for lane in 0..<lanes { values[lane] += constant - 0.5 * precision * (residual[lane] * residual[lane]) }
        }
        guard let gradient else { continue }
        // From here on the residual is ∂ log p/∂f.
        for lane in 0..<lanes {
          residual[lane] *= precision
          gradient[(dimension - 1) * lanes + lane] += residual[lane]
        }
        for h in 0..<hidden {
          let unit = units + h * lanes, own = gradient + h * (d + 1) * lanes
          activation.derivative(unit, slope, lanes)
          for lane in 0..<lanes {
            gradient[(outer + h) * lanes + lane] += residual[lane] * unit[lane]
            slope[lane] *= residual[lane] * z[(outer + h) * lanes + lane]
            own[d * lanes + lane] += slope[lane]
          }
          for i in 0..<d { for lane in 0..<lanes { own[i * lanes + lane] += slope[lane] * x[i * lanes + lane] } }
        }
      }
    }
    guard weight != 1 else { return }
    if let values { for lane in 0..<lanes { values[lane] *= weight } }
    if let gradient { for i in 0..<dimension * lanes { gradient[i] *= weight } }
  }
}

/// φ of a hidden unit.
public enum Activation: String, CaseIterable, Sendable {
  case tanh, relu

  /// φ of `inputs`.
  func apply(_ inputs: UnsafePointer<Double>, _ outputs: UnsafeMutablePointer<Double>, _ count: Int) {
    switch self {
    case .tanh:
      for i in 0..<count {
        let small = wb_exp(-2 * abs(inputs[i])), size = (1 - small) / (1 + small)
        outputs[i] = inputs[i] < 0 ? -size : size
      }
    case .relu: for i in 0..<count { outputs[i] = max(inputs[i], 0) }
    }
  }

  /// φ′ where φ is `outputs`.
  func derivative(_ outputs: UnsafePointer<Double>, _ slopes: UnsafeMutablePointer<Double>, _ count: Int) {
    switch self {
    case .tanh: for i in 0..<count { slopes[i] = 1 - outputs[i] * outputs[i] }
    case .relu: for i in 0..<count { slopes[i] = outputs[i] > 0 ? 1 : 0 }
    }
  }
}

/// `bayesian-neural-network`, by its options.
public struct BayesianNeuralNetworkSpecification: IntegrandSpecification {
  public var hidden = 5
  public var activation = Activation.tanh
  public var data = "diabetes"
  public var target = ""
  public var standardize = true
  public var minibatch: Int?
  public var priorScale = 1.0
  public var noise = 0.7
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "bayesian-neural-network", summary: "regression by a Bayesian neural network of one hidden layer",
    equation: "z ~ N(0, prior_scale² I_D),  y_n | z ~ N(b + Σ_h v_h φ(c_h + w_h·x_n), noise²),  φ = tanh or relu",
    notes: [
      Note(
        "Coordinates",
        "z = (w_1, c_1, …, w_H, c_H, v_1, …, v_H, b): D = H (d + 2) + 1 for d columns, 61 with the defaults."),
      Note(
        "Data",
        "diabetes is shipped; else the path of a CSV file with a header, numeric columns and a numeric target. standardize=true standardises the target too: noise is then in its standard deviations."
      ),
      Note(
        "Exact",
        "nothing: estimators are held to each other. The posterior has many equal modes; the gradient is zero at z = 0 but for b."
      ),
      Note("Serves", "values and gradients of prior and likelihood; the prior factorises over coordinates."),
    ],
    references: [Reference("neal1996", "section 1.1")],
    options: [
      .integer("hidden", \.hidden, in: 1...10_000, "H, the hidden units"),
      .choice("activation", \.activation, "φ"),
      .text(
        "data", \.data, "the name of a shipped data set, or the path of a CSV file, from the working directory"),
      .text("target", \.target, "name of the target column; empty: the last"),
      .flag("standardize", \.standardize, "give every column, the target too, mean 0 and standard deviation 1"),
      .integer("minibatch", \.minibatch, in: 1...1_000_000_000, "M data an estimate, without replacement"),
      .real(
        "prior_scale", \.priorScale, in: RealBounds(lower: 1e-6, upper: 1e6),
        "standard deviation of every weight a priori"),
      .real(
        "noise", \.noise, in: RealBounds(lower: 1e-6, upper: 1e6), "standard deviation of y given the network's output"),
    ],
    examples: [
      Example(
        options: ["data": "warpbreaks", "hidden": "1", "noise": "0.4", "minibatch": "2"],
        normals: [
          NormalPoint(mean: [0.5, -0.5, 0, 0.5, -0.5, 0, 0.7, 1], scale: [0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.5, 0.8]),
          NormalPoint(mean: [0, 0.5, -0.5, 0, 0.5, 0.4, -0.8, -1.2], scale: [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 1]),
        ], families: ["mean-field-normal", "full-rank-normal", "low-rank-normal"])
    ])

  public var inputFiles: [String] { NumericTable.inputFiles(data) }

  /// - Throws: `ComponentError` for data that cannot be read or do not fit, and a minibatch larger than they are.
  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let table = try NumericTable.load(data)
    let data = try RegressionData(
      table, target: target, in: .numbers, standardize: standardize, intercept: false)
    if let minibatch, minibatch > data.target.count {
      throw ComponentError(option: "minibatch", "is \(minibatch), and the data have \(data.target.count) rows")
    }
    return BayesianNeuralNetwork(
      data, hidden: hidden, activation: activation, noise: noise, priorScale: priorScale, minibatch: minibatch)
  }
}
