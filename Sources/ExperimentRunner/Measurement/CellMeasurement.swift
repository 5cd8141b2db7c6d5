package import EstimatorStatistics
package import GradientEstimation
internal import Randomness
internal import Synchronization

/// What was measured in a cell.
package struct CellMeasurement: Sendable {
  package let cell: Cell
  package let moments: ComparisonMoments
  /// R: what was taken, finite or not.
  package let replicates: Int
  /// What the rule had wished and did not get.
  package let shortfall: StoppingRule.Shortfall?
  /// Variance that rounding alone leaves, `[P]` for each entry, and last `[Q]` where the model has parameters to learn.
  package let floors: [[Double]]
  /// How each entry's state was brought up.
  package let warmUps: [WarmUp?]
  /// The reported blocks: the family's, and `all`.
  package let blocks: [ParameterBlock]
  /// The entries with their states.
  let prepared: [PreparedEstimator]

  /// Replicates of a chunk. A chunk has streams of its own and is the unit of parallel work.
  package static let chunkSize = 1024

  /// The blocks that figures are reported for: the family's, the direction if the cell has one, and `all`.
  static func reportedBlocks(_ cell: Cell) -> [ParameterBlock] {
    let blocks = cell.parameterBlocks, count = cell.parameterCount
    let direction = cell.direction == nil ? [] : [ParameterBlock(name: "direction", range: count..<count + 1)]
    return blocks + direction + [ParameterBlock(name: "all", range: 0..<count + direction.count)]
  }

  /// The blocks of the gradient in the model's parameters: its one part, and the whole.
  static func modelBlocks(_ cell: Cell) -> [ParameterBlock] {
    let block = ParameterBlock(name: "model_parameters", range: 0..<cell.problem.modelParameterCount)
    return [block, block]
  }

  /// The stream keys of a cell, with how many chunks each has.
  static func streamKeys(
    _ cell: Cell, seed: UInt64, replicates: Int, request: DiagnosticRequest
  ) -> [(key: StreamKey, count: Int)] {
    let chunks = (replicates + chunkSize - 1) / chunkSize
    func key(_ role: String) -> StreamKey { StreamKey(seed: seed, cell: cell.text, role: role) }
    var keys = [(key("draws"), chunks), (key("rounding"), 2)]
    let arePaired = request.parts && cell.isSubsampled, pairs = CellWorker.pairPrefix
    if cell.isSubsampled { keys.append((key("minibatch"), chunks)) }
    if arePaired { keys += [(key(pairs + "draws"), chunks), (key(pairs + "minibatch"), chunks)] }
    for entry in cell.entries {
      if entry.requirements.usesRandomNumbers {
        keys.append((key(PreparedEstimator.ownRole(entry.text)), chunks))
        if arePaired { keys.append((key(pairs + PreparedEstimator.ownRole(entry.text)), chunks)) }
      }
      if needsWarmUp(entry.estimator, cell) {
        keys.append((key(PreparedEstimator.warmUpRole(entry.text)), 2))
        if request.parts {
          keys += [
            (key(PreparedEstimator.adaptingRole(entry.text)), chunks),
            (key(PreparedEstimator.adaptingOwnRole(entry.text)), chunks),
          ]
        }
      }
    }
    return keys
  }

  private static func needsWarmUp<E: GradientEstimator>(_ estimator: E, _ cell: Cell) -> Bool {
    estimator.warmUp(for: estimator.initialState(for: cell.problem, parameters: cell.localParameters)) != nil
  }

  /// Measures `cell` on `threads` tasks until `rule` is content. The result does not depend on their number: chunks are
  /// merged in order, and the rule looks when all are in that its checkpoint counts.
  ///
  /// - Parameters:
  ///   - prepared: the entries with their states, in order, where they are there already.
  ///   - comparesPairs: whether ratios of variances are wanted, and the tails.
  ///   - progress: told of replicates as they are done, and at the end of those that need not be.
  package static func run(
    _ cell: Cell, prepared: [PreparedEstimator]? = nil, seed: UInt64, rule: StoppingRule, threads: Int,
    comparesPairs: Bool = true, progress: @escaping @Sendable (Int) throws -> Void
  ) async throws -> CellMeasurement {
    let prepared = try prepared ?? cell.entries.map { try PreparedEstimator($0, of: cell, seed: seed) }
    let blocks = reportedBlocks(cell)
    let ranges = blocks.map(\.range)
    let floors = try RoundingFloor.measure(cell, prepared, blocks: ranges, replicates: rule.maximum, seed: seed)
    let own = floors.prefix(prepared.count)
    let empty = ComparisonMoments(
      blocks: ranges, scales: own.map(\.scales), weights: cell.normWeights,
      tails: comparesPairs ? own.map(\.tail) : [], comparesPairs: comparesPairs,
      companion: companion(cell, scales: floors.dropFirst(prepared.count).first?.scales))
    let queue = ChunkQueue(empty: empty)
    var done = 0, course = StoppingRule.Course(rule)
    for checkpoint in rule.checkpoints {
      let chunks = (checkpoint + chunkSize - 1) / chunkSize
      queue.extend(to: chunks)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<min(threads, chunks - done / chunkSize) {
          group.addTask {
            let worker = CellWorker(cell: cell, prepared: prepared, seed: seed)
            while let chunk = queue.next() {
              try Task.checkCancellation()
              let size = min(chunkSize, checkpoint - chunk * chunkSize)
              let moments = try worker.measure(
                chunk: chunk, replicates: size, into: empty, tailsAbove: queue.tailThresholds)
              queue.finish(chunk, moments)
              try progress(size)
            }
          }
        }
        try await group.waitForAll()
      }
      done = checkpoint
      if course.isOver(queue.result, replicates: done, floors: own.map(\.variances)) { break }
    }
    try progress(rule.maximum - done)
    return CellMeasurement(
      cell: cell, moments: queue.result, replicates: done, shortfall: course.shortfall, floors: floors.map(\.variances),
      warmUps: prepared.map(\.warmUp), blocks: blocks, prepared: prepared)
  }
}

