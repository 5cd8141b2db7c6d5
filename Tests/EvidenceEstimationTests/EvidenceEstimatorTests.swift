@testable import EvidenceEstimation
import EstimatorStatistics
import Foundation
import GradientEstimation
import LatentModels
import Randomness
import Testing
import VariationalFamilies

@Suite struct EvidenceEstimatorTests {
  private func gaussian(_ dimension: Int, x: Double = 1, noise: Double = 0.5) throws -> any LatentModel {
    var model = GaussianModel()
    (model.dimensionOption, model.x, model.noise) = (dimension, [x], noise)
    return try #require(try model.makeIntegrand() as? any LatentModel)
  }

  private static let short: AnnealedImportanceSampling = {
    var estimator = AnnealedImportanceSampling()
    (estimator.temperatures, estimator.leapfrogSteps) = (4, 2)
    return estimator
  }()

  private static let brief: ReciprocalImportanceSampling = {
    var estimator = ReciprocalImportanceSampling()
    (estimator.chains, estimator.burnIn, estimator.leapfrogSteps) = (4, 10, 3)
    return estimator
  }()

  private static let all: [any EvidenceEstimator] = [ImportanceSampling(), short, brief]

  // MARK: What is estimated

  /// p̂ of annealed importance sampling has no bias whatever the path, so neither has the mean of p̂/p over 4000 repetitions of
  /// 4 chains on a path of 4 steps, with tuned step sizes, with one that is given, and from q. The level of 4.4 errors is
  /// 10⁻⁵ each, but for the skewness of p̂.
  @Test func annealedWeightsHaveNoBias() throws {
    let model = try gaussian(2), evidence = try #require(model.logEvidence), problem = try problem(model)
    var fixed = Self.short, other = Self.short
    fixed.stepSize = 0.7
    other.start = .family
    for (seed, estimator) in [Self.short, fixed, other].enumerated() {
      var random = try stream(40 + UInt(seed))
      let data = LaneData(lanes: 4000, parameters: [0.4, 0.4, -0.2, -0.2])
      let estimates = try estimator.estimate(problem, data, samples: 4, random: &random)
      let ratios = MeanInterval(estimates.map { exp($0.value - evidence) })
      let error = try #require(ratios.deviation) / 4000.0.squareRoot()
      #expect(error < 0.05 && abs(ratios.mean - 1) < 4.4 * error, "\(seed): \(ratios.mean) ± \(error)")
    }
  }

  /// A path of one step is importance sampling from where it starts: no transition, the weights those of draws of q.
  @Test func aPathOfOneStepIsImportanceSampling() throws {
    let problem = try problem(try gaussian(3)),
      data = LaneData(lanes: 5, parameters: [0.5, 0.6, 0.7, -0.5, -0.4, -0.3])
    var estimator = AnnealedImportanceSampling()
    (estimator.temperatures, estimator.start) = (1, .family)
    var random = try stream(50), twin = try stream(50)
    let own = try estimator.estimate(problem, data, samples: 64, random: &random)
    let other = try ImportanceSampling().estimate(problem, data, samples: 64, random: &twin)
    for (a, b) in zip(own, other) {
      #expect(abs(a.value - b.value) < 1e-12 && a.acceptance == nil && a.evaluations == 64)
    }
  }

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

