import Foundation
import GradientEstimation
@testable import LatentModels
import Testing
import VariationalFamilies

@Suite struct LogisticRegressionTests {
  static func data(rows: Int, features: Int) throws -> RegressionData {
    try regressionData(rows: rows, features: features, in: .labels) { $0 > 0 ? 1 : 0 }
  }

  static func breastCancer(minibatch: Int? = nil) throws -> Regression {
    var specification = LogisticRegression()
    specification.options.minibatch = minibatch
    return try #require(try specification.makeIntegrand() as? Regression)
  }

  /// The log probability of each label, by Bernoulli's formula.
  static func logLikelihoods(_ data: RegressionData, _ z: [Double]) -> [Double] {
    data.target.indices.map { n in
      let t = z.indices.reduce(0.0) { $0 + data.design[n * z.count + $1] * z[$1] }
      return log(1 / (1 + exp(data.target[n] == 1 ? -t : t)))
    }
  }

  @Test(arguments: [(1, 1, 1, 1), (5, 2, 3, 7), (20, 4, 2, 9), (300, 3, 1, 3)])
  func valuesAndGradients(_ rows: Int, _ features: Int, _ samples: Int, _ lanes: Int) throws {
    let data = try Self.data(rows: rows, features: features), model = Regression(BernoulliResponse(), data: data)
    #expect(model.dimension == features + 1 && model.dataCount == rows)
    try checkEvaluation(.likelihood, of: model, samples: samples, lanes: lanes) { z in
      [Self.logLikelihoods(data, z).reduce(0, +)]
    }
    try checkEvaluation(.prior, of: model, samples: samples, lanes: lanes) { z in
      z.map { -0.5 * log(2 * .pi) - 0.5 * $0 * $0 }
    }
  }

  @Test func momentsAgreeWithQuadrature() throws {
    let data = try Self.data(rows: 7, features: 2), model = Regression(BernoulliResponse(), data: data)
    let mean = [0.4, -1.2, 0.3], scale = [0.8, 0.3, 1.1]
    try checkRegressionMoments(of: model, mean: mean, scale: scale) { $0 * $1 - log(1 + exp($1)) }
    try checkMoments(.prior, of: model, mean: mean, scale: scale) { -0.5 * log(2 * .pi) - 0.5 * $1 * $1 }
    #expect(model.hermiteMoments(of: .cost, mean: mean, scale: scale) == nil)
  }

