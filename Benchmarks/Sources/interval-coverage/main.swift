import EstimatorStatistics
import Foundation
import Randomness

// Measures how often the intervals on variances and on their ratios hold the truth; with `stopped`, those on variances
// where the stopping rule chose the replicates, and with `alternatives`, where other rules did.
//
//     swift run -c release --package-path Benchmarks interval-coverage [DIRECTORY]
//     swift run -c release --package-path Benchmarks interval-coverage stopped [DIRECTORY]
//     swift run -c release --package-path Benchmarks interval-coverage alternatives [DIRECTORY]
//
// Seeds are fixed: the same files come out on every run.

let seed: UInt64 = 20_260_117
let lanesPerBatch = 256

/// Replicates and repetitions.
struct Size: Sendable {
  let replicates, repetitions: Int
}

struct Outcome: Sendable {
  var variance: [String] = []
  var ratio: [String] = []
}

func stream(_ name: String, _ role: String, _ size: Size) throws -> RandomStream {
  guard let generator = Generator.named(Generator.standardName) else { throw RandomnessError("no mt19937") }
  let key = StreamKey(seed: seed, cell: "\(name) R=\(size.replicates)", role: role)
  return try key.streams(generator).stream(0)
}

func varianceRow(
  _ name: String, _ block: String, _ dimension: Int, _ samples: Int, _ size: Size, kurtosis: Double, _ tally: Tally
) -> String {
  [
    name, block, "\(dimension)", "\(samples)", "\(size.replicates)", "\(size.repetitions)", Row.number(kurtosis),
    Row.number(tally.markedFraction), Row.number(tally.coverageUnmarked), Row.number(tally.coverage),
    Row.number(tally.plainCoverage), Row.number(tally.medianWidth), Row.number(tally.plainMedianWidth),
  ].joined(separator: ",")
}

func measure(_ gaussian: GaussianCase, _ size: Size) throws -> Outcome {
  let d = gaussian.dimension, parameters = 2 * d, rules = gaussian.rules
  let blocks = [0..<d, d..<2 * d, 0..<2 * d], names = ["mean", "log_scale", "all"]
  let truths = rules.map { gaussian.variances($0) }

  func fill(_ noise: inout [Double], from random: inout RandomStream) {
    var span = noise.mutableSpan
    random.fillNormals(&span)
  }
  // Rough scales from 64 replicates, as in a run of the workbench.
  var pilot = try stream(gaussian.name, "rounding", size)
  var noise = [Double](repeating: 0, count: gaussian.samples * d * 64)
  fill(&noise, from: &pilot)
  var gradients = rules.map { _ in [Double](repeating: 0, count: parameters * 64) }
  gaussian.estimate(noise, lanes: 64, into: &gradients)
  let scales = gradients.map { g in
    (0..<parameters).map { p in
      let row = g[p * 64..<(p + 1) * 64], mean = row.reduce(0, +) / 64
      return row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 63
    }
  }

  let empty = ComparisonMoments(blocks: blocks, scales: scales)
  var pooled = empty
  var tallies = rules.map { _ in names.map { _ in Tally() } }
  var ratios = empty.pairs.map { _ in names.map { _ in Tally() } }
  var random = try stream(gaussian.name, "draws", size)
  for _ in 0..<size.repetitions {
    var moments = empty
    var left = size.replicates
    while left > 0 {
      let lanes = min(left, lanesPerBatch)
      if noise.count != gaussian.samples * d * lanes {
        noise = [Double](repeating: 0, count: gaussian.samples * d * lanes)
        gradients = rules.map { _ in [Double](repeating: 0, count: parameters * lanes) }
      }
      fill(&noise, from: &random)
      gaussian.estimate(noise, lanes: lanes, into: &gradients)
      moments.add(gradients, lanes: lanes)
      left -= lanes
    }
    for b in names.indices {
      let heavy = moments.entries.map { $0.isHeavyTailed(block: b) }
      for e in rules.indices {
        let entry = moments.entries[e], interval = entry.interval(ofBlock: b)
        tallies[e][b].add(
          low: interval.low, high: interval.high, plain: entry.plainInterval(ofBlock: b), truth: truths[e][b],
          isMarked: heavy[e])
      }
      for (index, (a, c)) in moments.pairs.enumerated() {
        let isMarked = heavy[a] || heavy[c], truth = truths[a][b] / truths[c][b]
        let (_, interval) = moments.ratio(pair: index, block: b, level: 0.95)
        let strict = isMarked ? moments.ratio(pair: index, block: b, level: 0.999).interval : interval
        ratios[index][b].add(
          low: interval.low, high: interval.high, plain: nil, truth: truth, isMarked: isMarked,
          wrong: strict.low > 1 && truth < 1 || strict.high < 1 && truth > 1)
      }
    }
    pooled.merge(moments)
  }

  var outcome = Outcome()
  for (e, rule) in rules.enumerated() {
    for (b, block) in names.enumerated() {
      outcome.variance.append(
        varianceRow(
          "gaussian-\(gaussian.point.name) \(rule.rawValue)", block, d, gaussian.samples, size,
          kurtosis: pooled.entries[e].kurtosis(ofBlock: b), tallies[e][b]))
    }
  }
  for (index, (a, c)) in empty.pairs.enumerated() {
    for (b, block) in names.enumerated() {
      let tally = ratios[index][b]
      outcome.ratio.append(
        [
          "gaussian-\(gaussian.point.name)", rules[a].rawValue, rules[c].rawValue, block, "\(d)",
          "\(gaussian.samples)", "\(size.replicates)", "\(size.repetitions)",
          Row.number(truths[a][b] / truths[c][b]), Row.number(tally.markedFraction),
          Row.number(tally.coverageUnmarked), Row.number(tally.coverage), Row.number(tally.medianWidth),
          Row.number(Double(tally.wrongVerdicts) / Double(tally.repetitions)),
        ].joined(separator: ","))
    }
  }
  return outcome
}