  /// The centred eight schools, a funnel: chains that start in its neck stay there. The estimate is nonsense, and says so: its
  /// error is that of one draw that outdoes all others, and k̂ is ∞.
  @Test func chainsThatDoNotMoveShow() throws {
    let model = try #require(try EightSchools().makeIntegrand() as? any LatentModel), problem = try problem(model)
    var random = try stream(60)
    let estimate = try ReciprocalImportanceSampling().estimate(
      problem, LaneData(lanes: 1, parameters: []), samples: 1000, random: &random)[0]
    #expect(estimate.value < (try #require(model.logEvidence)) - 100)
    #expect(abs((try #require(estimate.standardError)) - 1) < 1e-6 && estimate.paretoShape == .infinity)
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

  // MARK: Where the reciprocal estimator fails

  /// Of a normal posterior in one dimension, and q of c > 1 times its variance, the ratios' tail index is 1 − 1/c. With 20000
  /// draws k̂ is fitted to 424 of them, with a standard error of (1 + k)/√424 < 0.1: four of them. The tail of a normal is a power
  /// but for a logarithm, and k̂ is drawn towards ½: 0.05 more. Ratios of c < 1 are bounded, and k̂ is negative.
  @Test func tailIndexOfRatiosIsThatOfTheInflation() throws {
    let problem = try problem(try gaussian(1))
    for c in [0.5, 4, 10] {
      var estimator = ReciprocalImportanceSampling()
      estimator.inflation = c
      var random = try stream(80)
      let estimate = try estimator.estimate(
        problem, LaneData(lanes: 1, parameters: []), samples: 20_000, random: &random)[0]
      let shape = try #require(estimate.paretoShape), wanted = 1 - 1 / c
      #expect(c < 1 ? shape < 0 : abs(shape - wanted) < 4 * (1 + wanted) / 424.0.squareRoot() + 0.05, "\(c): \(shape)")
    }
  }

  /// In 5 dimensions with c = 10 it fails, and k̂ says so: of 60 repetitions of 2000 draws nearly all are too great, fewer than
  /// half of the intervals of 95 % hold log p(x), and k̂ is beyond 0.7 for nearly all. With c = 1 none of that is so.
  @Test func heavierTailsFailAndShow() throws {
    let model = try gaussian(5), evidence = try #require(model.logEvidence), problem = try problem(model), lanes = 60
    func scores(_ inflation: Double) throws -> (scores: Scores, values: [Double], warned: Int) {
      var estimator = ReciprocalImportanceSampling()
      estimator.inflation = inflation
      var random = try stream(90)
      let estimates = try estimator.estimate(
        problem, LaneData(lanes: lanes, parameters: []), samples: 2000, random: &random)
      return (
        try Scores(estimates, Array(repeating: evidence, count: lanes)), estimates.map { $0.value - evidence },
        estimates.count { $0.paretoShape ?? 0 > 0.7 }
      )
    }
    let bad = try scores(10), good = try scores(1)
    #expect(bad.scores.covered < lanes / 2 && bad.warned > 50 && bad.values.count { $0 > 0 } > 50)
    #expect(binomialTail(good.scores.covered, of: lanes, 0.95) > 1e-4 && good.warned == 0)
    #expect(good.values.allSatisfy { abs($0) < 0.1 })
  }

  /// Draws of one chain that hang together, of transitions of a single leapfrog step, are counted as what they are worth: of 300
  /// repetitions as many intervals hold log p(x) as should, less 4 %, down to a binomial tail of 10⁻³. Errors of independent
  /// draws would be too small by a quarter or more.
  @Test func errorsKnowThatDrawsOfAChainHangTogether() throws {
    let model = try gaussian(2), evidence = try #require(model.logEvidence), problem = try problem(model), lanes = 300
    var estimator = ReciprocalImportanceSampling()
    (estimator.leapfrogSteps, estimator.thinning, estimator.burnIn) = (1, 1, 400)
    (estimator.chains, estimator.inflation) = (50, 0.5)
    var random = try stream(95)
    let estimates = try estimator.estimate(
      problem, LaneData(lanes: lanes, parameters: []), samples: 2000, random: &random)
    let scores = try Scores(estimates, Array(repeating: evidence, count: lanes))
    #expect(binomialTail(scores.covered, of: lanes, 0.91) > 1e-3, "\(scores.covered)")
    // Ratios of c = ½ in two dimensions have a relative variance of 1/3: what 2000 independent ones would err by.
    let errors = estimates.compactMap(\.standardError), mean = errors.reduce(0, +) / Double(errors.count)
    #expect(mean > 4.0 / 3 * (1.0 / 3 / 2000).squareRoot(), "\(mean)")
  }

  /// Few chains on a coarse path: the estimate is low, and its error too small. Of 64 data of 10 latents with 16 chains of 50
  /// steps fewer intervals hold log p(x) than a binomial count of 95 % does with probability 10⁻⁶, and more than half are low.
  @Test func fewChainsOfACoarsePathFail() throws {
    let model = try LinearCase(latent: 10, isAutoencoder: true).model(), data = try Data(model, 64)
    let problem = try problem(model)
    var estimator = AnnealedImportanceSampling()
    estimator.temperatures = 50
    var random = try stream(7)
    let estimates = try estimator.estimate(
      problem, LaneData(lanes: 64, parameters: [], observations: data.x), samples: 16, random: &random)
    let scores = try Scores(estimates, data.exact)
    #expect(binomialTail(scores.covered, of: 64, 0.95) < 1e-6 && scores.mean < -4, "\(scores.covered) \(scores.mean)")
  }

  // MARK: Laws

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
    let annealed = try Self.short.estimate(problem, data, samples: 20, random: &random)
    // 3 transitions of 2 steps and a start; 16 chains that tune make 30 more.
    #expect(annealed.allSatisfy { $0.evaluations == 20 * 4 + 16 * 34 })
    #expect(annealed.allSatisfy { $0.gradientEvaluations == 20 * 7 + 16 * 67 })
    let reciprocal = try Self.brief.estimate(problem, data, samples: 9, random: &random)
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

  // MARK: Parts

  /// Against sums as they are written, where these do not overflow; and where weights are no numbers.
  @Test func logMeanWeightIsThatOfTheFormula() throws {
    var random = try stream(130), logs = [Double](repeating: 0, count: 30)
    var span = logs.mutableSpan
    random.fillNormals(&span)
    let weights = logs.map { exp($0) }, mean = weights.reduce(0, +) / 30
    for groups in [30, 7, 2] {
      var square = 0.0
      for group in 0..<groups {
        let members = weights.indices.filter { $0 % groups == group }
        let deviation = members.reduce(0) { $0 + weights[$1] } - Double(members.count) * mean
        square += deviation * deviation
      }
      let error = (square * Double(groups) / Double(groups - 1)).squareRoot() / (30 * mean)
      let own = LogMeanWeight(logs.map { $0 - 1000 }, groups: groups == 30 ? nil : groups)
      #expect(abs(own.value - log(mean) + 1000) < 1e-12)
      #expect(abs(try #require(own.standardError) / error - 1) < 1e-12)
      #expect(own.paretoShape != nil)
    }
    let none = LogMeanWeight([-.infinity, -.infinity]), one = LogMeanWeight([2])
    #expect(none.value == -.infinity && none.standardError == nil && none.paretoShape == nil)
    #expect(one.value == 2 && one.standardError == nil)
    #expect(LogMeanWeight([0, .nan]).value.isNaN && LogMeanWeight([.nan]).value.isNaN)
    #expect(LogMeanWeight([0, .infinity]).value == .infinity)
    #expect(abs(LogMeanWeight([-.infinity, 0]).value + log(2)) < 1e-15)
    let few = [Double](repeating: -.infinity, count: 50), some = (0..<50).map { -0.1 * Double($0) }
    #expect(LogMeanWeight([0] + few).paretoShape == nil)
    #expect(LogMeanWeight([1000] + some).paretoShape == .infinity)
    #expect((try #require(LogMeanWeight(some).paretoShape)).isFinite)
  }

  /// Moments of draws far from 0, and the density that they make, against numbers that are known; singular draws have none.
  @Test func fittedNormalHasTheMomentsOfDraws() throws {
    // Two blocks of three lanes, of which the last one is not to be used: (0,0), (2,1) and (4,5), (2,2), shifted by 10⁶.
    let far = 1e6
    var sums = FittedNormal.Sums(dimension: 2)
    sums.add([0, 2, 99, 0, 1, 99].map { $0 + far }, lanes: 3, count: 2)
    sums.add([4, 2, 99, 5, 2, 99].map { $0 + far }, lanes: 3, count: 2)
    let (mean, covariance) = sums.moments
    #expect(mean == [2 + far, 2 + far])
    #expect(covariance[0] == 8.0 / 3 && covariance[2] == 10.0 / 3 && abs(covariance[3] - 14.0 / 3) < 1e-12)
    var scratch = [0.0, 0]
    // log N at m + (1, 0), c = 2: S = 2 covariance, of determinant 4 (112 − 100)/9, inverse element 2·14/3 over it.
    let full = try #require(FittedNormal(sums, diagonal: false, inflation: 2)), determinant = 4 * 12.0 / 9
    let wanted = -log(2 * Double.pi) - 0.5 * log(determinant) - 0.5 * (28.0 / 3) / determinant
    #expect(abs(full.logDensity([3 + far, 2 + far], lane: 0, lanes: 1, scratch: &scratch) - wanted) < 1e-9)
    let plain = try #require(FittedNormal(sums, diagonal: true, inflation: 1))
    let product = -log(2 * Double.pi) - 0.5 * log(8.0 / 3 * 14 / 3) - 0.5 * 3 / 8
    #expect(abs(plain.logDensity([3 + far, 2 + far], lane: 0, lanes: 1, scratch: &scratch) - product) < 1e-9)
    var flat = FittedNormal.Sums(dimension: 2)
    flat.add([0, 1, 2, 0, 1, 2], lanes: 3, count: 3)
    #expect(FittedNormal(flat, diagonal: false, inflation: 1) == nil)
    #expect(FittedNormal(flat, diagonal: true, inflation: 1) != nil)
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
