import Estimators
import Foundation
import GradientEstimation
import LatentModels
import Optimization
import Randomness
import Testing
import VariationalFamilies

@testable import LearningAlgorithms

@Suite struct AutoEncodingTests {
  /// Seven data of four numbers from 0 to 1, all to train on: minibatches of three are 3, 3 and 1.
  private static let table = """
    a,b,c,d
    0,1,0.5,0.25
    1,0,0.75,0
    0.5,0.5,0,1
    0.25,1,1,0.75
    0,0,0.25,0.5
    1,0.75,0.5,1
    0.75,0.25,1,0

    """

  private func model(
    _ edit: (inout VariationalAutoencoderSpecification) -> Void
  ) throws -> any LocalLatentModel {
    let url = FileManager.default.temporaryDirectory.appending(path: "workbench-\(UUID().uuidString).csv")
    try Data(Self.table.utf8).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    var specification = VariationalAutoencoderSpecification()
    specification.dataset.data = url.path
    specification.dataset.testShare = 0
    (specification.latent, specification.hidden, specification.minibatch) = ("2", "3", 3)
    edit(&specification)
    return try #require(try specification.makeIntegrand() as? any LocalLatentModel)
  }

  private static let iwae = {
    var bound = RenyiBound()
    bound.alpha = 0
    return bound
  }()

