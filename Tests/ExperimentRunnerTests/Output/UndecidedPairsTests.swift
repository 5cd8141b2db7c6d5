@testable import ExperimentRunner
import EstimatorStatistics
import Foundation
import GradientEstimation
import Testing

/// How many replicates would settle what is undecided.
@Suite struct UndecidedPairsTests {
  func figures(_ members: String) async throws -> CellFigures {
    let reading = try Reading(members: members)
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try #require(try await Experiment.run(plan, reading.spec, threads: 2) { _ in true }.cells.first)
  }

  /// A baseline that costs nothing to know, and one from the other draws: a little worse.
  static let close = #"""
    "model": {"id": "gaussian", "options": {"dimension": 3}}, "samples": 4, "estimators": ["exact",
      {"id": "score", "options": {"baseline": "mean"}}, {"id": "score", "options": {"baseline": "leave-one-out"}}]
    """#

  func pair(_ figures: CellFigures) throws -> PairFigures {
    try #require(figures.pairs.first { $0.block == "all" && $0.a == 1 && $0.b == 2 })
  }

  @Test func whatIsForetoldComesTrue() async throws {
    let few = try await figures(Self.close + #", "replicates": 1000"#)
    let pair = try pair(few)
    #expect(pair.verdict == .undecided)
    let needed = try #require(pair.replicatesToSettle)
    // The measured ratio is off by its error, so the forecast is too: but not by its order.
    let more = try await figures(Self.close + #", "replicates": \#(Int(4 * needed))"#)
    let settled = try self.pair(more)
    #expect(settled.verdict != .undecided && settled.replicatesToSettle == nil)
  }

  /// The formula written down again, at the level that the verdicts of three pairs have.
  @Test func formula() async throws {
    let reading = try Reading(members: Self.close)
    let cell = try #require(reading.plan?.cells.first)
    let measured = try await CellMeasurement.run(cell, seed: 1, rule: .fixed(1000), threads: 2) { _ in }
    for pair in CellFigures(measured).pairs where pair.a == 1 && pair.b == 2 {
      let block = try #require(measured.blocks.firstIndex { $0.name == pair.block })
      let (ratio, interval) = measured.moments.ratio(pair: 2, block: block, level: 1 - 0.05 / 3)
      let half = (log(interval.high) - log(interval.low)) / 2
      let arm = abs(log(ratio < 1 ? interval.high : interval.low) - log(ratio))
      let expected = 1000 * pow(max(half, arm) / log(ratio), 2)
      if pair.verdict == .undecided {
        #expect(abs(try #require(pair.replicatesToSettle) / expected - 1) < 1e-9)
        #expect(expected > 1000)
      } else {
        #expect(pair.replicatesToSettle == nil)
      }
    }
  }

  @Test func nothingIsForetoldOfWhatIsKnownOrCoincides() async throws {
    let cell = try await figures(
      #""at": "prior", "replicates": 2000, "estimators": ["stl", "analytic-kl", "score", "exact"]"#)
    for pair in cell.pairs where pair.block == "all" {
      let names = [pair.a, pair.b].map { cell.entries[$0].entry.text }
      #expect((pair.replicatesToSettle == nil) == (pair.verdict != .undecided || names == ["stl", "analytic-kl"]))
    }
    #expect(UndecidedPairs(cell).lines == [])
  }

  @Test(arguments: [
    (1.0, "1"), (12.4, "12"), (99.4, "99"), (99.6, "100"), (123, "120"), (340_400, "340000"), (994_999, "990000"),
    (996_000, "1.0 million"), (1_234_567, "1.2 million"), (12_345_678, "12 million"), (123_456_789, "120 million"),
    (5.55e9, "5.6 billion"), (9.99e11, "1.0 trillion"),
  ])
  func roundedCounts(_ x: Double, text: String) { #expect(roundCount(x) == text) }

  @Test func outlooks() {
    #expect(
      UndecidedPairs.outlook(1_210_000, 10_000)
        == "about 1.2 million more replicates would settle it, if the ratio is what was measured.")
    #expect(UndecidedPairs.outlook(1.1e12, 10_000) == "no affordable number of replicates would tell them apart.")
    #expect(UndecidedPairs.outlook(.infinity, 10_000) == "no affordable number of replicates would tell them apart.")
  }
}
