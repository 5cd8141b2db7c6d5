package import EstimatorStatistics
internal import GradientEstimation

/// What a spec may ask for beside variances.
package struct DiagnosticRequest: Hashable, Sendable {
  /// Headroom, and the shares of minibatch and draws: `"diagnostics": true`.
  package var parts = false
  /// The correlation matrix and the leading eigenvalues: `"correlations": true`.
  package var correlations = false

  package init() {}

  /// The most parameters that a correlation matrix is written for.
  package static let correlationLimit = 200
  /// Eigenvalues that are written.
  package static let eigenvalueCount = 10
  /// Replicates that coefficients are made from.
  static let coefficientReplicates = 16_384
}

/// What was measured on request of a cell, for each entry.
package struct RequestedDiagnostics: Sendable {
  /// The gradient with the best multiple of the score taken off each coordinate, and as it is, on the same draws as the
  /// cell's figures; empty where not asked for.
  package private(set) var headroom: [ComparisonMoments] = []
  /// By pairs that share a minibatch; empty where not asked for, or where the model reads all data.
  package private(set) var shares: [VarianceShares] = []
  /// While the state goes on learning, of entries that learn; empty where not asked for.
  package private(set) var adapting: [GradientMoments?] = []
  /// On the same draws as the cell's figures; empty where not asked for.
  package private(set) var covariances: [GradientCovariance] = []

  static func run(
    _ measured: CellMeasurement, _ request: DiagnosticRequest, seed: UInt64, threads: Int,
    check: @escaping @Sendable () throws -> Void
  ) async throws -> RequestedDiagnostics {
    var found = RequestedDiagnostics()
    let pass = Pass(measured: measured, seed: seed, threads: threads, check: check)
    if request.parts {
      found.headroom = try await pass.headroom()
      if measured.cell.isSubsampled { found.shares = try await pass.shares() }
      for e in measured.prepared.indices { found.adapting.append(try await pass.adapting(e)) }
    }
    if request.correlations { found.covariances = try await pass.covariances() }
    return found
  }
}

extension Cell {
  /// Whether the model reads minibatches.
  var isSubsampled: Bool { (problem.model as? any SubsampledModel)?.minibatch != nil || amortization != nil }
}

private struct Pass: Sendable {
  let measured: CellMeasurement
  let seed: UInt64
  let threads: Int
  let check: @Sendable () throws -> Void

  private var cell: Cell { measured.cell }
  private var blocks: [Range<Int>] { measured.blocks.map(\.range) }

  /// On the draws of the cell's figures: with s the score, averaged over the K draws, the variance of
  ///
  ///     ĝ_p − β_p s_p,   β_p = E[ĝ_p s_p] / E[s_p²]
  ///
  /// the least that a multiple of s can leave; E s = 0. β comes from the first replicates, as Σ (ĝ − mean) s / Σ s².
  func headroom() async throws -> [ComparisonMoments] {
    let (cell, measured, seed, blocks) = (cell, measured, seed, blocks)
    let count = cell.problem.parameterCount, entries = cell.entries.count
    let zeros = [Double](repeating: 0, count: 5 * count)
    // Σ ĝ s, Σ s², Σ ĝ, Σ s and the number of each entry and coordinate.
    let sums = try await ChunkedRun.reduce(
      min(measured.replicates, DiagnosticRequest.coefficientReplicates), threads: threads,
      from: Array(repeating: zeros, count: entries),
      makeTask: {
        let worker = CellWorker(cell: cell, prepared: measured.prepared, seed: seed)
        return { chunk, size in
          var sums = Array(repeating: zeros, count: entries)
          try worker.forEachBlock(chunk: chunk, replicates: size) { bench, lanes, _ in
            let score = bench.score(cell.problem)
            for e in 0..<entries {
              for p in 0..<count {
                for i in p * lanes..<(p + 1) * lanes where bench.gradients[e][i].isFinite && score[i].isFinite {
                  sums[e][p] += bench.gradients[e][i] * score[i]
                  sums[e][count + p] += score[i] * score[i]
                  sums[e][2 * count + p] += bench.gradients[e][i]
                  sums[e][3 * count + p] += score[i]
                  sums[e][4 * count + p] += 1
                }
              }
            }
          }
          return sums
        }
      }, merge: { total, part in for e in part.indices { for i in part[e].indices { total[e][i] += part[e][i] } } },
      check: check)
    let coefficients = sums.map { sums in
      (0..<count).map { p -> Double in
        let mean = sums[2 * count + p] / sums[4 * count + p]
        let beta = (sums[p] - mean * sums[3 * count + p]) / sums[count + p]
        return beta.isFinite ? beta : 0
      }
    }
    let empty = measured.moments.entries.map { moments in
      let scales = (0..<count).map { moments.variance(of: $0) }
      return ComparisonMoments(blocks: blocks, scales: [scales, scales], weights: cell.normWeights)
    }
    return try await ChunkedRun.reduce(
      measured.replicates, threads: threads, from: empty,
      makeTask: {
        let worker = CellWorker(cell: cell, prepared: measured.prepared, seed: seed)
        return { chunk, size in
          var moments = empty
          try worker.forEachBlock(chunk: chunk, replicates: size) { bench, lanes, _ in
            let score = bench.score(cell.problem)
            for e in 0..<entries {
              var rest = bench.gradients[e]
              for p in 0..<count {
                let beta = coefficients[e][p]
                for i in p * lanes..<(p + 1) * lanes { rest[i] -= beta * score[i] }
              }
              moments[e].add([rest, bench.gradients[e]], lanes: lanes)
            }
          }
          return moments
        }
      }, merge: { total, part in for e in part.indices { total[e].merge(part[e]) } }, check: check)
  }

