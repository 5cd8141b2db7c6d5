import EstimatorStatistics
import Foundation
import Randomness

// Measures how often intervals hold the truth where the stopping rule chose the replicates: the rule that ships, at its
// own checkpoints, on fresh draws in every repetition.

/// Estimators that share a cell, and so stop together.
struct StoppedCell: Sendable {
  let name: String
  /// Indices of its estimators among those of the case.
  let members: [Int]
}

/// What draws come from: gradients of several estimators at the same replicates, with their true variances.
protocol StoppedCase: Sendable {
  var name: String { get }
  var dimension: Int { get }
  var samples: Int { get }
  var estimators: [String] { get }
  var blocks: [(name: String, range: Range<Int>)] { get }
  var cells: [StoppedCell] { get }
  func truth(_ estimator: Int, block: Int) -> Double
  /// Gradients `[P × lanes]` of each estimator.
  func draw(lanes: Int, random: inout RandomStream, into gradients: inout [[Double]])
}

struct StoppedGaussian: StoppedCase {
  let gaussian: GaussianCase
  /// Estimators that stand in a cell together; each has one of its own besides.
  let together: [Rule]

  var name: String { "gaussian-\(gaussian.point.name)" }
  var dimension: Int { gaussian.dimension }
  var samples: Int { gaussian.samples }
  var estimators: [String] { gaussian.rules.map(\.rawValue) }
  var blocks: [(name: String, range: Range<Int>)] {
    let d = dimension
    return [("mean", 0..<d), ("log_scale", d..<2 * d), ("all", 0..<2 * d)]
  }
  var cells: [StoppedCell] {
    let joint = gaussian.rules.indices.filter { together.contains(gaussian.rules[$0]) }
    return gaussian.rules.enumerated().map { StoppedCell(name: "alone", members: [$0.offset]) }
      + (joint.count > 1 ? [StoppedCell(name: "together", members: joint)] : [])
  }

  func truth(_ estimator: Int, block: Int) -> Double { gaussian.variances(gaussian.rules[estimator])[block] }

  func draw(lanes: Int, random: inout RandomStream, into gradients: inout [[Double]]) {
    var noise = [Double](repeating: 0, count: samples * dimension * lanes)
    var span = noise.mutableSpan
    random.fillNormals(&span)
    gaussian.estimate(noise, lanes: lanes, into: &gradients)
  }
}

struct StoppedLaw: StoppedCase {
  let law: ReferenceLaw
  var name: String { law.rawValue }
  var dimension: Int { 1 }
  var samples: Int { 1 }
  var estimators: [String] { [law.rawValue] }
  var blocks: [(name: String, range: Range<Int>)] { [("all", 0..<1)] }
  var cells: [StoppedCell] { [StoppedCell(name: "alone", members: [0])] }

  func truth(_ estimator: Int, block: Int) -> Double { law.variance }

  func draw(lanes: Int, random: inout RandomStream, into gradients: inout [[Double]]) {
    gradients[0] = law.draw(lanes, from: &random)
  }
}

/// Repetitions of a case under the rule, for each of `wished`.
func measureStopped(
  _ source: some StoppedCase, wished: [Double], maximum: Int, repetitions: Int
) throws -> [String] {
  let size = Size(replicates: maximum, repetitions: repetitions), text = "stopped \(source.name) d=\(source.dimension)"
  let name = "\(text) K=\(source.samples) \(source.estimators[0])", parameters = source.blocks.last?.range.count ?? 0
  var gradients = source.estimators.map { _ in [Double](repeating: 0, count: parameters * 64) }
  // Rough scales from 64 replicates, as in a run of the workbench.
  var pilot = try stream(name, "rounding", size)
  source.draw(lanes: 64, random: &pilot, into: &gradients)
  let scales = gradients.map { g in
    (0..<parameters).map { p in
      let row = g[p * 64..<(p + 1) * 64], mean = row.reduce(0, +) / 64
      return row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 63
    }
  }
  let cells = source.cells, blocks = source.blocks
  let empty = cells.map { cell in
    ComparisonMoments(blocks: blocks.map(\.range), scales: cell.members.map { scales[$0] })
  }
  // Nothing here is zero but to rounding.
  let floors = cells.map { $0.members.map { _ in [Double](repeating: 0, count: parameters) } }
  let rules = wished.map { StoppingRule(relativeError: $0, maximum: maximum) }
  let checkpoints = rules.first?.checkpoints ?? []
  var tallies = cells.map { cell in
    rules.map { _ in StoppedTally(entries: cell.members.count, blocks: blocks.count) }
  }

  gradients = source.estimators.map { _ in [Double](repeating: 0, count: parameters * lanesPerBatch) }
  var random = try stream(name, "draws", size)
  for _ in 0..<repetitions {
    var moments = empty, done = 0
    var goesOn = cells.map { _ in rules.map { _ in true } }
    var courses = cells.map { _ in rules.map { StoppingRule.Course($0) } }
    for checkpoint in checkpoints {
      while done < checkpoint {
        let lanes = min(checkpoint - done, lanesPerBatch)
        if gradients[0].count != parameters * lanes {
          gradients = source.estimators.map { _ in [Double](repeating: 0, count: parameters * lanes) }
        }
        source.draw(lanes: lanes, random: &random, into: &gradients)
        for (c, cell) in cells.enumerated() where goesOn[c].contains(true) {
          moments[c].add(cell.members.map { gradients[$0] }, lanes: lanes)
        }
        done += lanes
      }
      for (c, cell) in cells.enumerated() {
        for r in rules.indices where goesOn[c][r] {
          guard courses[c][r].isOver(moments[c], replicates: done, floors: floors[c]) else { continue }
          goesOn[c][r] = false
          tallies[c][r].add(moments[c], replicates: done, isReached: courses[c][r].shortfall == nil) { e, b in
            source.truth(cell.members[e], block: b)
          }
        }
      }
      if !goesOn.contains(where: { $0.contains(true) }) { break }
    }
  }

  return cells.indices.flatMap { c in
    rules.indices.flatMap { r in
      cells[c].members.indices.flatMap { e in
        blocks.indices.map { b in
          [
            source.name, source.estimators[cells[c].members[e]], cells[c].name, blocks[b].name,
            "\(source.dimension)", "\(source.samples)", "\(wished[r])", "\(maximum)", "\(repetitions)",
            tallies[c][r].fields(entry: e, block: b),
          ].joined(separator: ",")
        }
      }
    }
  }
}

