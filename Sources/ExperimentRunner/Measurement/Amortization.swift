package import GradientEstimation
internal import Optimization
internal import Randomness

/// What makes the λ of a cell whose model is of data with a latent variable each: λ_n = f_φ(x_n), φ being the cell's
/// parameters. A replicate is then the gradient of one minibatch, pulled back to φ.
package struct Amortization: Sendable {
  /// At the cell's θ.
  let model: any LocalLatentModel
  package let network: any InferenceNetwork

  /// The streams that initial weights of a run are drawn from: every objective, point and number of draws begins at the same.
  static func weightsKey(model: String, family: String, seed: UInt64) -> StreamKey {
    StreamKey(seed: seed, cell: "\(model) \(family)", role: "initial weights")
  }

  /// φ and the model where run `run` of a training starts.
  static func start(
    _ model: any LocalLatentModel, _ network: any InferenceNetwork, run: Int, _ streams: StreamFamily
  ) throws(RandomnessError) -> (parameters: [Double], model: any LocalLatentModel) {
    var random = try streams.stream(run - 1)
    let phi = network.initialParameters(random: &random)
    return (phi, model.initialized(random: &random))
  }

  /// Brings up an estimator's state from minibatches: about as many lanes as it asks for.
  func warmUp<E: GradientEstimator>(
    _ state: inout E.State, _ wished: WarmUp, _ estimator: E, _ problem: Problem, _ cell: Cell,
    _ quantities: Quantities, _ random: inout RandomStream, _ own: inout RandomStream
  ) throws {
    let lanes = model.minibatch, shape = problem.shape(samples: cell.samples, lanes: lanes)
    var data = AmortizedBlock(problem, network, samples: cell.samples, lanes: lanes)
    var workspace = try estimator.makeWorkspace(for: problem, shape: shape)
    var gradients = [Double](repeating: 0, count: shape.parameters * lanes)
    var order = (0..<Int32(model.dataCount(.training))).map { $0 }, chosen = [Int32](repeating: 0, count: lanes)
    for _ in 0..<max(wished.batches, (wished.lanes * wished.batches + lanes - 1) / lanes) {
      var span = chosen.mutableSpan
      own.choose(lanes, of: &order, lanes: 1, into: &span)
      data.take(chosen, of: .training, parameters: cell.parameters, random: &own)
      data.block.sample(problem, random: &random)
      data.block.evaluate(quantities, of: problem)
      gradients.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
      var rows = gradients.mutableSpan
      estimator.estimate(problem, data.block, state: state, random: &own, workspace: &workspace, into: &rows)
      estimator.adapt(&state, problem: problem, block: data.block, workspace: &workspace)
    }
  }

  /// The objective of all data at φ, with its gradient in φ and θ, from what is exact of each datum; nil where a datum has
  /// nothing exact.
  func exact(_ problem: Problem, _ phi: [Double]) -> ExactExpectation? {
    guard problem.multiSample == nil, !model.observationsAreDrawn else { return nil }
    let count = model.dataCount(.training), width = 128
    var value = 0.0, gradient = [Double](repeating: 0, count: phi.count)
    var inModel: [Double]? = Array(repeating: 0, count: problem.modelParameterCount)
    guard let generator = Generator.named(Generator.standardName), var random = try? RandomStream(generator, index: 1)
    else { return nil }
    for first in stride(from: 0, to: count, by: width) {
      let lanes = min(width, count - first)
      var data = AmortizedBlock(problem, network, samples: 1, lanes: lanes)
      data.take((first..<first + lanes).map { Int32($0) }, of: .training, parameters: phi, random: &random)
      var cotangents = [Double](repeating: 0, count: problem.parameterCount * lanes)
      for lane in 0..<lanes {
        func column(_ rows: [Double]) -> [Double] { stride(from: lane, to: rows.count, by: lanes).map { rows[$0] } }
        let x = column(data.block.draws.observations), parameters = column(data.block.draws.parameters)
        guard
          let exact = problem.family.exactExpectation(of: problem.terms, for: model.datum(x), parameters: parameters)
        else { return nil }
        value += exact.value
        for (p, slope) in exact.gradient.enumerated() { cotangents[p * lanes + lane] = slope }
        inModel = exact.modelGradient.flatMap { own in inModel.map { zip($0, own).map { $0 + $1 } } }
      }
      var span = gradient.mutableSpan
      data.addPullback(cotangents, factor: 1, parameters: phi, into: &span)
    }
    return ExactExpectation(
      value: value, gradient: gradient, coordinateValues: [], optimalShift: nil, modelGradient: inModel)
  }
}

