import EstimatorStatistics
import ExperimentRunner
import GradientEstimation
import Testing

/// What is zero to rounding is called so, and nothing else is.
@Suite struct RoundingFloorTests {
  func figures(_ members: String) async throws -> [CellFigures] {
    let reading = try Reading(members: members)
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try await Experiment.run(plan, reading.spec, threads: 2) { _ in true }.cells
  }

  @Test(arguments: [1, 100]) func zerosAtThePosterior(dimension: Int) async throws {
    let cells = try await figures(
      #"""
      "replicates": 2000, "at": "posterior", "samples": 2,
      "model": {"id": "gaussian", "options": {"dimension": \#(dimension), "x": 3, "noise": 0.3}},
      "estimators": ["stl", {"id": "score", "options": {"baseline": "leave-one-out"}},
        {"id": "score", "options": {"baseline": "mean"}}, "exact", "reparam", "score", "analytic-kl"]
      """#)
    for entry in cells[0].entries {
      let isZero = ["stl", "score:baseline=leave-one-out", "score:baseline=mean", "exact"].contains(entry.entry.text)
      for block in entry.blocks {
        #expect((block.mark == .rounding) == isZero, "\(entry.entry.text) \(block.block.name)")
        // A mean of 1e-16 is no bias.
        if isZero { #expect(try #require(block.bias).p > 0.5, "\(entry.entry.text)") }
      }
    }
    let verdicts = cells[0].pairs.filter { $0.block == "all" }
    #expect(verdicts.filter { $0.verdict == .equal }.count == 6)
    #expect(verdicts.filter { $0.ratio == 0 || $0.ratio == .infinity }.count == 12)
  }

  /// A baseline that is learned of a constant is that constant: 16 digits of it, whatever it was learned from.
  @Test func learnedBaselinesOfAConstantKeepItsDigits() async throws {
    let cells = try await figures(
      #"""
      "replicates": 1000, "at": "posterior", "family": "mixture-normal",
      "model": {"id": "linear-vae", "options": {"datum": 3, "latent": 1}},
      "estimators": [{"id": "score", "options": {"baseline": "mean"}}]
      """#)
    let all = try #require(cells[0].entries[0].all)
    #expect(all.mark == .rounding && all.variance < 1e-28)
  }

  @Test func closeToThePosteriorIsNotZero() async throws {
    let cells = try await figures(
      #""replicates": 2000, "at": {"mean": 0.5, "log_scale": -0.34657}, "estimators": ["stl", "reparam"]"#)
    #expect(cells[0].entries[0].blocks.allSatisfy { $0.mark != .rounding && $0.variance < 1e-9 })
  }
}
