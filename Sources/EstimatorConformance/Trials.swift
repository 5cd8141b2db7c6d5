internal import EstimatorStatistics
internal import ExperimentRunner
internal import Foundation
internal import GradientEstimation
internal import Randomness
internal import Synchronization

/// The level of each test of a run, and how many replicates a test takes.
struct Strictness: Sendable {
  /// Of each test: the family-wise level over the number of tests (Bonferroni).
  let level: Double
  /// The relative error that is to be seen nine times in ten.
  let target: Double
  /// The most replicates of a cell.
  let maximum: Int
  /// Replicates for variances where there is no exact gradient to aim at.
  let unaimed: Int
  let seed: UInt64
  let threads: Int

  /// P(Z ≤ 1.28) = 0.9: what an error must exceed the threshold by, in standard errors, to be seen so often.
  static let margin = 1.2815515655446004
  /// Replicates that a need is guessed from, on a seed of their own: what is then measured has not been looked at.
  static let pilot = 2048

  /// The |z| above which one of `count` coordinates is rejected.
  func threshold(_ count: Int) -> Double {
    // 1 − (1 − level)^(1/count), without loss for small levels.
    let each = -expm1(log1p(-level) / Double(count))
    return -NormalDistribution.quantile(each / 2)
  }
}

/// One entry of a cell as it was measured. Rows are the coordinates, and last the gradient's size
/// Σ_p g_p ĝ_p / |g|², whose expectation is 1, where the exact gradient g is not zero.
struct Trial: Sendable {
  let entry: Entry
  let moments: GradientMoments
  let floor: [Double]
  /// Whether the last row is the gradient's size.
  let hasSize: Bool
  /// Whether it learned a state from draws, whose number K is part of what it learned from.
  let hasLearned: Bool

  var rows: Int { moments.mean.count }
  /// The largest kurtosis of a row.
  var kurtosis: Double { moments.mean.indices.map { moments.kurtosis(of: $0) }.max() ?? 1 }
  /// Standard deviation of one estimate's size.
  var sizeDeviation: Double { hasSize ? moments.variance(of: rows - 1).squareRoot() : 0 }

  func standardError(_ p: Int) -> Double { (moments.variance(of: p) / Double(moments.count)).squareRoot() }

  /// Replicates after which an error of the target's size would be seen, and an interval on the variance can be trusted.
  func need(_ strictness: Strictness) -> Int {
    let errors = strictness.threshold(rows) + Strictness.margin
    let seen = errors * sizeDeviation / strictness.target, tails = moments.blockGroups.map(\.medianKurtosis).max() ?? 1
    // A pilot knows a variance to about a tenth.
    let need = max(1.2 * seen * seen, 200 * tails)
    return need.isFinite ? Int(min(need, 1e12)) : strictness.maximum
  }

  /// Replicates after which the mean is normal as far out as the threshold t: there a skewness γ changes the tail by
  /// e^{γ t³/(6 √R)} (Edgeworth), which γ² ≤ kurtosis holds below e^{1/2}.
  func normalFrom(_ strictness: Strictness) -> Double {
    let t = strictness.threshold(rows)
    return kurtosis * t * t * t * t * t * t / 9
  }
}

/// The states of the entries of a problem, each learned once, on the streams that a measurement learns it on.
final class LearnedStates: Sendable {
  let seed: UInt64
  private let states = Mutex<[String: PreparedEstimator]>([:])

  init(seed: UInt64) { self.seed = seed }

  func state(of entry: Entry, in cell: Cell) throws -> PreparedEstimator {
    let name = "\(cell.text) \(entry.text)"
    if let known = states.withLock({ $0[name] }) { return known }
    let learned = try PreparedEstimator(entry, of: cell, seed: seed)
    states.withLock { $0[name] = learned }
    return learned
  }
}

