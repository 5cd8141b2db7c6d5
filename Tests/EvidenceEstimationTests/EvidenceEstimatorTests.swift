@testable import EvidenceEstimation
import EstimatorStatistics
import Foundation
import GradientEstimation
import LatentModels
import Randomness
import Testing
import VariationalFamilies

@Suite struct EvidenceEstimatorTests {
  private static let all: [any EvidenceEstimator] = [
    ImportanceSampling(), AnnealedImportanceSampling.short, ReciprocalImportanceSampling.brief,
  ]

  /// A banana, which is no normal: 16 repetitions of each, from a q that is wider than it, their mean within 4.5 of its standard
  /// errors (level 10⁻³ and less with 15 degrees of freedom). Nothing can draw from it, so that a path from it is refused.
  @Test func agreesWhereThePosteriorIsNoNormal() throws {
    var banana = Banana()
    (banana.scale, banana.curvature) = (1.5, 0.2)
    let problem = try problem(try banana.makeIntegrand()), data = LaneData(lanes: 16, parameters: [0, 0, 0.7, 0.7])
    var annealed = AnnealedImportanceSampling(), reciprocal = ReciprocalImportanceSampling()
    #expect { try annealed.check(problem, samples: 9) } throws: { "\($0)".contains("take from=q") }
    (annealed.temperatures, annealed.start) = (100, .family)
    (reciprocal.inflation, reciprocal.thinning) = (0.5, 10)
    for estimator in [ImportanceSampling(), annealed, reciprocal] as [any EvidenceEstimator] {
      var random = try stream(60)
      let estimates = try estimator.estimate(problem, data, samples: 1000, random: &random)
      let interval = MeanInterval(estimates.map(\.value))
      let error = try #require(interval.deviation) / 4
      #expect(error < 0.05 && abs(interval.mean) < 4.5 * error, "\(interval.mean) ± \(error)")
    }
  }

  /// An auto-encoder of digits, whose log p(x) is not known: the three agree with each other on 8 data, 24 differences within
  /// 4 of their errors (level 2·10⁻³).
  @Test func agreeWithEachOtherOnANetwork() throws {
    var specification = VariationalAutoencoderSpecification()
    (specification.latent, specification.hidden) = ("3", "20")
    let start = try #require(try specification.makeIntegrand() as? any LocalLatentModel), lanes = 8
    // Weights so great that posteriors differ from the prior.
    let model = start.with(modelParameters: start.modelParameters.map { 2.5 * $0 })
    var random = try stream(75), x = [Double](repeating: 0, count: model.observationDimension * lanes)
    var span = x.mutableSpan
    model.storeObservations(of: .training, (0..<lanes).map { Int32($0) }, random: &random, into: &span)
    let problem = try problem(model), lambda = [Double](repeating: 0, count: 6)
    var annealed = AnnealedImportanceSampling(), reciprocal = ReciprocalImportanceSampling()
    annealed.temperatures = 50
    (reciprocal.chains, reciprocal.inflation) = (50, 0.7)
    let estimators: [(any EvidenceEstimator, Int)] = [
      (ImportanceSampling(), 20_000), (annealed, 64), (reciprocal, 500),
    ]
    let estimates = try estimators.map { estimator, samples in
      try estimator.estimate(
        problem, LaneData(lanes: lanes, parameters: lambda, observations: x), samples: samples, random: &random)
    }
    for (i, j) in [(0, 1), (0, 2), (1, 2)] {
      for (a, b) in zip(estimates[i], estimates[j]) {
        let (one, other) = (try #require(a.standardError), try #require(b.standardError))
        let error = (one * one + other * other).squareRoot()
        #expect(error < 0.5 && abs(a.value - b.value) < 4 * error, "\(i), \(j): \(a) \(b)")
      }
    }
  }

  /// Discrete z, of which gradients know nothing: the mean weight of draws of q against log p(x).
  @Test func importanceSamplingTakesDiscreteLatents() throws {
    let model = try #require(try BinaryLatent().makeIntegrand() as? any LatentModel)
    let evidence = try #require(model.logEvidence)
    let problem = try problem(model, MeanFieldBernoulli(dimension: model.dimension))
    var random = try stream(70)
    let data = LaneData(lanes: 200, parameters: Array(repeating: 0.4, count: problem.parameterCount))
    let estimates = try ImportanceSampling().estimate(problem, data, samples: 2000, random: &random)
    let scores = try Scores(estimates, Array(repeating: evidence, count: 200))
    #expect(scores.largest < 4.8 && abs(scores.mean) < 4 && binomialTail(scores.covered, of: 200, 0.95) > 1e-4)
    for estimator in Self.all.dropFirst() {
      #expect { try estimator.check(problem, samples: 100) } throws: { "\($0)".contains("z of 0 and 1") }
    }
  }

  /// Same stream, same bits; a lane's are the same whatever lanes follow it and whatever the others' data are; λ that is shared
  /// is λ of every lane.
  @Test func lanesDoNotMix() throws {
    let model = try LinearCase(latent: 3, isAutoencoder: false).model(), data = try Data(model, 3),
      d = model.observationDimension
    let problem = try problem(model), count = problem.parameterCount
    func narrow(_ rows: [Double], to lanes: Int) -> [Double] {
      (0..<rows.count / 3).flatMap { row in (0..<lanes).map { rows[row * 3 + $0] } }
    }
    for estimator in Self.all {
      func run(_ lanes: LaneData) throws -> [EvidenceEstimate] {
        var random = try stream(100)
        return try estimator.estimate(problem, lanes, samples: 70, random: &random)
      }
      let whole = try run(LaneData(lanes: 3, parameters: data.parameters, observations: data.x))
      #expect(try run(LaneData(lanes: 3, parameters: data.parameters, observations: data.x)) == whole)
      let first = try run(
        LaneData(lanes: 1, parameters: narrow(data.parameters, to: 1), observations: narrow(data.x, to: 1)))
      #expect(first == Array(whole.prefix(1)))
      var x = data.x
      for i in 0..<d { x[3 * i + 1] += 0.5 }
      let other = try run(LaneData(lanes: 3, parameters: data.parameters, observations: x))
      #expect(other[0] == whole[0] && other[2] == whole[2] && other[1].value != whole[1].value)
      let shared = [Double](repeating: 0.1, count: count)
      let same = try run(LaneData(lanes: 3, parameters: shared, observations: data.x))
      #expect(
        try run(LaneData(lanes: 3, parameters: shared.flatMap { [$0, $0, $0] }, observations: data.x)) == same)
    }
  }

