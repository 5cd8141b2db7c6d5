import EstimatorStatistics
import Foundation
import Randomness

/// A rule that might have been: the same checkpoints and the same demand, but another answer to when to stop.
enum StoppingAlternative: Sendable {
  /// At the first checkpoint that meets the demand, from so many replicates on.
  case first(from: Int)
  /// At the second in a row that meets it, of those from so many replicates on.
  case twice(from: Int)
  /// At the one after the first that meets it, whatever it shows.
  case oneMore
  /// At the first that meets it where the one before met √2 times the demand with a tenth to spare.
  case steady
  /// At the first that meets it, and below 65536 replicates two thirds of E.
  case strictEarly

  static let all: [StoppingAlternative] = [
    .first(from: 4096), .first(from: 16_384), .twice(from: 4096), .twice(from: 8192), .twice(from: 16_384), .oneMore,
    .steady, .strictEarly,
  ]

  var name: String {
    switch self {
    case .first(let start): "first from \(start)"
    case .twice(let start): "twice in a row from \(start)"
    case .oneMore: "one checkpoint more"
    case .steady: "after 1.1 sqrt(2) E"
    case .strictEarly: "E/1.5 below 65536"
    }
  }

  /// What a checkpoint showed: whether it meets E, 1.1 √2 E and E/1.5.
  struct Look {
    let replicates: Int
    let meets, meetsLoose, meetsStrict: Bool
  }

  /// Whether to stop after the last of `looks`.
  func stops(_ looks: [Look]) -> Bool {
    guard let last = looks.last else { return false }
    let before = looks.dropLast().last
    return switch self {
    case .first(let start): last.meets && last.replicates >= start
    case .twice(let start): last.meets && (before.map { $0.meets && $0.replicates >= start } ?? false)
    case .oneMore: before?.meets ?? false
    case .steady: last.meets && before?.meetsLoose ?? false
    case .strictEarly: last.replicates < 65_536 ? last.meetsStrict : last.meets
    }
  }
}

/// Rows of `stopping-alternatives.csv` for the one estimator of a case.
func measureAlternatives(
  _ source: some StoppedCase, wished: [Double], maximum: Int, repetitions: Int
) throws -> [String] {
  let size = Size(replicates: maximum, repetitions: repetitions)
  let name = "alternatives \(source.name) \(source.estimators[0]) d=\(source.dimension)"
  let blocks = source.blocks, parameters = blocks.last?.range.count ?? 0
  let scales = (0..<blocks.count - (blocks.count > 1 ? 1 : 0)).flatMap { b in
    blocks[b].range.map { _ in source.truth(0, block: b) / Double(blocks[b].range.count) }
  }
  let floors = [[Double](repeating: 0, count: parameters)]
  let rules = wished.map { e in
    [e, 1.1 * 2.0.squareRoot() * e, e / 1.5].map { StoppingRule(relativeError: $0, maximum: maximum) }
  }
  let alternatives = StoppingAlternative.all
  let checkpoints = sequence(first: 4096) { 2 * $0 }.prefix { $0 < maximum } + [maximum]
  var tallies = rules.map { _ in alternatives.map { _ in StoppedTally(entries: 1, blocks: blocks.count) } }
  var random = try stream(name, "draws", size)
  for _ in 0..<repetitions {
    var moments = ComparisonMoments(blocks: blocks.map(\.range), scales: [scales]), done = 0
    var goesOn = rules.map { _ in alternatives.map { _ in true } }
    var looks: [[StoppingAlternative.Look]] = rules.map { _ in [] }
    for checkpoint in checkpoints where goesOn.contains(where: { $0.contains(true) }) {
      while done < checkpoint {
        let lanes = min(checkpoint - done, lanesPerBatch)
        var gradients = [[Double](repeating: 0, count: parameters * lanes)]
        source.draw(lanes: lanes, random: &random, into: &gradients)
        moments.add(gradients, lanes: lanes)
        done += lanes
      }
      for r in rules.indices {
        let now = rules[r].map { $0.shortfall(moments, floors: floors) == nil }
        looks[r].append(.init(replicates: done, meets: now[0], meetsLoose: now[1], meetsStrict: now[2]))
        for (a, alternative) in alternatives.enumerated() where goesOn[r][a] {
          let stops = alternative.stops(looks[r])
          guard stops || checkpoint == maximum else { continue }
          goesOn[r][a] = false
          // At the maximum nothing is chosen: to be there is enough.
          tallies[r][a].add(moments, replicates: done, isReached: stops || now[0]) { source.truth($0, block: $1) }
        }
      }
    }
  }
  return rules.indices.flatMap { r in
    alternatives.indices.flatMap { a in
      blocks.indices.map { b in
        [
          source.name, source.estimators[0], alternatives[a].name, blocks[b].name, "\(wished[r])", "\(maximum)",
          "\(repetitions)", tallies[r][a].fields(entry: 0, block: b),
        ].joined(separator: ",")
      }
    }
  }
}

func alternativeJobs() -> [@Sendable () throws -> [String]] {
  let maximum = 1_000_000, repetitions = 2000
  let point = GaussianPoint.stopped[2]
  let hard = [(Rule.score, 1), (.reparam, 1), (.reparam, 10)].map { rule, dimension in
    StoppedGaussian(gaussian: GaussianCase(point, dimension: dimension, samples: 1, rules: [rule]), together: [])
  }
  let gaussian = hard.map { source -> @Sendable () throws -> [String] in
    { try measureAlternatives(source, wished: [0.05], maximum: maximum, repetitions: repetitions) }
  }
  let laws = [ReferenceLaw.normal, .t5, .t3, .rare, .lognormal].map { law -> @Sendable () throws -> [String] in
    { try measureAlternatives(StoppedLaw(law: law), wished: [0.05], maximum: maximum, repetitions: repetitions) }
  }
  return gaussian + laws
}
