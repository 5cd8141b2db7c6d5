internal import EstimatorStatistics
internal import GradientEstimation
internal import Randomness

/// The variance that rounding alone leaves in an estimate, coordinate by coordinate.
///
/// An exact zero is not exact in floating point: at the posterior `stl` subtracts equal terms and measures a variance
/// of 1e-32. How much depends on the size of the terms that cancel. So the quantities at a few draws (term values and
/// gradients), and those that an estimator evaluates at draws of its own, are disturbed by relative errors ± 2^−26 with random signs, and the estimate's response is measured: to
/// first order it is the root sum of squares of the terms it adds up. The floor is what errors of `units` roundings
/// in every quantity would do. Differences and variances below it are nothing.
struct RoundingFloor: Sendable {
  /// The floor of each coordinate's variance, `[P]`.
  private(set) var variances: [Double]
  /// The variance of each coordinate at the few draws, `[P]`: a scale, no more.
  private(set) var scales: [Double]
  /// What the tails of the gradients are followed by.
  let tail: TailReference

  /// Blocks that a scale is looked for in, where the first has none: draws that differ may be rare.
  private static let mostBlocks = 16

  /// Roundings that a quantity may carry: sums over data and coordinates, exponentials, logarithms.
  static let units = 64.0
  private static let disturbance = 1.0 / 67_108_864  // 2^−26, the square root of a rounding

  /// The floors of each entry of `cell`, and last that of the model's gradient where it has parameters to learn.
  ///
  /// - Parameters:
  ///   - blocks: those that are reported.
  ///   - replicates: R at most.
  static func measure(
    _ cell: Cell, _ prepared: [PreparedEstimator], blocks: [Range<Int>], replicates: Int, seed: UInt64
  ) throws -> [RoundingFloor] {
    let lanes = 64
    let streams = cell.streams("rounding", seed: seed)
    var random = try streams.stream(0)
    var block = DrawBlock(shape: cell.shape(lanes: lanes), parameters: cell.parameters)
    var minibatches = MinibatchSampler(cell.problem)
    minibatches.draw(&block, random: &random)
    block.sample(cell.problem, random: &random)
    block.evaluate(cell.quantities, of: cell.problem)

    let count = cell.problem.family.parameterCount * lanes
    let bound = try prepared.map { try $0.bind(lanes, 0) }
    var plain = Array(repeating: [Double](repeating: 0, count: count), count: bound.count)
    for (e, estimator) in bound.enumerated() {
      var own = try streams.stream(1)
      try estimator.estimate(block, random: &own, into: &plain[e])
    }
    var before = [Double](repeating: 0, count: cell.problem.modelParameterCount * lanes), after = before
    cell.problem.storeModelGradient(block, into: &before)
    block.perturb(cell.quantities, relative: disturbance)
    cell.problem.storeModelGradient(block, into: &after)
    let unsteady = try prepared.map { try $0.bind(lanes, disturbance) }
    // A numerical gradient carries much more.
    let rounding = cell.problem.gradientIsNumerical ? disturbance : units * 0x1p-53, scale = rounding / disturbance
    func floor(_ before: [Double], _ after: [Double], _ tail: TailReference) -> RoundingFloor {
      (0..<before.count / lanes).reduce(into: RoundingFloor(variances: [], scales: [], tail: tail)) { floor, p in
        let row = before[p * lanes..<(p + 1) * lanes], other = after[p * lanes..<(p + 1) * lanes]
        let response = zip(row, other).reduce(0) { $0 + ($1.1 - $1.0) * ($1.1 - $1.0) }
        let size = row.reduce(0) { $0 + $1 * $1 }, mean = row.reduce(0, +) / Double(lanes)
        // Nor is the mean of equal numbers exact: their own size counts as a term.
        floor.variances.append(max(scale * scale * response, rounding * rounding * size) / Double(lanes))
        floor.scales.append(row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(lanes - 1))
      }
    }
    let ofModel =
      before.isEmpty
      ? []
      : [
        floor(
          before, after,
          TailReference(
            replicates: replicates, gradients: before, lanes: lanes,
            blocks: CellMeasurement.modelBlocks(cell).map(\.range)))
      ]
    var floors = try unsteady.enumerated().map { e, estimator in
      var own = try streams.stream(1)
      var disturbed = [Double](repeating: 0, count: count)
      try estimator.estimate(block, random: &own, into: &disturbed)
      var before = plain[e], after = disturbed
      if let direction = cell.direction {
        (before, after) = (before + Array(repeating: 0, count: lanes), after + Array(repeating: 0, count: lanes))
        extend(plain[e], along: direction, lanes, &before)
        extend(disturbed, along: direction, lanes, &after)
      }
      let tail = TailReference(
        replicates: replicates, gradients: before, lanes: lanes, blocks: blocks, weights: cell.normWeights)
      return floor(before, after, tail)
    }
    for _ in 1..<mostBlocks where floors.contains(where: \.lacksScale) {
      minibatches.draw(&block, random: &random)
      block.sample(cell.problem, random: &random)
      block.evaluate(cell.quantities, of: cell.problem)
      for e in floors.indices where floors[e].lacksScale {
        var own = try streams.stream(1), gradients = [Double](repeating: 0, count: count)
        try bound[e].estimate(block, random: &own, into: &gradients)
        if let direction = cell.direction {
          var extended = gradients + Array(repeating: 0, count: lanes)
          extend(gradients, along: direction, lanes, &extended)
          gradients = extended
        }
        floors[e].widen(by: gradients, lanes)
      }
    }
    for e in floors.indices where floors[e].lacksScale { floors[e].settle() }
    return floors + ofModel
  }

  /// Whether a coordinate has been one number in all draws.
  private var lacksScale: Bool { scales.contains(0) }

  /// Takes the floor for a scale that is still missing: a scale far below E Y costs no digits, one far above all.
  private mutating func settle() {
    for p in scales.indices where scales[p] == 0 { scales[p] = max(variances[p], 1e-40) }
  }

  /// Takes the scales that are missing from other draws, `[P × B]`.
  private mutating func widen(by gradients: [Double], _ lanes: Int) {
    for p in scales.indices where scales[p] == 0 {
      let row = gradients[p * lanes..<(p + 1) * lanes], mean = row.reduce(0, +) / Double(lanes)
      scales[p] = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(lanes - 1)
    }
  }
}
