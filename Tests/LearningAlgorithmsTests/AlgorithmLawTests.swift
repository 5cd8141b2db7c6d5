import ExperimentRunner
import Foundation
import GradientEstimation
import LatentModels
import Optimization
import Randomness
import Testing
import VariationalFamilies
import WorkbenchCLI

/// What every registered algorithm is held to, each on the problems that it fits.
@Suite struct AlgorithmLawTests {
  static let registry = try? StandardRegistry.make()
  static let ids = registry?.algorithms.entries.map(\.about.id) ?? []

  private func algorithm(_ id: String) throws -> any LearningAlgorithm {
    try #require(Self.registry?.algorithms[id]?.entry.make([]))
  }

  private func stream(_ index: UInt) throws -> RandomStream {
    try RandomStream(try #require(Generator.named("mt19937")), index: index)
  }

  private func streams(epoch: UInt) throws -> EpochStreams {
    EpochStreams(
      order: try stream(10 * epoch), draws: try stream(10 * epoch + 1), estimator: try stream(10 * epoch + 2),
      evaluation: try stream(10 * epoch + 3))
  }

  /// Of each kind of model one: data with real latents, data with one-hot latents, one z of bits, one real z.
  private func problems() throws -> [Problem] {
    let registry = try #require(Self.registry)
    let models = try ["linear-vae", "ising", "gaussian"].map {
      try #require(registry.models[$0]?.entry.make([])).makeIntegrand()
    }
    return try models.map { model in
      let family = try #require(
        registry.families.entries.lazy.compactMap { try? $0.make([])?.makeFamily(dimension: model.dimension) }
          .first { $0.support == model.support })
      return try Problem(
        model: model, family: family, objective: EvidenceLowerBound(), sampling: IndependentSampling())
    }
  }

  private func setting(_ problem: Problem) throws -> LearningSetting {
    let registry = try #require(Self.registry), score = try #require(registry.estimators["score"]?.entry.make([]))
    return LearningSetting(
      problem: problem, samples: 2, estimator: score, optimizer: Adam(), epochs: 3, evaluationDraws: 2)
  }

  @Test func thereAreAlgorithms() {
    #expect(Set(Self.ids).isSuperset(of: ["aevb", "svi", "wake-sleep", "reweighted-wake-sleep", "map"]))
  }

  /// Each fits one of the problems at least; its parameters have names without gaps; an interrupted epoch leaves nothing; a
  /// checkpoint that went through bytes goes on to the same bits; work is counted, and grows.
  @Test(arguments: ids) func runsAndResumes(_ id: String) throws {
    let algorithm = try algorithm(id)
    let fitting = try problems().filter { (try? algorithm.check($0)) != nil }
    #expect(!fitting.isEmpty)
    for problem in fitting {
      func fresh() throws -> any LearningRule {
        var random = try stream(7)
        return try algorithm.makeRule(try setting(problem), random: &random)
      }
      try check(try fresh(), try fresh(), try fresh(), id)
    }
  }

  private func check<Rule: LearningRule>(
    _ whole: Rule, _ other: any LearningRule, _ third: any LearningRule, _ id: String
  ) throws {
    let other = try #require(other as? Rule), third = try #require(third as? Rule)
    func run(_ rule: Rule) throws -> LearningRun<Rule> {
      let run = LearningRun(rule, LearningSchedule(epochs: 3))
      run.begin(streams: try streams(epoch: 0))
      return run
    }
    let full = try run(whole)
    for epoch in 1...3 { #expect(try full.runEpoch(streams: try streams(epoch: UInt(epoch))) { _ in true }) }
    #expect(full.isOver && !full.checkpoint.hasDiverged)
    #expect(full.checkpoint.evaluations + full.checkpoint.gradientEvaluations > 0)
    let work = full.checkpoint.points.map { $0.evaluations + $0.gradientEvaluations }
    #expect(zip(work, work.dropFirst()).allSatisfy { $0 < $1 })
    var place = 0
    for block in whole.parameterBlocks {
      #expect(block.range.lowerBound == place && !block.range.isEmpty)
      place = block.range.upperBound
    }
    #expect(place == full.checkpoint.parameters.count)

    let cut = try run(other)
    #expect(try cut.runEpoch(streams: try streams(epoch: 1)) { _ in true })
    let before = cut.checkpoint
    var asked = 0
    let steps = cut.stepsPerEpoch
    #expect(
      try !cut.runEpoch(streams: try streams(epoch: 2)) { _ in
        asked += 1
        return asked < steps
      })
    #expect(cut.checkpoint.parameters == before.parameters && cut.checkpoint.points == before.points)
    let bytes = try PropertyListEncoder().encode(before)
    let resumed = LearningRun(third, LearningSchedule(epochs: 3))
    resumed.resume(from: try PropertyListDecoder().decode(LearningRun<Rule>.Checkpoint.self, from: bytes))
    for epoch in 2...3 { #expect(try resumed.runEpoch(streams: try streams(epoch: UInt(epoch))) { _ in true }) }
    #expect(resumed.checkpoint.parameters == full.checkpoint.parameters, "\(id)")
    #expect(resumed.checkpoint.points == full.checkpoint.points, "\(id)")
  }

  /// What it cannot serve it says in one line.
  @Test(arguments: ids) func refusalsAreOneLine(_ id: String) throws {
    let algorithm = try algorithm(id)
    for problem in try problems() {
      do throws(EstimatorError) { try algorithm.check(problem) } catch {
        #expect(!error.description.isEmpty && !error.description.contains("\n"))
        var random = try stream(1)
        let setting = try setting(problem)
        #expect(throws: EstimatorError.self) { _ = try algorithm.makeRule(setting, random: &random) }
      }
    }
  }
}
