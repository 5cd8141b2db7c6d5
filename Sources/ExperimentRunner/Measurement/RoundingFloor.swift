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
    let lanes = cell.amortization == nil ? 64 : 32
    let (plain, disturbed) =
      try cell.amortization.map { try responses(cell, $0, prepared, lanes, seed) }
      ?? responses(cell, prepared, lanes, seed)
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
    return zip(plain, disturbed).enumerated().map { e, pair in
      var (before, after) = pair
      guard e < prepared.count else {
        let blocks = CellMeasurement.modelBlocks(cell).map(\.range)
        return floor(
          before, after, TailReference(replicates: replicates, gradients: before, lanes: lanes, blocks: blocks))
      }
      if let direction = cell.direction {
        (before, after) = (before + Array(repeating: 0, count: lanes), after + Array(repeating: 0, count: lanes))
        extend(pair.0, along: direction, lanes, &before)
        extend(pair.1, along: direction, lanes, &after)
      }
      let tail = TailReference(
        replicates: replicates, gradients: before, lanes: lanes, blocks: blocks, weights: cell.normWeights)
      return floor(before, after, tail)
    }
  }

  /// Each entry's gradients at a few draws, and last those in the model's parameters where there are any: as they are, and
  /// from disturbed quantities.
  private static func responses(
    _ cell: Cell, _ prepared: [PreparedEstimator], _ lanes: Int, _ seed: UInt64
  ) throws -> (plain: [[Double]], disturbed: [[Double]]) {
    let streams = cell.streams("rounding", seed: seed)
    var random = try streams.stream(0)
    var block = DrawBlock(shape: cell.shape(lanes: lanes), parameters: cell.parameters)
    var minibatches = MinibatchSampler(cell.problem)
    minibatches.draw(&block, random: &random)
    block.sample(cell.problem, random: &random)
    block.evaluate(cell.quantities, of: cell.problem)
    let learned = cell.problem.modelParameterCount
    var plain: [[Double]] = [], disturbed: [[Double]] = []
    for (relative, isLast) in [(0.0, false), (disturbance, true)] {
      if isLast { block.perturb(cell.quantities, relative: disturbance) }
      var gradients = try prepared.map { estimator -> [Double] in
        var own = try streams.stream(1)
        var gradient = [Double](repeating: 0, count: cell.parameterCount * lanes)
        try estimator.bind(lanes, relative).estimate(block, random: &own, into: &gradient)
        return gradient
      }
      if learned > 0 {
        var gradient = [Double](repeating: 0, count: learned * lanes)
        cell.problem.storeModelGradient(block, into: &gradient)
        gradients.append(gradient)
      }
      if isLast { disturbed = gradients } else { plain = gradients }
    }
    return (plain, disturbed)
  }

  /// The same of minibatches.
  private static func responses(
    _ cell: Cell, _ amortization: Amortization, _ prepared: [PreparedEstimator], _ lanes: Int, _ seed: UInt64
  ) throws -> (plain: [[Double]], disturbed: [[Double]]) {
    let streams = cell.streams("rounding", seed: seed), learned = cell.problem.modelParameterCount
    func gradients(_ relative: Double) throws -> [[Double]] {
      let bench = try AmortizedBench(cell, amortization, prepared, disturbance: relative)
      var gradients = Array(
        repeating: [Double](repeating: 0, count: cell.parameterCount * lanes), count: prepared.count)
      if learned > 0 { gradients.append(Array(repeating: 0, count: learned * lanes)) }
      var random = try streams.stream(0), dataRandom = try streams.stream(1)
      // Minibatch by minibatch the same numbers for every estimator, disturbed or not.
      try bench.fill(&gradients, lanes: lanes, random: &random, dataRandom: &dataRandom) { _, body in
        var own = try streams.stream(1)
        try body(&own)
      }
      return gradients
    }
    return (try gradients(0), try gradients(disturbance))
  }
}