  /// K evaluations; T of a chain, with T − 2 transitions and the 30 that tune before them; transitions of two halves of chains.
  @Test func workIsCounted() throws {
    let problem = try problem(try gaussian(2)), data = LaneData(lanes: 2, parameters: problem.family.initialParameters)
    var random = try stream(110)
    let plain = try ImportanceSampling().estimate(problem, data, samples: 3000, random: &random)
    #expect(plain.allSatisfy { $0.evaluations == 3000 && $0.gradientEvaluations == 0 && $0.acceptance == nil })
    let annealed = try AnnealedImportanceSampling.short.estimate(problem, data, samples: 20, random: &random)
    // 3 transitions of 2 steps and a start; 16 chains that tune make 30 more.
    #expect(annealed.allSatisfy { $0.evaluations == 20 * 4 + 16 * 34 })
    #expect(annealed.allSatisfy { $0.gradientEvaluations == 20 * 7 + 16 * 67 })
    let reciprocal = try ReciprocalImportanceSampling.brief.estimate(problem, data, samples: 9, random: &random)
    // 8 chains: a start, 10 transitions, and 5 for each of 3 rounds, of 3 steps.
    #expect(reciprocal.allSatisfy { $0.evaluations == 8 * 26 && $0.gradientEvaluations == 8 * 76 })
    for estimate in annealed + reciprocal {
      let share = try #require(estimate.acceptance)
      #expect(share > 0 && share <= 1)
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let problem = try problem(try gaussian(2)),
      cost = try Problem(
        model: try LinearCost().makeIntegrand(),
        family: MeanFieldNormal(dimension: try LinearCost().makeIntegrand().dimension), objective: Expectation(),
        sampling: IndependentSampling())
    for estimator in Self.all {
      #expect { try estimator.check(cost, samples: 10) } throws: { "\($0)".contains("cost function") }
      #expect(throws: EstimatorError.self) { try estimator.check(problem, samples: 0) }
      var random = try stream(120)
      let bad = LaneData(lanes: 2, parameters: [1, 2, 3], observations: estimator.usesFamily ? [] : [1])
      #expect { _ = try estimator.estimate(problem, bad, samples: 10, random: &random) } throws: {
        "\($0)".contains("buffer of the wrong shape")
      }
    }
    #expect { try ReciprocalImportanceSampling().check(problem, samples: 3) } throws: { "\($0)".contains("needs 4") }
    var annealed = AnnealedImportanceSampling()
    annealed.start = .family
    let dense = try Problem(
      model: problem.model, family: FullRankNormal(dimension: 2), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    #expect { try annealed.check(dense, samples: 3) } throws: { "\($0)".contains("independent normals") }
    annealed.stepSize = 0.1
    try annealed.check()
    annealed.acceptance = 0.9
    #expect(throws: ComponentError.self) { try annealed.check() }
  }

  /// Options are stored by name, and sources are in References.bib.
  @Test func descriptorsAreWhole() throws {
    func check<E: EvidenceEstimator>(_: E.Type, _ texts: [(String, OptionValue)]) throws {
      var estimator = E()
      #expect(E.descriptor.options.map(\.name) == texts.map(\.0))
      for (option, text) in zip(E.descriptor.options, texts) {
        #expect(option.store(text.1, in: &estimator) && option.value(in: estimator) == text.1)
        #expect(option.value(in: E()) != text.1)
      }
      let url = URL(filePath: #filePath).appending(path: "../../../References.bib").standardized
      let bibliography = try String(contentsOf: url, encoding: .utf8)
      for reference in E.descriptor.references { #expect(bibliography.contains("{\(reference.key),")) }
    }
    try check(ImportanceSampling.self, [])
    try check(
      AnnealedImportanceSampling.self,
      [
        ("temperatures", .integer(7)), ("leapfrog", .integer(3)), ("acceptance", .real(0.8)), ("step_size", .real(0.2)),
        ("schedule", .text("linear")), ("from", .text("q")),
      ])
    try check(
      ReciprocalImportanceSampling.self,
      [
        ("chains", .integer(7)), ("burn_in", .integer(3)), ("thinning", .integer(4)), ("leapfrog", .integer(5)),
        ("acceptance", .real(0.8)), ("fit", .text("diagonal")), ("inflation", .real(2)),
      ])
  }
}
