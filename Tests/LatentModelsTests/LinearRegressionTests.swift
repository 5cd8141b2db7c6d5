import Foundation
import GradientEstimation
@testable import LatentModels
import Testing
import VariationalFamilies

@Suite struct LinearRegressionTests {
  static func data(rows: Int, features: Int) throws -> RegressionData {
    try regressionData(rows: rows, features: features, in: .numbers) { 3 * $0 + 1 }
  }

  static func model(rows: Int = 9, features: Int = 2, noise: Double = 0.7, priorScale: Double = 1) throws -> Regression
  {
    Regression(
      NormalResponse(noise: noise), data: try data(rows: rows, features: features), priorScale: priorScale)
  }

  static func shipped(_ change: (inout LinearRegression) -> Void = { _ in }) throws -> Regression {
    var specification = LinearRegression()
    change(&specification)
    return try #require(try specification.makeIntegrand() as? Regression)
  }

  static func logNormal(_ y: Double, _ mean: Double, _ deviation: Double) -> Double {
    -0.5 * log(2 * .pi) - log(deviation) - 0.5 * pow((y - mean) / deviation, 2)
  }

  @Test(arguments: [(1, 1, 1, 1), (5, 2, 3, 7), (20, 4, 2, 9)])
  func valuesAndGradients(_ rows: Int, _ features: Int, _ samples: Int, _ lanes: Int) throws {
    let model = try Self.model(rows: rows, features: features, priorScale: 2.5), data = model.data
    try checkEvaluation(.likelihood, of: model, samples: samples, lanes: lanes) { z in
      [zip(data.target, data.predictors(z)).reduce(0) { $0 + Self.logNormal($1.0, $1.1, 0.7) }]
    }
    try checkEvaluation(.prior, of: model, samples: samples, lanes: lanes) { z in
      z.map { Self.logNormal($0, 0, 2.5) }
    }
  }

  @Test func momentsAgreeWithQuadrature() throws {
    let model = try Self.model(priorScale: 0.4), mean = [0.4, -1.2, 0.3], scale = [0.8, 0.3, 1.1]
    try checkRegressionMoments(of: model, mean: mean, scale: scale) { Self.logNormal($0, $1, 0.7) }
    try checkMoments(.prior, of: model, mean: mean, scale: scale) { Self.logNormal($1, 0, 0.4) }
  }

  /// The N data are jointly N(0, prior_scale² X Xᵀ + noise² I).
  @Test(arguments: [(9, 2, 0.7, 1), (3, 5, 0.1, 1), (12, 3, 2, 30), (1, 1, 1, 0.01)])
  func evidence(_ rows: Int, _ features: Int, _ noise: Double, _ priorScale: Double) throws {
    let model = try Self.model(rows: rows, features: features, noise: noise, priorScale: priorScale)
    let x = model.data.design, d = features + 1
    let covariance = Dense(rows) { i, j in
      (i == j ? noise * noise : 0)
        + priorScale * priorScale * (0..<d).reduce(0.0) { $0 + x[i * d + $1] * x[j * d + $1] }
    }
    let found = try #require(model.logEvidence), wanted = covariance.logNormal(model.data.target)
    #expect(abs(found - wanted) < 1e-10 * abs(wanted), "\(found) instead of \(wanted)")
  }

  /// log p(x, z) − log p(z | x) is log p(x) whatever z.
  @Test func thePosteriorIsExact() throws {
    let model = try Self.model(priorScale: 1.5), evidence = try #require(model.logEvidence), lanes = 6
    let posterior = try #require(model.namedDistributions["posterior"] as? MultivariateNormal)
    let z = try normals(4, 3 * lanes)
    let prior = try Computed(.prior, of: model, at: z, samples: 1, lanes: lanes)
    let likelihood = try Computed(.likelihood, of: model, at: z, samples: 1, lanes: lanes)
    for lane in 0..<lanes {
      let joint = prior.values[lane] + likelihood.values[lane]
      let difference = joint - logDensity(posterior, (0..<3).map { z[$0 * lanes + lane] })
      #expect(abs(difference - evidence) < 1e-13 * abs(joint), "\(difference) instead of \(evidence)")
    }
  }