extension GridCell {
  /// The exact gradient. Of a constant it is zero, known or not; so it is of the ELBO where q is the posterior.
  var exact: [Double]? {
    let zeros = [Double](repeating: 0, count: cell.problem.family.parameterCount)
    return role == .constant ? zeros : cell.exact?.gradient ?? (role == .posterior ? zeros : nil)
  }

  /// The gradient by which errors are measured.
  var gradient: [Double]? { yardstick ?? exact }

  /// The weights that make an estimate its size.
  private var direction: [Double]? {
    guard let gradient, role == .regular else { return nil }
    let square = gradient.reduce(0) { $0 + $1 * $1 }
    return square > 0 ? gradient.map { $0 / square } : nil
  }

  private static func pilotSeed(_ seed: UInt64) -> UInt64 { seed ^ 0x9E37_79B9_7F4A_7C15 }

  /// Where no exact gradient is known: the entries as differences to the unbiased estimator of least variance, of all that
  /// serve the problem, and that estimator. Nil if there is none to compare with.
  func compared(_ strictness: Strictness) async throws -> (cell: GridCell, reference: Entry)? {
    let known = cell.entries.map(\.text)
    let candidates = (cell.entries + referees.filter { !known.contains($0.text) }).filter(\.isUnbiased)
    guard !candidates.isEmpty else { return nil }
    let pilot = try await measure(
      candidates, replicates: Strictness.pilot, seed: Self.pilotSeed(strictness.seed), threads: strictness.threads)
    func variance(_ trial: Trial) -> Double { trial.moments.variance(ofBlock: trial.moments.blocks.count - 1) }
    let usable = pilot.filter { $0.moments.nonfinite == 0 && variance($0).isFinite }
    guard let reference = usable.min(by: { variance($0) < variance($1) }) else { return nil }
    let others = cell.entries.filter { $0.isUnbiased && $0.text != reference.entry.text }
    if others.isEmpty, candidates.count == 1 { return nil }
    var compared = self
    compared.cell = cell.with(try others.map { try $0.minus(reference.entry, in: cell) })
    compared.states = LearnedStates(seed: strictness.seed)
    compared.yardstick = reference.moments.mean
    return (compared, reference.entry)
  }

  /// Measures so many replicates of some entries.
  func measure(_ entries: [Entry], replicates: Int, seed: UInt64, threads: Int) async throws -> [Trial] {
    var part = cell.with(entries)
    part.direction = direction
    let measured = try await CellMeasurement.run(
      part, prepared: try entries.map { try states.state(of: $0, in: cell) }, seed: seed, rule: .fixed(replicates),
      threads: threads, comparesPairs: false
    ) { _ in try Task.checkCancellation() }
    return measured.cell.entries.indices.map { e in
      Trial(
        entry: measured.cell.entries[e], moments: measured.moments.entries[e], floor: measured.floors[e],
        hasSize: part.direction != nil, hasLearned: measured.warmUps[e] != nil)
    }
  }

  /// Measures every entry for as long as its need, guessed from a pilot, says. Entries of like need share their draws.
  func measure(_ strictness: Strictness) async throws -> [Trial] {
    if cell.entries.isEmpty { return [] }
    let pilot = try await measure(
      cell.entries, replicates: Strictness.pilot, seed: Self.pilotSeed(strictness.seed), threads: strictness.threads)
    var groups: [Int: [Entry]] = [:]
    for trial in pilot {
      var replicates = 4096
      while replicates < trial.need(strictness) { replicates *= 2 }
      groups[min(replicates, strictness.maximum), default: []].append(trial.entry)
    }
    var trials: [String: Trial] = [:]
    for (replicates, entries) in groups.sorted(by: { $0.key < $1.key }) {
      for trial in try await measure(
        entries, replicates: replicates, seed: strictness.seed, threads: strictness.threads)
      {
        trials[trial.entry.text] = trial
      }
    }
    return cell.entries.compactMap { trials[$0.text] }
  }
}
