import EstimatorConformance
import EstimatorStatistics
@testable import ExperimentRunner
import Foundation
import GradientEstimation
import Testing
import WorkbenchCLI

/// Estimators under every sampling scheme that is registered: unbiased where they do not refuse, and of the variance that
/// the scheme promises.
@Suite struct SamplingSchemeTests {
  /// Every registered scheme in every combination of its choices, as canonical texts.
  static func texts() throws -> [String] {
    try StandardRegistry.make().samplings.entries.flatMap { entry -> [String] in
      let choices = entry.about.options.enumerated().compactMap { index, option -> [(Int, OptionValue)]? in
        guard case .choice(let names) = option.kind else { return nil }
        return names.map { (index, .text($0)) }
      }
      let assignments = choices.reduce([[]]) { done, values in done.flatMap { some in values.map { some + [$0] } } }
      return assignments.compactMap { entry.make($0) }.map { canonicalText($0) }
    }
  }

  static func cell(_ model: String, at: String, samples: Int, sampling: String, _ estimators: [String]) throws -> Cell {
    var reader = SpecReader(registry: try StandardRegistry.make(), source: .commandLine)
    let spec = reader.read(
      JSONNode(commandLine: [
        ("model", [model], false), ("at", [at], true), ("samples", [String(samples)], true),
        ("sampling", [sampling], false), ("estimators", estimators, true),
      ]))
    let plan = try #require(Plan.make(spec, &reader), "\(reader.faults)")
    return try #require(plan.cells.first)
  }

  /// Each configuration of each estimator is unbiased or refuses; those that compare draws with each other refuse all
  /// but independent ones, and no other does.
  @Test(arguments: try texts()) func everyEstimatorIsUnbiasedOrRefuses(_ sampling: String) async throws {
    let registry = try StandardRegistry.make(), configurations = try registry.checkedEstimators()
    let cases = [
      ("gaussian:dimension=3,x=1x-0.5x2,noise=0.8,correlation=-0.6", "mean=0.3,log_scale=-0.7", 6),
      ("exp-quadratic:dimension=2,k=0.4", "mean=0.3,log_scale=-0.7", 4),
    ]
    for (model, at, samples) in cases {
      let base = try Self.cell(model, at: at, samples: samples, sampling: sampling, ["score"])
      var entries: [Entry] = []
      for (estimator, text) in configurations {
        guard let needed = try? estimator.requirements(samples: samples, of: base.problem) else { continue }
        do {
          try base.problem.checkDraws(samples: samples, for: needed)
          entries.append(Entry(estimator: estimator, text: text, requirements: needed))
        } catch {
          #expect(needed.needsIndependentDraws && sampling != "iid", "\(text) refuses \(sampling): \(error)")
        }
      }
      #expect(entries.contains { $0.requirements.needsIndependentDraws } == (sampling == "iid"))
      #expect(entries.count >= 5)
      let figures = CellFigures(
        try await CellMeasurement.run(base.with(entries), seed: 17, rule: .fixed(60_000), threads: 2) { _ in })
      for entry in figures.entries where entry.entry.biasNote == nil {
        let bias = try #require(entry.all?.bias)
        #expect(
          bias.p > 1e-4 / Double(20 * configurations.count),
          "\(entry.entry.text) under \(sampling) on \(model): z \(bias.largest)")
      }
    }
  }

  /// That test can fail: leave-one-out under pairs, which it refuses, is biased.
  @Test func whatIsRefusedIsBiased() async throws {
    let base = try Self.cell("gaussian", at: "mean=0.3,log_scale=-0.7", samples: 2, sampling: "antithetic", ["score"])
    let estimator = try #require(
      try StandardRegistry.make().checkedEstimators().first { $0.text == "score:baseline=leave-one-out" })
    let needed = try estimator.0.requirements(samples: 2, of: base.problem)
    #expect(throws: EstimatorError.self) { try base.problem.checkDraws(samples: 2, for: needed) }
    let entry = Entry(estimator: estimator.0, text: estimator.1, requirements: needed)
    let figures = CellFigures(
      try await CellMeasurement.run(base.with([entry]), seed: 17, rule: .fixed(60_000), threads: 2) { _ in })
    let bias = try #require(figures.entries.first?.all?.bias)
    #expect(bias.p < 1e-12)
  }

  /// A gradient that is linear in ε has no variance left in pairs, and that of independent draws has some.
  @Test func pairsCancelWhatIsLinear() async throws {
    for (sampling, isZero) in [("antithetic", true), ("iid", false)] {
      let base = try Self.cell("linear", at: "mean=0.3,log_scale=-0.7", samples: 4, sampling: sampling, ["reparam"])
      let figures = CellFigures(
        try await CellMeasurement.run(base, seed: 5, rule: .fixed(2000), threads: 2) { _ in })
      let blocks = try #require(figures.entries.first).blocks
      let scale = try #require(blocks.first { $0.block.name == "log_scale" })
      #expect((scale.mark == .rounding) == isZero && (scale.variance < 1e-30) == isZero)
    }
  }

  // Rates ------------------------------------------------------------------------------------------------------

  struct Rate: CustomTestStringConvertible, Sendable {
    let sampling: String
    let dimension: Int
    /// What the slope must be within.
    let range: ClosedRange<Double>
    var testDescription: String { "\(sampling), D = \(dimension)" }
  }
  static let rates = [1, 10].flatMap { dimension in
    [
      Rate(sampling: "iid", dimension: dimension, range: -1.03...(-0.97)),
      Rate(sampling: "sobol:randomization=shift", dimension: dimension, range: -2...(-1.8)),
      Rate(sampling: "sobol", dimension: dimension, range: -2.08...(-1.92)),
    ]
  }

  /// The slope of log variance on log K = 2⁴…2¹¹ of SGVB-A on the conjugate normal model, fitted by least squares, within
  /// what is asked by four standard errors or more. A log variance has variance (kurtosis − 1)/R.
  @Test(arguments: rates) func varianceFallsAtItsRate(_ rate: Rate) async throws {
    let replicates = rate.dimension == 1 ? 6000 : 2000, counts = (4...11).map { 1 << $0 }
    var points: [(x: Double, y: Double, variance: Double)] = []
    for samples in counts {
      let cell = try Self.cell(
        "gaussian:dimension=\(rate.dimension)", at: "initial", samples: samples, sampling: rate.sampling, ["reparam"])
      let figures = CellFigures(
        try await CellMeasurement.run(cell, seed: 23, rule: .fixed(replicates), threads: 2) { _ in })
      let all = try #require(figures.entries.first?.all), kurtosis = try #require(all.kurtosis)
      points.append((log(Double(samples)), log(all.variance), (kurtosis - 1) / Double(replicates)))
    }
    let center = points.reduce(0) { $0 + $1.x } / Double(points.count)
    let spread = points.reduce(0) { $0 + ($1.x - center) * ($1.x - center) }
    let slope = points.reduce(0) { $0 + ($1.x - center) * $1.y } / spread
    let error = points.reduce(0) { $0 + ($1.x - center) * ($1.x - center) * $1.variance }.squareRoot() / spread
    let margin = min(slope - rate.range.lowerBound, rate.range.upperBound - slope)
    #expect(margin >= 4 * error, "slope \(slope), standard error \(error)")
  }
}
