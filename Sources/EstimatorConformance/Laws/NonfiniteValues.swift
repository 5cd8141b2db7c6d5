internal import ExperimentRunner
internal import GradientEstimation

/// What the model computed at a draw and is not finite reaches the gradient of that lane, where the harness counts it, and no other lane.
///
/// An estimator that drops or clamps such a draw changes its expectation in silence.
enum NonfiniteValues: BlockLaw {
  static let law = Law.nonfinite

  /// Of what an estimator evaluates at draws of its own nothing can be struck.
  static func applies(to entry: Entry) -> Bool {
    entry.cost > 0 && entry.requirements.quantities != Quantities()
  }

  static func finding(_ bench: Bench) throws -> String? {
    let width = Bench.lanes, count = bench.cell.problem.family.parameterCount
    let whole = try bench.estimate(bench.block(0))
    for value in [Double.nan, .infinity] {
      let struck = [2, 11], others = (0..<width).filter { !struck.contains($0) }
      var block = try bench.block(0)
      strike(&block, bench.entry.requirements.quantities, of: bench.cell.problem, lanes: struck, with: value)
      let found = try bench.estimate(block)
      for lane in struck where (0..<count).allSatisfy({ found[$0 * width + lane].isFinite }) {
        return "a model value of \(value) gives a finite gradient, which nobody counts"
      }
      if !sameBits(columns(found, others, of: width), columns(whole, others, of: width)) {
        return "a model value of \(value) in one lane changes another lane's estimate"
      }
    }
    return nil
  }

  /// Overwrites what the model computed at the last draw of `lanes`.
  private static func strike(
    _ block: inout DrawBlock, _ needed: Quantities, of problem: Problem, lanes: [Int], with value: Double
  ) {
    let shape = block.shape, own = needed.restricted(to: problem.model.terms)
    let scalar = (shape.samples - 1) * shape.lanes, vector = scalar * shape.dimension
    for term in own.values.members {
      block.evaluation.withValues(of: term) { room in for lane in lanes { room[scalar + lane] = value } }
    }
    if needed.bounds { block.evaluateBounds(of: problem) }
    for sum in own.gradients.members {
      block.evaluation.withGradient(of: sum) { room in
        for lane in lanes { for d in 0..<shape.dimension { room[vector + d * shape.lanes + lane] = value } }
      }
    }
    for term in own.diagonalHessians.members {
      block.evaluation.withDiagonalHessian(of: term) { room in
        for lane in lanes { for d in 0..<shape.dimension { room[vector + d * shape.lanes + lane] = value } }
      }
    }
    for term in own.coordinateValues.members {
      block.evaluation.withCoordinateValues(of: term) { room in
        for lane in lanes { for d in 0..<shape.dimension { room[vector + d * shape.lanes + lane] = value } }
      }
    }
  }
}
