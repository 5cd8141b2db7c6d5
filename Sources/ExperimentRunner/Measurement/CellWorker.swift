internal import CKernels
internal import EstimatorStatistics
internal import GradientEstimation
internal import Randomness

/// One task's blocks, workspaces and buffers.
final class CellWorker {
  private let cell: Cell
  private let prepared: [PreparedEstimator]
  private let quantities: Quantities
  private let draws: StreamFamily
  /// Where the model reads minibatches.
  private let minibatches: StreamFamily?
  /// Of each estimator that draws numbers of its own.
  private let own: [StreamFamily?]
  private var bench: CellBench?
  /// A batch that takes several blocks, `[P × batch]` for each estimator, and last `[Q × batch]` of the model's gradient.
  private var gradients: [[Double]]
  /// The gradients with their rows along the cell's direction, `[(P + 1) × batch]`, where it has one.
  private var extended: [[Double]] = []

  /// What begins the roles of the streams that pairs are drawn from.
  static let pairPrefix = "pair "

  /// - Parameter prefix: of the roles of its streams.
  init(cell: Cell, prepared: [PreparedEstimator], seed: UInt64, prefix: String = "") {
    self.cell = cell
    self.prepared = prepared
    quantities = cell.quantities
    gradients = Array(repeating: [], count: prepared.count + (cell.problem.modelParameterCount > 0 ? 1 : 0))
    draws = cell.streams(prefix + "draws", seed: seed)
    minibatches = cell.isSubsampled ? cell.streams(prefix + "minibatch", seed: seed) : nil
    own = cell.entries.map { entry in
      let role = prefix + PreparedEstimator.ownRole(entry.text)
      return entry.requirements.usesRandomNumbers ? cell.streams(role, seed: seed) : nil
    }
  }

  /// Makes the estimates of a chunk, block by block: the same numbers whatever is done with them.
  ///
  /// - Parameters:
  ///   - drawsOfMinibatch: how often each block is drawn with the same minibatches.
  ///   - body: told the block's gradients, its lanes, and which of those draws it is.
  func forEachBlock(
    chunk: Int, replicates: Int, drawsOfMinibatch: Int = 1,
    _ body: (_ bench: CellBench, _ lanes: Int, _ repetition: Int) throws -> Void
  ) throws {
    var random = try draws.stream(chunk)
    var dataRandom = try minibatches?.stream(chunk) ?? random.copy()
    let ownRandom = try own.map { try OwnStream($0?.stream(chunk) ?? random.copy()) }
    // Fresh for each chunk: what a chunk gives must not depend on the chunks that this task did before.
    var indices = MinibatchSampler(cell.problem)
    var done = 0
    while done < replicates {
      // Batches are made of whole blocks, but for the last.
      let batch = min(cell.lanesPerBatch, replicates - done)
      var filled = 0
      while filled < batch {
        let size = min(cell.lanesPerBlock, batch - filled)
        let bench = try bench(lanes: size)
        if let amortized = bench.amortized {
          try amortized.fill(&bench.gradients, lanes: size, random: &random, dataRandom: &dataRandom) { e, body in
            try body(&ownRandom[e].stream)
          }
          try body(bench, size, 0)
          filled += size
          continue
        }
        indices.draw(&bench.block, random: &dataRandom)
        for repetition in 0..<drawsOfMinibatch {
          bench.block.sample(cell.problem, random: &random)
          bench.block.evaluate(quantities, of: cell.problem)
          for (e, estimator) in bench.bound.enumerated() {
            try estimator.estimate(bench.block, random: &ownRandom[e].stream, into: &bench.gradients[e])
          }
          if bench.gradients.count > bench.bound.count {
            cell.problem.storeModelGradient(bench.block, into: &bench.gradients[bench.bound.count])
          }
          try body(bench, size, repetition)
        }
        filled += size
      }
      done += batch
    }
  }

  /// - Parameters:
  ///   - empty: moments of nothing.
  ///   - tailsAbove: values that cannot matter to the tails, by entry and block.
  func measure(
    chunk: Int, replicates: Int, into empty: ComparisonMoments, tailsAbove: [[Double]]
  ) throws -> ComparisonMoments {
    var moments = empty
    moments.startTails(above: tailsAbove)
    var done = 0, filled = 0
    try forEachBlock(chunk: chunk, replicates: replicates) { bench, size, _ in
      let batch = min(cell.lanesPerBatch, replicates - done)
      if size == batch {
        moments.add(rows(bench.gradients, lanes: batch), lanes: batch)
      } else {
        for e in bench.gradients.indices { collect(bench.gradients[e], lanes: size, of: e, at: filled, of: batch) }
        filled += size
        guard filled == batch else { return }
        moments.add(rows(gradients, lanes: batch), lanes: batch)
        filled = 0
      }
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
    for (e, gradient) in gradients.enumerated() {
      if e < prepared.count { extend(gradient, along: direction, lanes, &extended[e]) } else { extended[e] = gradient }
    }
    return extended
  }

  /// Puts a block's gradients into the batch `gradients[e]`, `[P × batch]`, as its columns from `column` on.
  private func collect(_ block: [Double], lanes: Int, of e: Int, at column: Int, of batch: Int) {
    let rows = block.count / lanes
    if gradients[e].count != rows * batch { gradients[e] = Array(repeating: 0, count: rows * batch) }
    gradients[e].withUnsafeMutableBufferPointer { wb_place_columns(block, rows, lanes, $0.baseAddress, batch, column) }
  }

  /// The bench of that many lanes, kept from the last batch where it fits.
  private func bench(lanes: Int) throws -> CellBench {
    if let bench, bench.block.shape.lanes == lanes { return bench }
    let made = try CellBench(cell, prepared, lanes: lanes)
    bench = made
    return made
  }

  /// A stream that an estimator may draw from. One that declares no need of numbers gets a copy of the draws' stream:
  /// drawing from it disturbs nobody.
  private final class OwnStream {
    var stream: RandomStream
    init(_ stream: consuming RandomStream) { self.stream = stream }
  }
}

/// A block, and the estimators bound to it.
final class CellBench {
  var block: DrawBlock
  let bound: [any BoundEstimator]
  /// What makes the gradients in place of block and estimators, where lanes are not draws at one λ but minibatches.
  let amortized: AmortizedBench?
  /// `[P × B]` of each estimator, and where the model has parameters to learn last their gradient, `[Q × B]`.
  var gradients: [[Double]]

  init(_ cell: Cell, _ prepared: [PreparedEstimator], lanes: Int) throws {
    amortized = try cell.amortization.map { try AmortizedBench(cell, $0, prepared) }
    let own = amortized == nil ? lanes : 1
    block = DrawBlock(shape: cell.shape(lanes: own), parameters: cell.localParameters)
    bound = amortized == nil ? try prepared.map { try $0.bind(lanes, 0) } : []
    gradients = Array(repeating: Array(repeating: 0, count: cell.parameterCount * lanes), count: prepared.count)
    let learned = cell.problem.modelParameterCount
    if learned > 0 { gradients.append(Array(repeating: 0, count: learned * lanes)) }
  }
}