  /// At N(0, I), where the KL divergence is zero. Predictors have deviations up to 20 here: a Gauss–Hermite rule of 80
  /// points is off by 0.13, so the oracle is the trapezoidal rule, row by row.
  @Test func breastCancerAtThePrior() throws {
    let model = try Self.breastCancer(), family = MeanFieldNormal(dimension: 31), lambda = family.initialParameters
    let likelihood = try #require(family.exactExpectation(of: .likelihood, for: model, parameters: lambda))
    let elbo = try #require(
      family.exactExpectation(of: [.prior, .likelihood, .entropy], for: model, parameters: lambda))
    let data = model.data
    let wanted = (0..<569).reduce(0.0) { sum, n in
      let deviation = data.design[31 * n..<31 * (n + 1)].reduce(0) { $0 + $1 * $1 }.squareRoot()
      return sum - hermiteMoments(m: 0, s: deviation) { max($0, 0) + log1p(exp(-abs($0))) }.value
    }
    #expect(abs(likelihood.value - wanted) < 1e-6 && abs(elbo.value - wanted) < 1e-6)
    #expect(abs(elbo.value + 1226.592482) < 1e-6)
    // The gradient of the exact ELBO is its derivative, in one mean and one log_scale.
    for p in [3, 31 + 7] {
      let slope = derivative(at: 0) { x in
        var moved = lambda
        moved[p] = x
        return family.exactExpectation(of: .likelihood, for: model, parameters: moved)?.value ?? .nan
      }
      #expect(abs(slope - likelihood.gradient[p]) < 1e-8 * abs(slope), "parameter \(p)")
    }
  }

  @Test func shippedDataByItsName() throws {
    let model = try Self.breastCancer()
    #expect(model.dimension == 31 && model.dataCount == 569 && model.minibatch == nil)
    #expect(model.data.columns.last == "intercept" && model.data.target.reduce(0, +) == 357)
    #expect(Set(model.namedDistributions.keys) == ["prior"] && model.logEvidence == nil)
  }

  /// All data as the minibatch, in whatever order, is all data: the same model, bit for bit.
  @Test func aMinibatchOfAllIsAll() throws {
    let full = try Self.breastCancer(), all = try Self.breastCancer(minibatch: 569), z = try normals(2, 31 * 2 * 5)
    #expect(all.minibatch == nil)
    let a = try Computed(.likelihood, of: full, at: z, samples: 2, lanes: 5)
    let b = try Computed(.likelihood, of: all, at: z, samples: 2, lanes: 5)
    #expect(a.values == b.values && a.gradient == b.gradient)
  }

  /// N/M times the minibatch's sum has the full sum as its mean over all subsets, each lane with a subset of its own.
  @Test(arguments: 1...5) func minibatchesAverageToTheFullData(_ size: Int) throws {
    let data = try Self.data(rows: 5, features: 2), z = try normals(3, 2 * 3)
    let subsets = (0..<32).map { mask in (0..<5).filter { mask >> $0 & 1 == 1 } }.filter { $0.count == size }
    let lanes = subsets.count
    // The same points in every lane.
    let spread = z.flatMap { Array(repeating: $0, count: lanes) }
    let indices = (0..<size).flatMap { i in subsets.map { Int32($0[i]) } }
    let parts = try Computed(
      .likelihood, of: Regression(BernoulliResponse(), data: data, minibatch: size), at: spread, samples: 2,
      lanes: lanes,
      indices: indices)
    let full = try Computed(.likelihood, of: Regression(BernoulliResponse(), data: data), at: z, samples: 2, lanes: 1)
    func means(_ rows: [Double]) -> [Double] {
      stride(from: 0, to: rows.count, by: lanes).map { rows[$0..<$0 + lanes].reduce(0, +) / Double(lanes) }
    }
    #expect(largestError(means(parts.values), full.values) < 1e-13)
    #expect(largestError(means(parts.gradient), full.gradient) < 1e-13)
    if size < 5 { #expect(Set(parts.values).count > 2) }
  }

  /// The exact gradient of a minibatch model is the full data's.
  @Test func exactExpectationsIgnoreTheMinibatch() throws {
    let data = try Self.data(rows: 6, features: 2), mean = [0.1, 0.2, -0.3], scale = [1, 0.5, 2.0]
    let full = try #require(
      Regression(BernoulliResponse(), data: data).hermiteMoments(of: .likelihood, mean: mean, scale: scale))
    let part = try #require(
      Regression(BernoulliResponse(), data: data, minibatch: 2).hermiteMoments(
        of: .likelihood, mean: mean, scale: scale))
    #expect(full.value == part.value && full.first == part.first && full.second == part.second)
  }

  @Test func aMinibatchBeyondTheDataIsRefused() throws {
    let error = #expect(throws: ComponentError.self) { try Self.breastCancer(minibatch: 570) }
    #expect(error == ComponentError(option: "minibatch", "is 570, and the data have 569 rows"))
    #expect(try Self.breastCancer(minibatch: 568).minibatch == 568)
  }

  @Test func optionsReachTheData() throws {
    let file = try TemporaryFile("a,y,b\n1,0,10\n2,1,10\n3,1,40\n6,0,20\n")
    var specification = LogisticRegression()
    (specification.options.data, specification.options.target) = (file.path, "y")
    (specification.options.standardize, specification.options.intercept) = (false, false)
    let model = try #require(try specification.makeIntegrand() as? Regression)
    #expect(model.data.design == [1, 10, 2, 10, 3, 40, 6, 20] && model.data.target == [0, 1, 1, 0])
    specification.options.target = "missing"
    let error = #expect(throws: ComponentError.self) { try specification.makeIntegrand() }
    #expect(error?.option == "target")
  }
}
