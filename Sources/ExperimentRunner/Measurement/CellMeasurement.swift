internal import CKernels
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
  /// Variance that rounding alone leaves, `[P]` for each entry.
  package let floors: [[Double]]
  /// How each entry's state was brought up.
  package let warmUps: [WarmUp?]
  /// The reported blocks: the family's, and `all`.
  package let blocks: [ParameterBlock]

  /// Replicates of a chunk. A chunk has streams of its own and is the unit of parallel work.
  package static let chunkSize = 1024

  /// The blocks that figures are reported for: the family's, the direction if the cell has one, and `all`.
  static func reportedBlocks(_ cell: Cell) -> [ParameterBlock] {
    let blocks = cell.problem.family.parameterBlocks, count = cell.problem.family.parameterCount
    let direction = cell.direction == nil ? [] : [ParameterBlock(name: "direction", range: count..<count + 1)]
    return blocks + direction + [ParameterBlock(name: "all", range: 0..<count + direction.count)]
  }

  /// The stream keys of a cell, with how many chunks each has.
  static func streamKeys(_ cell: Cell, seed: UInt64, replicates: Int) -> [(key: StreamKey, count: Int)] {
    let chunks = (replicates + chunkSize - 1) / chunkSize
    func key(_ role: String) -> StreamKey { StreamKey(seed: seed, cell: cell.text, role: role) }
    var keys = [(key("draws"), chunks), (key("rounding"), 2)]
    if (cell.problem.model as? any SubsampledModel)?.minibatch != nil { keys.append((key("minibatch"), chunks)) }
    for entry in cell.entries {
      if entry.requirements.usesRandomNumbers { keys.append((key(PreparedEstimator.ownRole(entry.text)), chunks)) }
      if needsWarmUp(entry.estimator, cell) { keys.append((key(PreparedEstimator.warmUpRole(entry.text)), 2)) }
    }
    return keys
  }

  private static func needsWarmUp<E: GradientEstimator>(_ estimator: E, _ cell: Cell) -> Bool {
    estimator.warmUp(for: estimator.initialState(for: cell.problem, parameters: cell.parameters)) != nil
  }

  /// Measures `cell` on `threads` tasks until `rule` is content. The result does not depend on their number: chunks are
  /// merged in order, and the rule looks when all are in that its checkpoint counts.
  ///
  /// - Parameters:
  ///   - comparesPairs: whether ratios of variances are wanted, and the tails.
  ///   - progress: told of replicates as they are done, and at the end of those that need not be.
  package static func run(
    _ cell: Cell, seed: UInt64, rule: StoppingRule, threads: Int, comparesPairs: Bool = true,
    progress: @escaping @Sendable (Int) throws -> Void
  ) async throws -> CellMeasurement {
    let prepared = try cell.entries.map { try PreparedEstimator($0, of: cell, seed: seed) }
    let blocks = reportedBlocks(cell)
    let ranges = blocks.map(\.range)
    let floors = try RoundingFloor.measure(cell, prepared, blocks: ranges, replicates: rule.maximum, seed: seed)
    let empty = ComparisonMoments(
      blocks: ranges, scales: floors.map(\.scales), weights: cell.normWeights,
      tails: comparesPairs ? floors.map(\.tail) : [],
      comparesPairs: comparesPairs)
    let queue = ChunkQueue(empty: empty)
    var done = 0, course = StoppingRule.Course(rule)
    for checkpoint in rule.checkpoints {
      let chunks = (checkpoint + chunkSize - 1) / chunkSize
      queue.extend(to: chunks)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<min(threads, chunks - done / chunkSize) {
          group.addTask {
            let worker = Worker(cell: cell, prepared: prepared, seed: seed, empty: empty)
            while let chunk = queue.next() {
              try Task.checkCancellation()
              let size = min(chunkSize, checkpoint - chunk * chunkSize)
              let moments = try worker.measure(chunk: chunk, replicates: size, tailsAbove: queue.tailThresholds)
              queue.finish(chunk, moments)
              try progress(size)
            }
          }
        }
        try await group.waitForAll()
      }
      done = checkpoint
      if course.isOver(queue.result, replicates: done, floors: floors.map(\.variances)) { break }
    }
    try progress(rule.maximum - done)
    return CellMeasurement(
      cell: cell, moments: queue.result, replicates: done, shortfall: course.shortfall, floors: floors.map(\.variances),
      warmUps: prepared.map(\.warmUp), blocks: blocks)
  }
}