  private func stream(_ index: UInt) throws -> RandomStream {
    try RandomStream(try #require(Generator.named("mt19937")), index: index)
  }

  private func streams(epoch: UInt) throws -> EpochStreams {
    EpochStreams(
      order: try stream(10 * epoch), draws: try stream(10 * epoch + 1), estimator: try stream(10 * epoch + 2),
      evaluation: try stream(10 * epoch + 3))
  }

  private func training<E: GradientEstimator, O: Optimizer>(
    _ model: any LocalLatentModel, _ estimator: E, _ optimizer: O, objective: any Objective = EvidenceLowerBound(),
    samples: Int, epochs: Int = 1
  ) throws -> LearningRun<AutoEncoding<E, O>> {
    let problem = try Problem(
      model: model, family: MeanFieldNormal(dimension: model.dimension), objective: objective,
      sampling: IndependentSampling())
    var random = try stream(9)
    let setting = LearningSetting(
      problem: problem, samples: samples, estimator: estimator, optimizer: optimizer, epochs: epochs,
      evaluationDraws: 1)
    let network = model.inferenceNetwork(initial: problem.family.initialParameters)
    return LearningRun(
      try AutoEncoding(setting, network, estimator, optimizer, random: &random), LearningSchedule(epochs: epochs))
  }

  /// log p(x) of seven data of bits, as long as all their states together are within the limit.
  @Test func exactFiguresOfBitsHaveALimit() throws {
    for (latent, isKnown) in [(2, true), (11, true), (12, false)] {
      let model = try model { ($0.prior, $0.latent) = (.bernoulli, "\(latent)") }
      let problem = try Problem(
        model: model, family: MeanFieldBernoulli(dimension: latent), objective: EvidenceLowerBound(),
        sampling: IndependentSampling())
      let network = model.inferenceNetwork(initial: problem.family.initialParameters)
      var random = try stream(1)
      let parameters = network.initialParameters(random: &random)
      let found = DatumBound.exact(problem, network, parameters: parameters, random: &random)
      let known = [found.logEvidence != nil, found.bound != nil]
      #expect(known == [isKnown, isKnown])
      if let evidence = found.logEvidence, let bound = found.bound { #expect(bound <= evidence + 1e-12) }
    }
  }

  /// At a rate so small that φ and θ stay where they are, what an epoch of plain ascent moves them by is the rate times
  /// Σ over its steps of N/M Σ_n ∇(φ_n at the draws) = N ∇ Σ of the steps' mean bounds: held to central differences of what
  /// the same streams record elsewhere. Minibatches of 3, 3 and 1 see every factor N/M.
  private func checkGradient(
    _ model: any LocalLatentModel, _ objective: any Objective, samples: Int, _ name: String
  ) throws {
    let rate = 1e-9, count = Double(model.dataCount(.training))
    var optimizer = SGD()
    optimizer.stepSize.learningRate = rate
    let start = try training(model, Reparameterization(), optimizer, objective: objective, samples: samples).checkpoint
    // Away from the start, where last biases are zeros.
    var here = start
    var random = try stream(8), shifts = here.parameters
    var span = shifts.mutableSpan
    random.fillNormals(&span)
    for i in shifts.indices { here.parameters[i] += 0.2 * shifts[i] }
    func epoch(from parameters: [Double]) throws -> (bound: Double, parameters: [Double]) {
      let training = try training(model, Reparameterization(), optimizer, objective: objective, samples: samples)
      var from = start
      from.parameters = parameters
      training.resume(from: from)
      #expect(try training.runEpoch(streams: try streams(epoch: 1)) { _ in true })
      let bounds = training.checkpoint.points.compactMap(\.minibatchBound)
      #expect(bounds.count == 3)
      return (count * bounds.reduce(0, +), training.checkpoint.parameters)
    }
    let moved = try epoch(from: here.parameters).parameters
    for i in here.parameters.indices {
      var sides: [Double] = []
      for side in [1e-5, -1e-5] {
        var parameters = here.parameters
        parameters[i] += side
        sides.append(try epoch(from: parameters).bound)
      }
      let difference = (sides[0] - sides[1]) / 2e-5, gradient = (moved[i] - here.parameters[i]) / rate
      // Rounding of sums near 10² over 10⁻⁵, and what the rate moves.
      #expect(abs(gradient - difference) < 1e-4 * max(1, abs(difference)), "\(name), parameter \(i)")
    }
  }

  @Test(arguments: VariationalAutoencoderSpecification.LikelihoodKind.allCases)
  func aStepFollowsTheGradientOfItsBound(_ likelihood: VariationalAutoencoderSpecification.LikelihoodKind) throws {
    let model = try model {
      $0.likelihood = likelihood
      if likelihood == .categorical { $0.categories = 5 }
    }
    try checkGradient(model, EvidenceLowerBound(), samples: 2, likelihood.rawValue)
  }

  @Test func severalDrawsLayersAndFreeParametersToo() throws {
    let plain = try model { _ in }, free = try model { $0.isAmortised = false }
    let layered = try model { ($0.latent, $0.likelihood) = ("2x1", .sharedNormal) }
    let weighted = Self.iwae
    try checkGradient(plain, weighted, samples: 3, "iwae")
    try checkGradient(free, EvidenceLowerBound(), samples: 1, "free")
    try checkGradient(free, weighted, samples: 3, "free, iwae")
    try checkGradient(layered, EvidenceLowerBound(), samples: 2, "layers")
    try checkGradient(layered, weighted, samples: 3, "layers, iwae")
  }

  /// Data, steps and epochs are counted; an interrupted epoch leaves nothing; what goes on from a checkpoint is the same to
  /// the bit.
  @Test func anInterruptedEpochLeavesNothing() throws {
    let model = try model { _ in }
    func fresh() throws -> LearningRun<AutoEncoding<Reparameterization, Adam>> {
      let made = try training(model, Reparameterization(), Adam(), samples: 2, epochs: 3)
      made.begin(streams: try streams(epoch: 0))
      return made
    }
    let whole = try fresh()
    for epoch in 1...3 { #expect(try whole.runEpoch(streams: try streams(epoch: UInt(epoch))) { _ in true }) }
    #expect(whole.isOver && whole.checkpoint.step == 9 && whole.checkpoint.dataSeen == 21)
    let points = whole.checkpoint.points
    #expect(points.map(\.dataSeen) == [0, 3, 6, 7, 10, 13, 14, 17, 20, 21])
    #expect(points.map { $0.trainBound != nil } == points.map { $0.step % 3 == 0 })

    let cut = try fresh()
    #expect(try cut.runEpoch(streams: try streams(epoch: 1)) { _ in true })
    let before = cut.checkpoint
    var asked = 0
    #expect(
      try !cut.runEpoch(streams: try streams(epoch: 2)) { _ in
        asked += 1
        return asked < 3
      })
    #expect(cut.checkpoint.parameters == before.parameters && cut.checkpoint.points == before.points)
    let bytes = try PropertyListEncoder().encode(before)
    let resumed = try fresh()
    resumed.resume(
      from: try PropertyListDecoder().decode(
        LearningRun<AutoEncoding<Reparameterization, Adam>>.Checkpoint.self, from: bytes))
    for epoch in 2...3 { #expect(try resumed.runEpoch(streams: try streams(epoch: UInt(epoch))) { _ in true }) }
    #expect(resumed.checkpoint.parameters == whole.checkpoint.parameters && resumed.checkpoint.points == points)
  }

  @Test func aTrainingThatDivergesEnds() throws {
    var optimizer = SGD()
    optimizer.stepSize.learningRate = 1e300
    let lost = try training(try model { _ in }, Reparameterization(), optimizer, samples: 1, epochs: 5)
    lost.begin(streams: try streams(epoch: 0))
    for epoch in 1...5 where !lost.isOver {
      _ = try lost.runEpoch(streams: try streams(epoch: UInt(epoch))) { _ in true }
    }
    #expect(lost.isOver && lost.checkpoint.hasDiverged && lost.checkpoint.epoch < 5)
  }

  @Test func ordinaryModelsAreRefused() throws {
    let problem = try Problem(
      model: try GaussianModel().makeIntegrand(), family: MeanFieldNormal(dimension: 1),
      objective: EvidenceLowerBound(), sampling: IndependentSampling())
    #expect(throws: EstimatorError.self) { try AutoEncodingVariationalBayes().check(problem) }
  }
}
