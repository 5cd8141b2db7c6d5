public import Randomness

/// Draws each lane's minibatch, where the model takes minibatches: M of N data without replacement.
public struct MinibatchSampler: Sendable {
  private let size: Int
  private var order: [Int32]

  public init(_ problem: Problem) {
    let model = problem.model as? any SubsampledModel
    size = model?.minibatch ?? 0
    order = size > 0 ? (0..<Int32(model?.dataCount ?? 0)).map { $0 } : []
  }

  /// Fills the block's `dataIndices`, `[M × B]`; does nothing where all data are used.
  public mutating func draw(_ block: inout DrawBlock, random: inout RandomStream) {
    guard size > 0 else { return }
    let lanes = block.shape.lanes
    if block.draws.dataIndices.count != size * lanes {
      block.draws.dataIndices = Array(repeating: 0, count: size * lanes)
    }
    var span = block.draws.dataIndices.mutableSpan
    random.choose(size, of: &order, lanes: lanes, into: &span)
  }
}
