internal import ExperimentRunner
internal import GradientEstimation

/// Gradients, blocks and scratch of the wrong shape are refused before the estimator sees them.
enum WrongShapes: BlockLaw {
  static let law = Law.shapes

  static func finding(_ bench: Bench) throws -> String? {
    let block = try bench.block(0), count = block.shape.parameters * block.shape.lanes
    for wrong in [0, count - 1, count + block.shape.lanes] {
      if try accepts(bench, block, lanes: Bench.lanes, room: wrong) {
        return "takes room for \(wrong) numbers where there are \(count)"
      }
    }
    if try accepts(bench, block, lanes: Bench.lanes + 1, room: count) { return "takes scratch for other lanes" }
    var short = try bench.block(0)
    short.draws.z.removeLast()
    if try accepts(bench, short, lanes: Bench.lanes, room: count) { return "takes draws with a number missing" }
    guard bench.entry.requirements.quantities != Quantities() else { return nil }
    let bare = try bench.draws(0)
    return try accepts(bench, bare, lanes: Bench.lanes, room: count) ? "takes a block with nothing computed" : nil
  }

  private static func accepts(
    _ bench: Bench, _ block: borrowing DrawBlock, lanes: Int, room: Int
  ) throws -> Bool {
    let bound = try bench.bind(lanes)
    var gradients = [Double](repeating: 0, count: room), random = try bench.stream()
    do throws(EstimatorError) {
      try bound.estimate(block, random: &random, into: &gradients)
      return true
    } catch {
      return false
    }
  }
}