  /// scipy.stats.multivariate_normal.logpdf(y, cov=s*s*X@X.T + n*n*numpy.eye(442)), numpy.linalg.solve and
  /// sum(-log(2 pi n^2)/2 - ((y - X@m)^2 + X**2 @ s**2) / (2 n^2)), X and y of scikit-learn's diabetes, standardised
  /// with divisor 442, X with a last column of ones.
  @Test func diabetesAgreesWithSciPy() throws {
    let model = try Self.shipped()
    #expect(model.dimension == 11 && model.dataCount == 442 && model.data.columns.last == "intercept")
    let evidence = try #require(model.logEvidence)
    #expect(abs(evidence + 542.835649489235) < 1e-9)
    let posterior = try #require(model.namedDistributions["posterior"] as? MultivariateNormal)
    let means = [
      -5.59922709e-03, -1.47179341e-01, 3.21680435e-01, 1.99640594e-01, -3.90729292e-01, 2.16258568e-01, 1.89869859e-02,
      9.76694771e-02, 4.26510392e-01, 4.24174175e-02, 0,
    ]
    for (found, wanted) in zip(posterior.mean, means) { #expect(abs(found - wanted) < 1e-8) }
    let other = try Self.shipped { ($0.noise, $0.options.priorScale) = (0.7, 0.5) }
    let otherEvidence = try #require(other.logEvidence)
    #expect(abs(otherEvidence + 493.35825239206144) < 1e-9)
    let moments = try #require(
      other.hermiteMoments(
        of: .likelihood, mean: Array(repeating: 0.1, count: 11), scale: Array(repeating: 0.3, count: 11)))
    #expect(abs(moments.value + 1042.0899871358106) < 1e-9)
  }

  /// The family has the posterior where the columns are orthogonal, and only there.
  @Test func theFamilyAndThePosterior() throws {
    let family = MeanFieldNormal(dimension: 3), model = try Self.model()
    let posterior = try #require(model.namedDistributions["posterior"])
    #expect(family.parameters(of: posterior) == nil)
    let table = try NumericTable(source: "", text: "a,b,y\n1,1,3\n1,-1,5\n-1,1,0\n-1,-1,2\n")
    let data = try RegressionData(table, target: "", in: .numbers, standardize: false, intercept: true)
    let design = Regression(NormalResponse(noise: 0.5), data: data)
    let member = try #require(design.namedDistributions["posterior"]), evidence = try #require(design.logEvidence)
    let lambda = try #require(family.parameters(of: member))
    // Each column has Σ x² = 4, so each precision is 1 + 4/0.25; Σ x y is 6, −4 and 10.
    for (d, sum) in [6.0, -4, 10].enumerated() {
      #expect(abs(lambda[d] - 4 * sum / 17) < 1e-15 && abs(lambda[3 + d] + 0.5 * log(17)) < 1e-15)
    }
    // There the bound is the evidence, and no gradient is left.
    let exact = try #require(
      family.exactExpectation(of: [.prior, .likelihood, .entropy], for: design, parameters: lambda))
    #expect(abs(exact.value - evidence) < 1e-13 * abs(exact.value))
    #expect(largestError(exact.gradient, [0, 0, 0, 0, 0, 0]) < 1e-13)
  }

  /// Collinear columns: the prior alone makes A definite.
  @Test func collinearColumns() throws {
    let table = try NumericTable(source: "", text: "a,b,y\n1,2,3\n2,4,5\n3,6,0\n")
    let data = try RegressionData(table, target: "", in: .numbers, standardize: false, intercept: false)
    #expect(Regression(NormalResponse(noise: 1), data: data).logEvidence?.isFinite == true)
    // Where rounding drowns the prior there is no posterior to offer.
    let vague = Regression(NormalResponse(noise: 1e-6), data: data, priorScale: 1e6)
    #expect(vague.logEvidence == nil && Set(vague.namedDistributions.keys) == ["prior"])
  }

  @Test func withAllData() throws {
    let part = try Self.shipped { $0.options.minibatch = 32 }, all = part.withAllData
    #expect(part.minibatch == 32 && all.minibatch == nil && all.dataCount == 442)
    #expect(all.withAllData.minibatch == nil && part.logEvidence == (all as? Regression)?.logEvidence)
    let z = try normals(5, 11 * 2), full = try Self.shipped()
    let a = try Computed(.likelihood, of: all, at: z, samples: 2, lanes: 1)
    let b = try Computed(.likelihood, of: full, at: z, samples: 2, lanes: 1)
    #expect(a.values == b.values && a.gradient == b.gradient)
  }

  /// The shipped sets are tables like any other: each serves the models that its target fits.
  @Test func dataSetsAndModels() throws {
    #expect(try Self.shipped { $0.options.data = "warpbreaks" }.dimension == 6)
    #expect(try Self.shipped { $0.options.data = "breast-cancer" }.dimension == 31)
    var logistic = LogisticRegression(), poisson = PoissonRegression()
    (logistic.options.data, poisson.options.data) = ("diabetes", "diabetes")
    let error = #expect(throws: ComponentError.self) { try logistic.makeIntegrand() }
    #expect(
      error
        == ComponentError(
          option: "target", "diabetes:2: column 'progression' is 151.0; the target must be 0 or 1"))
    poisson.options.target = "bmi"
    let other = #expect(throws: ComponentError.self) { try poisson.makeIntegrand() }
    #expect(
      other
        == ComponentError(
          option: "target", "diabetes:2: column 'bmi' is 32.1; the target must be a count: 0, 1, 2, …"))
    poisson.options.data = "breast-cancer"
    poisson.options.target = ""
    #expect(try poisson.makeIntegrand().dimension == 31)
  }
}
