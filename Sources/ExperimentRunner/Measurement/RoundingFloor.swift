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
    let lanes = cell.amortization == nil ? 64 : 32
    let probe = try Probe(cell, prepared, lanes: lanes, seed: seed)
    let (plain, disturbed) =
      try cell.amortization.map { try responses(cell, $0, prepared, lanes, seed) } ?? probe.responses()
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
    var floors = zip(plain, disturbed).enumerated().map { e, pair in
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
    // A unit of a network may be silent for good: there it is not looked for.
    for _ in 1..<mostBlocks where cell.amortization == nil && floors[..<prepared.count].contains(where: \.lacksScale) {
      probe.draw()
      for e in prepared.indices where floors[e].lacksScale {
        var gradients = try probe.gradient(of: e, relative: 0)
        if let direction = cell.direction {
          var extended = gradients + Array(repeating: 0, count: lanes)
          extend(gradients, along: direction, lanes, &extended)
          gradients = extended
        }
        floors[e].widen(by: gradients, lanes)
      }
    }
    for e in prepared.indices where floors[e].lacksScale { floors[e].settle() }
    return floors
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

  /// Of minibatches, each entry's gradients at a few, and last those in the model's parameters where there are any: as they
  /// are, and from disturbed quantities.
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

  /// Blocks of a few draws at the cell's λ, and estimates there.
  private final class Probe {
    private let cell: Cell
    private let prepared: [PreparedEstimator]
    private let streams: StreamFamily
    private var random: RandomStream
    private var minibatches: MinibatchSampler
    private var block: DrawBlock

    /// Draws the first block.
    init(_ cell: Cell, _ prepared: [PreparedEstimator], lanes: Int, seed: UInt64) throws {
      self.cell = cell
      self.prepared = prepared
      streams = cell.streams("rounding", seed: seed)
      random = try streams.stream(0)
      minibatches = MinibatchSampler(cell.problem)
      block = DrawBlock(shape: cell.shape(lanes: lanes), parameters: cell.localParameters)
      if cell.amortization == nil { draw() }
    }

    func draw() {
      minibatches.draw(&block, random: &random)
      block.sample(cell.problem, random: &random)
      block.evaluate(cell.quantities, of: cell.problem)
    }

    /// Entry `e`'s estimates, `[P × B]`, what it evaluates itself disturbed by `relative`.
    func gradient(of e: Int, relative: Double) throws -> [Double] {
      var own = try streams.stream(1)
      var gradient = [Double](repeating: 0, count: block.shape.parameters * block.shape.lanes)
      try prepared[e].bind(block.shape.lanes, relative).estimate(block, random: &own, into: &gradient)
      return gradient
    }

    /// The gradients of all entries and last those in the model's parameters; then again, the block disturbed.
    func responses() throws -> (plain: [[Double]], disturbed: [[Double]]) {
      let plain = try gradients(relative: 0)
      block.perturb(cell.quantities, relative: disturbance)
      return (plain, try gradients(relative: disturbance))
    }

    private func gradients(relative: Double) throws -> [[Double]] {
      let own = try prepared.indices.map { try gradient(of: $0, relative: relative) }
      let learned = cell.problem.modelParameterCount
      guard learned > 0 else { return own }
      var inModel = [Double](repeating: 0, count: learned * block.shape.lanes)
      cell.problem.storeModelGradient(block, into: &inModel)
      return own + [inModel]
    }
  }
}