func measure(_ law: ReferenceLaw, _ size: Size) throws -> Outcome {
  var random = try stream(law.rawValue, "draws", size)
  let empty = GradientMoments(blocks: [0..<1], scales: [law.variance])
  var pooled = empty
  var tally = Tally()
  var distances: [Double] = []
  for _ in 0..<size.repetitions {
    var moments = empty
    var left = size.replicates
    while left > 0 {
      let lanes = min(left, lanesPerBatch)
      if distances.count != lanes { distances = [Double](repeating: 0, count: lanes) }
      moments.add(law.draw(lanes, from: &random), lanes: lanes, distances: &distances)
      left -= lanes
    }
    let interval = moments.interval(ofBlock: 0)
    tally.add(
      low: interval.low, high: interval.high, plain: moments.plainInterval(ofBlock: 0), truth: law.variance,
      isMarked: moments.isHeavyTailed(block: 0))
    pooled.merge(moments)
  }
  return Outcome(
    variance: [varianceRow(law.rawValue, "all", 1, 1, size, kurtosis: pooled.kurtosis(ofBlock: 0), tally)])
}

// The plan ------------------------------------------------------------------------------------------------------

var jobs: [@Sendable () throws -> Outcome] = []
for point in GaussianPoint.all {
  func add(_ dimension: Int, _ samples: Int, _ rules: [Rule], _ sizes: [(replicates: Int, repetitions: Int)]) {
    let gaussian = GaussianCase(point, dimension: dimension, samples: samples, rules: rules)
    for size in sizes {
      jobs.append { try measure(gaussian, Size(replicates: size.replicates, repetitions: size.repetitions)) }
    }
  }
  let single = [Rule.score, .meanBaseline, .reparam, .analyticKL]
  add(1, 1, single, [(500, 4000), (1000, 4000), (10_000, 4000)])
  if point.name == "C" || point.name == "H" { add(1, 1, single, [(100_000, 1000)]) }
  add(3, 1, single, [(500, 4000), (1000, 4000), (10_000, 1000)])
  add(10, 1, single, [(1000, 4000), (10_000, 1000)])
  let several = [Rule.meanBaseline, .leaveOneOut, .reparam]
  add(1, 4, several, [(1000, 4000), (10_000, 1000)])
  add(3, 4, several, [(1000, 4000)])
  add(10, 4, several, [(1000, 4000)])
  add(1, 10, [.score, .reparam], [(1000, 4000)])
}
for law in ReferenceLaw.allCases {
  for (replicates, repetitions) in [(500, 4000), (1000, 4000), (10_000, 4000), (100_000, 1000)] {
    jobs.append { try measure(law, Size(replicates: replicates, repetitions: repetitions)) }
  }
}

// Two at a time; the rows are in the plan's order whichever ends first.
func perform<T: Sendable>(_ jobs: [@Sendable () throws -> T]) async throws -> [T] {
  try await withThrowingTaskGroup(of: (Int, T).self) { group in
    var results = [T?](repeating: nil, count: jobs.count)
    var next = 0
    func start() {
      guard next < jobs.count else { return }
      let index = next
      group.addTask { (index, try jobs[index]()) }
      next += 1
    }
    start()
    start()
    for try await (index, outcome) in group {
      results[index] = outcome
      FileHandle.standardError.write(Data("\(results.count { $0 != nil })/\(jobs.count)\n".utf8))
      start()
    }
    return results.compactMap(\.self)
  }
}

var arguments = CommandLine.arguments.dropFirst()
let mode = arguments.first.flatMap { ["stopped", "alternatives"].contains($0) ? $0 : nil }
if mode != nil { arguments.removeFirst() }
let directory = URL(filePath: arguments.first ?? "results/interval-coverage", directoryHint: .isDirectory)
try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
func write(_ name: String, _ header: String, _ rows: [String]) throws {
  let text = ([header] + rows).joined(separator: "\n") + "\n"
  try Data(text.utf8).write(to: directory.appending(path: name), options: .atomic)
}
switch mode {
case "stopped":
  try write(
    "stopped-coverage.csv",
    "case,estimator,cell,block,dimension,samples,relative_error,max_replicates,repetitions," + StoppedTally.columns,
    try await perform(stoppedJobs()).flatMap(\.self))
case "alternatives":
  try write(
    "stopping-alternatives.csv",
    "case,estimator,rule,block,relative_error,max_replicates,repetitions," + StoppedTally.columns,
    try await perform(alternativeJobs()).flatMap(\.self))
default:
  let outcomes = try await perform(jobs)
  try write(
    "variance-coverage.csv",
    "case,block,dimension,samples,replicates,repetitions,kurtosis_measured,marked_fraction,coverage_unmarked,"
      + "coverage_all,plain_normal_coverage,median_relative_width,plain_median_width",
    outcomes.flatMap(\.variance))
  try write(
    "ratio-coverage.csv",
    "case,estimator_a,estimator_b,block,dimension,samples,replicates,repetitions,ratio_true,marked_fraction,"
      + "coverage_unmarked,coverage_all,median_relative_width,wrong_verdicts",
    outcomes.flatMap(\.ratio))
}