extension CellMeasurement {
  /// Measures so many replicates of the first chunk on one task and forgets them.
  static func trial(
    _ cell: Cell, _ prepared: [PreparedEstimator], seed: UInt64
  ) throws -> (_ replicates: Int) throws -> Void {
    let zeros = [Double](repeating: 0, count: cell.problem.family.parameterCount + (cell.direction == nil ? 0 : 1))
    let empty = ComparisonMoments(
      blocks: reportedBlocks(cell).map(\.range), scales: prepared.map { _ in zeros })
    let worker = Worker(cell: cell, prepared: prepared, seed: seed, empty: empty)
    return { _ = try worker.measure(chunk: 0, replicates: $0, tailsAbove: []) }
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

/// One task's blocks, workspaces and buffers.
private final class Worker {
  private let cell: Cell
  private let prepared: [PreparedEstimator]
  private let empty: ComparisonMoments
  private let quantities: Quantities
  private let draws: StreamFamily
  /// Where the model reads minibatches.
  private let minibatches: StreamFamily?
  /// Of each estimator that draws numbers of its own.
  private let own: [StreamFamily?]
  private var bench: Bench?
  /// A batch that takes several blocks, `[P × batch]` for each estimator.
  private var gradients: [[Double]]
  /// The gradients with their rows along the cell's direction, `[(P + 1) × batch]`, where it has one.
  private var extended: [[Double]] = []

  init(cell: Cell, prepared: [PreparedEstimator], seed: UInt64, empty: ComparisonMoments) {
    self.cell = cell
    self.prepared = prepared
    self.empty = empty
    quantities = cell.quantities
    gradients = Array(repeating: [], count: prepared.count)
    draws = cell.streams("draws", seed: seed)
    let isSubsampled = (cell.problem.model as? any SubsampledModel)?.minibatch != nil
    minibatches = isSubsampled ? cell.streams("minibatch", seed: seed) : nil
    own = cell.entries.map { entry in
      entry.requirements.usesRandomNumbers ? cell.streams(PreparedEstimator.ownRole(entry.text), seed: seed) : nil
    }
  }

  /// - Parameter tailsAbove: values that cannot matter to the tails, by entry and block.
  func measure(chunk: Int, replicates: Int, tailsAbove: [[Double]]) throws -> ComparisonMoments {
    var random = try draws.stream(chunk)
    var dataRandom = try minibatches?.stream(chunk) ?? random.copy()
    let ownRandom = try own.map { try OwnStream($0?.stream(chunk) ?? random.copy()) }
    // Fresh for each chunk: what a chunk gives must not depend on the chunks that this task did before.
    var indices = MinibatchSampler(cell.problem)
    var moments = empty
    moments.startTails(above: tailsAbove)
    var done = 0
    while done < replicates {
      let batch = min(cell.lanesPerBatch, replicates - done)
      var filled = 0
      while filled < batch {
        let size = min(cell.lanesPerBlock, batch - filled)
        let bench = try bench(lanes: size)
        indices.draw(&bench.block, random: &dataRandom)
        bench.block.sample(cell.problem, random: &random)
        bench.block.evaluate(quantities, of: cell.problem)
        for (e, estimator) in bench.bound.enumerated() {
          try estimator.estimate(bench.block, random: &ownRandom[e].stream, into: &bench.gradients[e])
          if size < batch { collect(bench.gradients[e], lanes: size, of: e, at: filled, of: batch) }
        }
        if size == batch { moments.add(rows(bench.gradients, lanes: batch), lanes: batch) }
        filled += size
      }
      if cell.lanesPerBlock < batch { moments.add(rows(gradients, lanes: batch), lanes: batch) }
      done += batch
    }
    return moments
  }

  /// The gradients of a batch, each with its row along the cell's direction if there is one.
  private func rows(_ gradients: [[Double]], lanes: Int) -> [[Double]] {
    guard let direction = cell.direction else { return gradients }
    if extended.first?.count != (direction.count + 1) * lanes {
      extended = gradients.map { $0 + Array(repeating: 0, count: lanes) }
    }
    for (e, gradient) in gradients.enumerated() { extend(gradient, along: direction, lanes, &extended[e]) }
    return extended
  }

  /// Puts a block's gradients into the batch `gradients[e]`, `[P × batch]`, as its columns from `column` on.
  private func collect(_ block: [Double], lanes: Int, of e: Int, at column: Int, of batch: Int) {
    let rows = block.count / lanes
    if gradients[e].count != rows * batch { gradients[e] = Array(repeating: 0, count: rows * batch) }
    gradients[e].withUnsafeMutableBufferPointer { wb_place_columns(block, rows, lanes, $0.baseAddress, batch, column) }
  }

  /// The bench of that many lanes, kept from the last batch where it fits.
  private func bench(lanes: Int) throws -> Bench {
    if let bench, bench.block.shape.lanes == lanes { return bench }
    let made = try Bench(cell, prepared, lanes: lanes)
    bench = made
    return made
  }

  private final class Bench {
    var block: DrawBlock
    let bound: [any BoundEstimator]
    var gradients: [[Double]]

    init(_ cell: Cell, _ prepared: [PreparedEstimator], lanes: Int) throws {
      let shape = cell.shape(lanes: lanes)
      block = DrawBlock(shape: shape, parameters: cell.parameters)
      bound = try prepared.map { try $0.bind(lanes, 0) }
      gradients = Array(repeating: Array(repeating: 0, count: shape.parameters * lanes), count: prepared.count)
    }
  }

  /// A stream that an estimator may draw from. One that declares no need of numbers gets a copy of the draws' stream:
  /// drawing from it disturbs nobody.
  private final class OwnStream {
    var stream: RandomStream
    init(_ stream: consuming RandomStream) { self.stream = stream }
  }
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