/// Where the rule stopped, and whether the intervals there held the truth.
struct StoppedTally: Sendable {
  static let columns =
    "reached_fraction,coverage_reached,coverage_unmarked,coverage_all,"
    + "replicates_mean,replicates_10,replicates_50,replicates_90,median_relative_half_width"
  private struct Interval { let isReached, isMarked, holds: Bool, halfWidth: Double }
  private var intervals: [[[Interval]]]
  private var replicates: [Int] = []

  init(entries: Int, blocks: Int) {
    intervals = Array(repeating: Array(repeating: [], count: blocks), count: entries)
  }

  mutating func add(
    _ moments: ComparisonMoments, replicates: Int, isReached: Bool, truth: (_ entry: Int, _ block: Int) -> Double
  ) {
    self.replicates.append(replicates)
    for (e, entry) in moments.entries.enumerated() {
      for b in entry.blocks.indices {
        let interval = entry.interval(ofBlock: b), truth = truth(e, b)
        intervals[e][b].append(
          Interval(
            isReached: isReached, isMarked: entry.isHeavyTailed(block: b),
            holds: interval.low <= truth && truth <= interval.high,
            halfWidth: 0.5 * (interval.high - interval.low) / entry.variance(ofBlock: b)))
      }
    }
  }

  func fields(entry: Int, block: Int) -> String {
    let all = intervals[entry][block], sorted = replicates.sorted()
    /// Nothing below 100 repetitions.
    func coverage(_ isCounted: (Interval) -> Bool) -> String {
      let counted = all.filter(isCounted)
      return Row.number(counted.count < 100 ? nil : Double(counted.count { $0.holds }) / Double(counted.count))
    }
    func quantile(_ p: Double) -> String {
      sorted.isEmpty ? "" : "\(sorted[min(sorted.count - 1, Int(p * Double(sorted.count)))])"
    }
    let widths = all.map(\.halfWidth).sorted()
    return [
      Row.number(Double(all.count { $0.isReached }) / Double(all.count)), coverage(\.isReached),
      coverage { !$0.isMarked }, coverage { _ in true },
      Row.number(Double(replicates.reduce(0, +)) / Double(replicates.count), digits: 6), quantile(0.1), quantile(0.5),
      quantile(0.9),
      Row.number(widths.isEmpty ? nil : widths[widths.count / 2]),
    ].joined(separator: ",")
  }
}

/// The cases, each a job that gives rows of `stopped-coverage.csv`.
///
/// What would run to the maximum in most repetitions, and so be stopped by nothing, is asked for less.
func stoppedJobs() -> [@Sendable () throws -> [String]] {
  let maximum = 1_000_000, repetitions = 2000, usual = [0.05, 0.02], coarse = [0.1, 0.05]
  var jobs: [@Sendable () throws -> [String]] = []
  func add(
    _ point: GaussianPoint, _ dimension: Int, _ samples: Int, _ rules: [Rule], _ wished: [Double],
    together: [Rule] = []
  ) {
    let gaussian = GaussianCase(point, dimension: dimension, samples: samples, rules: rules)
    if gaussian.rules.isEmpty { return }
    let source = StoppedGaussian(gaussian: gaussian, together: together)
    jobs.append { try measureStopped(source, wished: wished, maximum: maximum, repetitions: repetitions) }
  }
  let light = [Rule.reparam, .stl, .analyticKL]
  for point in GaussianPoint.stopped {
    // Apart, so that those that need many replicates do not keep the others drawing.
    add(point, 1, 1, [.score], coarse)
    add(point, 1, 1, [.meanBaseline], coarse)
    add(point, 1, 4, [.leaveOneOut], coarse)
    add(point, 1, 1, light, usual)
    add(point, 10, 1, [.meanBaseline], coarse)
    add(point, 10, 1, light, usual, together: light)
  }
  for law in ReferenceLaw.allCases {
    let wished = [.t3, .lognormal, .contaminated, .bernoulliRare].contains(law) ? coarse : usual
    jobs.append {
      try measureStopped(StoppedLaw(law: law), wished: wished, maximum: maximum, repetitions: repetitions)
    }
  }
  return jobs
}