  /// Pairs of estimates that share a minibatch, half as many as the cell has replicates, on streams of their own.
  func shares() async throws -> [VarianceShares] {
    let (cell, measured, seed) = (cell, measured, seed)
    let empty = VarianceShares(blocks: blocks, weights: cell.normWeights)
    return try await ChunkedRun.reduce(
      max(2, measured.replicates / 2), threads: threads, from: Array(repeating: empty, count: cell.entries.count),
      makeTask: {
        let worker = CellWorker(cell: cell, prepared: measured.prepared, seed: seed, prefix: CellWorker.pairPrefix)
        return { chunk, size in
          var shares = Array(repeating: empty, count: cell.entries.count)
          var first: [[Double]] = []
          try worker.forEachBlock(chunk: chunk, replicates: size, drawsOfMinibatch: 2) { bench, lanes, repetition in
            if repetition == 0 {
              first = bench.gradients
            } else {
              for e in shares.indices { shares[e].add(first[e], bench.gradients[e], lanes: lanes) }
            }
          }
          return shares
        }
      }, merge: { total, part in for e in part.indices { total[e].merge(part[e]) } }, check: check)
  }

  /// The gradient of entry e where every batch is learned from after it was estimated, as in an optimization that stays at
  /// λ, on streams of its own.
  func adapting(_ e: Int) async throws -> GradientMoments? {
    guard let adapting = measured.prepared[e].adapting else { return nil }
    let (moments, count) = (measured.moments.entries[e], cell.problem.parameterCount)
    let empty = GradientMoments(
      blocks: blocks, scales: (0..<count).map { moments.variance(of: $0) }, weights: cell.normWeights)
    let blockCount = blocks.count
    return try await ChunkedRun.reduce(
      measured.replicates, threads: threads, from: empty,
      makeTask: {
        { chunk, size in
          var moments = empty
          // Estimates come one by one where the state learns from one at a time: a chunk of them is one batch.
          var rows = Array(repeating: [Double](), count: count)
          try adapting(chunk, size) { gradients, lanes in
            for p in 0..<count { rows[p] += gradients[p * lanes..<(p + 1) * lanes] }
          }
          let lanes = rows[0].count
          if lanes > 0 {
            var distances = [Double](repeating: 0, count: blockCount * lanes)
            moments.add(rows.flatMap(\.self), lanes: lanes, distances: &distances)
          }
          return moments
        }
      }, merge: { $0.merge($1) }, check: check)
  }

  func covariances() async throws -> [GradientCovariance] {
    let (cell, measured, seed) = (cell, measured, seed)
    let empty = GradientCovariance(dimension: cell.problem.parameterCount)
    return try await ChunkedRun.reduce(
      measured.replicates, threads: threads, from: Array(repeating: empty, count: cell.entries.count),
      makeTask: {
        let worker = CellWorker(cell: cell, prepared: measured.prepared, seed: seed)
        return { chunk, size in
          var covariances = Array(repeating: empty, count: cell.entries.count)
          try worker.forEachBlock(chunk: chunk, replicates: size) { bench, lanes, _ in
            for e in covariances.indices { covariances[e].add(bench.gradients[e], lanes: lanes) }
          }
          return covariances
        }
      }, merge: { total, part in for e in part.indices { total[e].merge(part[e]) } }, check: check)
  }
}

extension CellBench {
  /// (1/K) Σ_k ∇_λ log q(z_k) of each lane, `[P × B]`.
  fileprivate func score(_ problem: Problem) -> [Double] {
    let shape = block.shape
    let weights = [Double](repeating: 1 / Double(shape.samples), count: shape.drawCount)
    let centers = [Double](repeating: 0, count: shape.parameters)
    var score = [Double](repeating: 0, count: shape.parameters * shape.lanes)
    var span = score.mutableSpan
    problem.family.addScore(weights: weights.span, centers: centers.span, at: block.draws, into: &span)
    return score
  }
}
