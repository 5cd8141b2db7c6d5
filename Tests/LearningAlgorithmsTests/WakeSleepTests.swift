import GradientEstimation
import LatentModels
import Optimization
import Randomness
import Testing
import VariationalFamilies

@testable import LearningAlgorithms

@Suite struct WakeSleepTests {
  private func stream(_ index: UInt) throws -> RandomStream {
    try RandomStream(try #require(Generator.named("mt19937")), index: index)
  }

  /// Probabilistic PCA of wine, standardised: of one latent the encoder can be the posterior itself, where the two phases agree, and awake
  /// as asleep the likelihood's maximum is where they rest. −17.00446677 nats (Tipping and Bishop 1999, equation (7)).
  @Test(arguments: ["plain", "wake", "sleep", "both"])
  func aLinearAutoEncoderReachesTheMaximumLikelihood(_ kind: String) throws {
    var specification = LinearAutoencoder()
    (specification.dataset.data, specification.dataset.standardize) = ("wine", true)
    (specification.options.latent, specification.options.minibatch) = (1, 178)
    let model = try #require(try specification.makeIntegrand() as? any ExactLikelihoodModel)
    let problem = try Problem(
      model: model, family: MeanFieldNormal(dimension: 1), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    let epochs = 3000
    var optimizer = Adam()
    (optimizer.stepSize.learningRate, optimizer.stepSize.schedule) = (0.02, .cosine)
    let setting = LearningSetting(
      problem: problem, samples: kind == "plain" ? 10 : 20, estimator: nil, optimizer: optimizer, epochs: epochs,
      evaluationDraws: 2)
    var reweighted = ReweightedWakeSleep()
    if let phase = ReweightedWakeSleep.Phase(rawValue: kind) { reweighted.phase = phase }
    let algorithm: any LearningAlgorithm = kind == "plain" ? WakeSleep() : reweighted
    var random = try stream(1)
    try run(algorithm.makeRule(setting, random: &random), model, kind, epochs)
  }

  private func run<Rule: LearningRule>(
    _ rule: Rule, _ model: any ExactLikelihoodModel, _ kind: String, _ epochs: Int
  ) throws {
    let run = LearningRun(rule, LearningSchedule(epochs: epochs, evaluateEvery: epochs))
    for epoch in 1...epochs {
      let first = UInt(4 * epoch)
      let streams = EpochStreams(
        order: try stream(first), draws: try stream(first + 1), estimator: try stream(first + 2),
        evaluation: try stream(first + 3))
      #expect(try run.runEpoch(streams: streams) { _ in true })
    }
    let last = try #require(run.checkpoint.points.last)
    let greatest = try #require(model.maximumLogLikelihood), evidence = try #require(last.logEvidence)
    let bound = try #require(last.exactBound)
    #expect(abs(greatest - -17.00446677) < 1e-7)
    // It ends near the maximum by what is left of the noise of the last steps: no more than a few thousandths of a nat.
    #expect(evidence <= greatest + 1e-9 && evidence > greatest - 0.01, "\(kind): \(evidence)")
    #expect(bound <= evidence + 1e-9 && bound > greatest - 0.02, "\(kind): \(bound)")
  }

  /// K = 1 has one weight, 1: awake θ then follows what plain wake–sleep does, from the same draws and dreams.
  @Test func oneWeightIsNone() throws {
    let model = try #require(try LinearAutoencoder().makeIntegrand() as? any LocalLatentModel)
    let problem = try Problem(
      model: model, family: MeanFieldNormal(dimension: model.dimension), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    let setting = LearningSetting(
      problem: problem, samples: 1, estimator: nil, optimizer: Adam(), epochs: 2, evaluationDraws: 2)
    var asleep = ReweightedWakeSleep()
    asleep.phase = .sleep
    var ends: [[Double]] = []
    for algorithm in [WakeSleep(), asleep] as [any LearningAlgorithm] {
      var random = try stream(1)
      ends.append(try end(of: algorithm.makeRule(setting, random: &random)))
    }
    #expect(ends[0] == ends[1])
  }

  private func end<Rule: LearningRule>(of rule: Rule) throws -> [Double] {
    let run = LearningRun(rule, LearningSchedule(epochs: 2))
    for epoch: UInt in 1...2 {
      let streams = EpochStreams(
        order: try stream(4 * epoch), draws: try stream(4 * epoch + 1), estimator: try stream(4 * epoch + 2),
        evaluation: try stream(4 * epoch + 3))
      #expect(try run.runEpoch(streams: streams) { _ in true })
    }
    return run.checkpoint.parameters
  }

  /// An encoder and a family whose score is had anywhere are asked for.
  @Test func saysWhatItNeeds() throws {
    var free = LinearAutoencoder()
    free.options.isAmortised = false
    for (specification, family) in [
      (free, MeanFieldNormal(dimension: 2) as any VariationalFamily),
      (LinearAutoencoder(), LowRankNormal(dimension: 2, rank: 1) as any VariationalFamily),
    ] {
      let problem = try Problem(
        model: try specification.makeIntegrand(), family: family, objective: EvidenceLowerBound(),
        sampling: IndependentSampling())
      #expect(throws: EstimatorError.self) { try WakeSleep().check(problem) }
    }
  }
}