extension CellMeasurement {
  /// Moments of nothing, of the gradient in the model's parameters; nil where there are no `scales`, `[Q]`.
  private static func companion(_ cell: Cell, scales: [Double]?) -> GradientMoments? {
    scales.map { GradientMoments(blocks: modelBlocks(cell).map(\.range), scales: $0) }
  }

  /// Measures so many replicates of the first chunk on one task and forgets them.
  static func trial(
    _ cell: Cell, _ prepared: [PreparedEstimator], seed: UInt64
  ) throws -> (_ replicates: Int) throws -> Void {
    let zeros = [Double](repeating: 0, count: cell.parameterCount + (cell.direction == nil ? 0 : 1))
    let empty = ComparisonMoments(
      blocks: reportedBlocks(cell).map(\.range), scales: prepared.map { _ in zeros },
      companion: cell.problem.modelParameterCount > 0
        ? companion(cell, scales: Array(repeating: 0, count: cell.problem.modelParameterCount)) : nil)
    let worker = CellWorker(cell: cell, prepared: prepared, seed: seed)
    return { _ = try worker.measure(chunk: 0, replicates: $0, into: empty, tailsAbove: []) }
  }
}

/// Hands out chunks and merges their moments in order, whichever ends first.
private final class ChunkQueue: Sendable {
  private struct Contents {
    var count = 0
    var next = 0
    var merged = 0
    var waiting: [Int: ComparisonMoments] = [:]
    var total: ComparisonMoments
    var tailThresholds: [[Double]] = []
  }
  private let contents: Mutex<Contents>

  init(empty: ComparisonMoments) { contents = Mutex(Contents(total: empty)) }

  /// Has chunks up to number `count` handed out too.
  func extend(to count: Int) { contents.withLock { $0.count = count } }

  func next() -> Int? {
    contents.withLock {
      guard $0.next < $0.count else { return nil }
      $0.next += 1
      return $0.next - 1
    }
  }

  func finish(_ chunk: Int, _ moments: ComparisonMoments) {
    contents.withLock {
      $0.waiting[chunk] = moments
      while let ready = $0.waiting.removeValue(forKey: $0.merged) {
        $0.total.merge(ready)
        $0.merged += 1
        // They move by a part 1/n with the n-th chunk: it is enough to look ever more seldom.
        if $0.merged.nonzeroBitCount <= 2 { $0.tailThresholds = $0.total.tailThresholds }
      }
    }
  }

  /// What the merged chunks know of the tails. It differs from run to run; what is kept in the end does not.
  var tailThresholds: [[Double]] { contents.withLock { $0.tailThresholds } }

  var result: ComparisonMoments { contents.withLock { $0.total } }
}

/// Copies `gradient`, `[P × B]`, to `rows` and stores the sums over P weighted by `direction` behind it, `[B]`.
func extend(_ gradient: [Double], along direction: [Double], _ lanes: Int, _ rows: inout [Double]) {
  let last = gradient.count
  for i in 0..<lanes { rows[last + i] = 0 }
  for (p, weight) in direction.enumerated() {
    for i in 0..<lanes {
      let g = gradient[p * lanes + i]
      rows[p * lanes + i] = g
      rows[last + i] += weight * g
    }
  }
}