extension Cell {
  /// The blocks of the parameters that gradients are in: φ's, or λ's.
  package var parameterBlocks: [ParameterBlock] {
    amortization?.network.parameterBlocks ?? problem.family.parameterBlocks
  }
  package var parameterCount: Int { amortization?.network.parameterCount ?? problem.parameterCount }
}

/// Minibatches of a cell with an `Amortization`, and estimators bound to them.
final class AmortizedBench {
  private let cell: Cell
  private let amortization: Amortization
  private var amortized: AmortizedBlock
  private let bound: [any BoundEstimator]
  private let quantities: Quantities
  private let disturbance: Double
  /// In λ of each datum, `[P × M]`; in φ; in θ.
  private var local, inNetwork, inModel: [Double]
  private var order: [Int32]

  /// - Parameter disturbance: the relative error of whatever is evaluated; 0 but where rounding is measured.
  init(_ cell: Cell, _ amortization: Amortization, _ prepared: [PreparedEstimator], disturbance: Double = 0) throws {
    let lanes = amortization.model.minibatch
    self.cell = cell
    self.amortization = amortization
    self.disturbance = disturbance
    amortized = AmortizedBlock(cell.problem, amortization.network, samples: cell.samples, lanes: lanes)
    bound = try prepared.map { try $0.bind(lanes, disturbance) }
    quantities = cell.quantities
    local = Array(repeating: 0, count: cell.problem.parameterCount * lanes)
    inNetwork = Array(repeating: 0, count: cell.parameterCount)
    inModel = Array(repeating: 0, count: cell.problem.modelParameterCount)
    order = (0..<Int32(amortization.model.dataCount(.training))).map { $0 }
  }

  /// Draws the next minibatch with its λ and draws.
  func draw(_ random: inout RandomStream, _ dataRandom: inout RandomStream) {
    let size = amortization.model.minibatch
    var chosen = [Int32](repeating: 0, count: size)
    var span = chosen.mutableSpan
    dataRandom.choose(size, of: &order, lanes: 1, into: &span)
    amortized.take(chosen, of: .training, parameters: cell.parameters, random: &dataRandom)
    amortized.block.sample(cell.problem, random: &random)
    amortized.block.evaluate(quantities, of: cell.problem)
    if disturbance != 0 { amortized.block.perturb(quantities, relative: disturbance) }
  }

  /// N/M
  private var share: Double { Double(order.count) / Double(amortization.model.minibatch) }

  /// Stores estimator `e`'s gradient in φ as column `column` of `rows`, `[P × width]`.
  func store(
    _ e: Int, random: inout RandomStream, into rows: inout [Double], column: Int, width: Int
  ) throws {
    try bound[e].estimate(amortized.block, random: &random, into: &local)
    inNetwork.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    var span = inNetwork.mutableSpan
    amortized.addPullback(local, factor: share, parameters: cell.parameters, into: &span)
    for p in inNetwork.indices { rows[p * width + column] = inNetwork[p] }
  }

  /// The same of the gradient in θ, `[Q × width]`.
  func storeModelGradient(into rows: inout [Double], column: Int, width: Int) {
    inModel.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    var span = inModel.mutableSpan
    cell.problem.addTotalModelGradient(factor: share, of: amortized.block, into: &span)
    for q in inModel.indices { rows[q * width + column] = inModel[q] }
  }

  /// So many replicates of all, `[P × lanes]` each, and last `[Q × lanes]` in θ where there is any.
  ///
  /// - Parameter own: lends estimator `e`'s stream.
  func fill(
    _ gradients: inout [[Double]], lanes: Int, random: inout RandomStream, dataRandom: inout RandomStream,
    own: (_ e: Int, _ body: (inout RandomStream) throws -> Void) throws -> Void
  ) throws {
    for column in 0..<lanes {
      draw(&random, &dataRandom)
      for e in bound.indices {
        try own(e) { try store(e, random: &$0, into: &gradients[e], column: column, width: lanes) }
      }
      if !inModel.isEmpty { storeModelGradient(into: &gradients[bound.count], column: column, width: lanes) }
    }
  }
}
