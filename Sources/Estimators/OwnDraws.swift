internal import GradientEstimation

/// A block that an estimator evaluates the model in at points of its own.
final class OwnDraws {
  var block: DrawBlock

  init(_ problem: Problem, _ shape: Shape, hasLanesOfParameters: Bool = false) {
    let count = shape.parameters * (hasLanesOfParameters ? shape.lanes : 1)
    block = DrawBlock(shape: shape, parameters: Array(repeating: 0, count: count))
  }

  /// Takes over noise, z and data, without allocating after the first time.
  func take(_ other: borrowing Draws) {
    Self.copy(other.noise, to: &block.draws.noise)
    Self.copy(other.z, to: &block.draws.z)
    takeData(other)
  }

  /// Takes over alone which data each lane is of, where the draws are another K.
  func takeData(_ other: borrowing Draws) {
    Self.copy(other.dataIndices, to: &block.draws.dataIndices)
    Self.copy(other.observations, to: &block.draws.observations)
  }

  /// Takes over λ; of lanes that share it each gets its own where the block has room for that.
  func takeParameters(_ other: borrowing Draws) {
    let shape = block.shape
    if other.sharesParameters, block.draws.parameters.count != shape.parameters {
      for p in 0..<shape.parameters {
        for lane in 0..<shape.lanes { block.draws.parameters[p * shape.lanes + lane] = other.parameters[p] }
      }
    } else {
      Self.copy(other.parameters, to: &block.draws.parameters)
    }
  }

  /// totals += factor · f of each lane, Σ over draws and `terms`, `[B]`.
  func addValues(of terms: Terms, factor: Double, to totals: inout MutableSpan<Double>, from start: Int = 0) {
    let shape = block.shape
    for term in terms.members {
      let values = block.evaluation.values(of: term)
      for k in 0..<shape.samples {
        for lane in 0..<shape.lanes { totals[start + lane] += factor * values[k * shape.lanes + lane] }
      }
    }
  }

  private static func copy<T>(_ source: [T], to target: inout [T]) {
    if source.count != target.count { target = Array(source) }
    target.withUnsafeMutableBufferPointer { _ = $0.update(from: source) }
  }
}
