import Estimators
import GradientEstimation
import LatentModels
import Optimization
import Randomness
import Testing
import VariationalFamilies

@testable import LearningAlgorithms

/// Algorithms run to where they should end.
@Suite struct LearningTests {
  private func stream(_ index: UInt) throws -> RandomStream {
    try RandomStream(try #require(Generator.named("mt19937")), index: index)
  }

  /// - Returns: all points, and the parameters at the end.
  private func learn(
    _ algorithm: any LearningAlgorithm, _ setting: LearningSetting, evaluateEvery: Int? = nil
  ) throws -> (points: [TrainingPoint], parameters: [Double]) {
    var random = try stream(1)
    return try run(
      algorithm.makeRule(setting, random: &random), setting.epochs, evaluateEvery ?? setting.epochs)
  }

  private func run<Rule: LearningRule>(
    _ rule: Rule, _ epochs: Int, _ every: Int
  ) throws -> (points: [TrainingPoint], parameters: [Double]) {
    let run = LearningRun(rule, LearningSchedule(epochs: epochs, evaluateEvery: every))
    func streams(_ epoch: Int) throws -> EpochStreams {
      let first = UInt(4 * epoch + 4)
      return EpochStreams(
        order: try stream(first), draws: try stream(first + 1), estimator: try stream(first + 2),
        evaluation: try stream(first + 3))
    }
    run.begin(streams: try streams(0))
    for epoch in 1...epochs { #expect(try run.runEpoch(streams: try streams(epoch)) { _ in true }) }
    return (run.checkpoint.points, run.checkpoint.parameters)
  }

  private func setting(
    _ model: any Integrand, _ family: any VariationalFamily, epochs: Int, rate: Double = 0.02, samples: Int = 4,
    estimator: (any GradientEstimator)? = nil
  ) throws -> LearningSetting {
    var optimizer = Adam()
    (optimizer.stepSize.learningRate, optimizer.stepSize.schedule) = (rate, .cosine)
    let problem = try Problem(
      model: model, family: family, objective: EvidenceLowerBound(), sampling: IndependentSampling())
    return LearningSetting(
      problem: problem, samples: samples, estimator: estimator, optimizer: optimizer, epochs: epochs,
      evaluationDraws: 4)
  }

  private func linear(_ data: String, _ latent: Int, minibatch: Int) throws -> any ExactLikelihoodModel {
    var specification = LinearAutoencoder()
    (specification.dataset.data, specification.dataset.standardize) = (data, data == "wine")
    (specification.options.latent, specification.options.minibatch) = (latent, minibatch)
    return try #require(try specification.makeIntegrand() as? any ExactLikelihoodModel)
  }

  /// Iris and wine, TRUTHS' maxima: from −3.13779639 on. What EM climbs is the likelihood, at every iteration.
  @Test(arguments: [("iris", 1, -3.13779639), ("iris", 2, -2.69975187), ("wine", 2, -16.15525989)])
  func expectationMaximizationClimbsToTheMaximum(_ data: String, _ latent: Int, _ greatest: Double) throws {
    let model = try linear(data, latent, minibatch: 100)
    for (algorithm, tolerance) in [(ExpectationMaximization(), 1e-6), (VariationalEM(), 1e-2)]
      as [(any LearningAlgorithm, Double)]
    {
      let setting = try setting(model, MeanFieldNormal(dimension: latent), epochs: 1000)
      let points = try learn(algorithm, setting, evaluateEvery: 1).points
      let bounds = points.compactMap(\.exactBound)
      #expect(bounds.count == 1001)
      for (before, after) in zip(bounds, bounds.dropFirst()) { #expect(after >= before - 1e-12 * abs(before)) }
      for point in points {
        let bound = try #require(point.trainBound), evidence = try #require(point.logEvidence)
        #expect(bound <= evidence + 1e-12 * abs(evidence) && point.trainMCSE == 0)
      }
      let last = try #require(bounds.last)
      #expect(abs(last - greatest) < tolerance)
    }
  }

  /// By draws of the posterior θ ends near the same maximum, by what is left of the noise of the last steps.
  @Test func monteCarloEMEndsNearTheMaximum() throws {
    var algorithm = MonteCarloEM()
    algorithm.updates = 1
    let model = try linear("wine", 2, minibatch: 89)
    let setting = try setting(model, MeanFieldNormal(dimension: 2), epochs: 3000)
    let last = try #require(try learn(algorithm, setting).points.last)
    let evidence = try #require(last.logEvidence)
    #expect(evidence <= -16.15525989 + 1e-7 && evidence > -16.15525989 - 0.02, "\(evidence)")
    #expect(last.trainBound == nil && last.exactBound == nil)
    // 10 leapfrog steps and where it starts; a transition and an update: of all the data in two steps.
    #expect(last.gradientEvaluations == 11 * 3000 && last.evaluations == 2 * 3000)
  }

  /// A sweep is an epoch; the bound of the Ising model's mean field rises with every one.
  @Test func coordinateAscentClimbs() throws {
    let model = try IsingModel().makeIntegrand()
    let setting = try setting(model, MeanFieldBernoulli(dimension: model.dimension), epochs: 50)
    let bounds = try learn(CoordinateAscent(), setting, evaluateEvery: 1).points.compactMap(\.exactBound)
    #expect(bounds.count == 51 && (bounds.last ?? 0) > bounds[0])
    for (before, after) in zip(bounds, bounds.dropFirst()) { #expect(after >= before - 1e-12 * abs(before)) }
  }

  /// A λ for every datum, and θ where it starts: black-box gradients lead λ_n to the posterior, whose bound is log p(x).
  @Test func stochasticVariationalInferenceEndsAtThePosterior() throws {
    let gaussian = try learn(
      StochasticVariationalInference(),
      try setting(
        try GaussianModel().makeIntegrand(), MeanFieldNormal(dimension: 1), epochs: 3000,
        estimator: StickingTheLanding()))
    let last = try #require(gaussian.points.last)
    let bound = try #require(last.exactBound), evidence = try #require(last.logEvidence)
    #expect(abs(bound - evidence) < 1e-6)

    let model = try linear("iris", 1, minibatch: 150)
    let local = try learn(
      StochasticVariationalInference(),
      try setting(model, MeanFieldNormal(dimension: 1), epochs: 4000, estimator: StickingTheLanding()))
    let end = try #require(local.points.last)
    let ownBound = try #require(end.exactBound), greatest = try #require(model.maximumLogLikelihood)
    #expect(abs(ownBound - greatest) < 0.01, "\(ownBound)")
    #expect(end.testBound == nil && local.parameters.count == 150 * 2 + 4 + 4 + 1)
  }

  /// A linear auto-encoder's bound reaches the maximum of the likelihood, raw data or standardised (Lucas et al. 2019).
  @Test(arguments: [("iris", 1, -3.13779639), ("wine", 2, -16.15525989)])
  func linearAutoEncodersReachTheMaximum(_ data: String, _ latent: Int, _ greatest: Double) throws {
    let model = try linear(data, latent, minibatch: data == "iris" ? 50 : 89)
    let learned = try learn(
      AutoEncodingVariationalBayes(),
      try setting(model, MeanFieldNormal(dimension: latent), epochs: 3000, estimator: StickingTheLanding()))
    let last = try #require(learned.points.last), bound = try #require(last.exactBound)
    let evidence = try #require(last.logEvidence)
    #expect(bound <= evidence + 1e-9 && evidence <= greatest + 1e-7 && bound > greatest - 0.01, "\(bound)")
  }

  /// The posterior mean of a normal model is its mode.
  @Test func pointsEndAtTheMode() throws {
    let model = try GaussianModel().makeIntegrand()
    let posterior = try #require((model as? any LatentModel)?.namedDistributions["posterior"] as? DiagonalNormal)
    let found = try learn(
      MaximumAPosteriori(), try setting(model, MeanFieldNormal(dimension: 1), epochs: 2000))
    #expect(abs(found.parameters[0] - posterior.mean[0]) < 1e-6)
  }

  /// At a rate so small that parameters stay where they are, a step of plain ascent moves them by the rate times N times the
  /// gradient of the mean objective, held to central differences of what is written as its bound: of the joint density, and
  /// of the plain auto-encoder, by an encoder and by free points.
  @Test(arguments: [true, false], MaximumAPosteriori.PointObjective.allCases)
  func aStepFollowsTheGradientOfThePoint(
    _ isAmortised: Bool, _ objective: MaximumAPosteriori.PointObjective
  ) throws {
    var specification = VariationalAutoencoderSpecification()
    (specification.dataset.data, specification.dataset.standardize, specification.dataset.testShare) = ("iris", true, 0)
    (specification.latent, specification.hidden, specification.minibatch) = ("2", "3", 150)
    (specification.likelihood, specification.isAmortised) = (.sharedNormal, isAmortised)
    var algorithm = MaximumAPosteriori()
    algorithm.objective = objective
    var optimizer = SGD()
    optimizer.stepSize.learningRate = 1e-9
    var setting = try setting(
      try specification.makeIntegrand(), MeanFieldNormal(dimension: 2), epochs: 1)
    setting.optimizer = optimizer
    var random = try stream(1)
    try checkGradient(algorithm.makeRule(setting, random: &random), 1e-9)
  }

  private func checkGradient<Rule: LearningRule>(_ rule: Rule, _ rate: Double) throws {
    var (parameters, state) = rule.start
    var random = try stream(3), shifts = parameters, span = shifts.mutableSpan
    random.fillNormals(&span)
    for i in parameters.indices { parameters[i] += 0.3 * shifts[i] }
    let here = parameters
    var streams = EpochStreams(
      order: try stream(4), draws: try stream(5), estimator: try stream(6), evaluation: try stream(7))
    let done = try rule.step(
      (0..<150).map { Int32($0) }, number: 0, parameters: &parameters, state: &state, streams: &streams)
    #expect(done.isFinite && done.evaluations == 1 && done.gradientEvaluations == 1)
    for i in here.indices where i % 7 == 0 || here.count < 60 {
      let sides = [1e-5, -1e-5].map { side in
        var moved = here
        moved[i] += side
        return 150 * (rule.bounds(at: moved, random: &random).train?.value ?? .nan)
      }
      let difference = (sides[0] - sides[1]) / 2e-5, gradient = (parameters[i] - here[i]) / rate
      #expect(abs(gradient - difference) < 1e-4 * max(1, abs(difference)), "\(i)")
    }
  }
}
