import Foundation
import GradientEstimation
@testable import LatentModels
import Randomness
import Testing
import VariationalFamilies

/// Coordinate ascent of every model that has it.
@Suite struct CoordinateAscentTests {
  static func stream(_ index: Int) throws -> RandomStream {
    try RandomStream(try #require(Generator.named("mt19937")), index: UInt(300 + index))
  }

  static func made<S: IntegrandSpecification, M>(
    _ type: S.Type, as: M.Type, _ change: (inout S) -> Void = { _ in }
  ) throws -> M {
    var specification = S()
    change(&specification)
    try specification.check()
    return try #require(try specification.makeIntegrand() as? M)
  }

  static func ising(_ coupling: Double, _ field: [Double], rows: Int = 3, periodic: Bool = false) throws -> IsingModel {
    try made(IsingModel.self, as: IsingModel.self) {
      ($0.rows, $0.coupling, $0.field, $0.isPeriodic) = (rows, coupling, field, periodic)
    }
  }

  static func regression(
    _ data: String = "diabetes", _ change: (inout ConjugateRegressionSpecification) -> Void = { _ in }
  ) throws -> NormalGammaRegression {
    try made(ConjugateRegressionSpecification.self, as: NormalGammaRegression.self) {
      $0.data = data
      change(&$0)
    }
  }

  static func models() throws -> [any CoordinateAscentModel] {
    let mixture = try made(GaussianMixture.self, as: GaussianMixture.self)
    let datum = try made(MixtureModelSpecification.self, as: MixtureDatum.self) { $0.datum = 60 }
    return [
      mixture, datum, try made(BinaryLatent.self, as: BinaryLatent.self),
      try ising(0.3, [0.1]), try ising(-0.8, [0.4]), try ising(1.5, [0], rows: 2, periodic: true),
      try ising(0.6, (0..<15).map { 0.3 * sin(Double($0)) }, rows: 5),
      try regression(), try regression("iris") { ($0.standardize, $0.shape, $0.rate) = (false, 0.3, 4) },
      try regression("wine") { ($0.priorScale, $0.intercept) = (0.01, false) },
      try made(BayesianMixture.self, as: BayesianMixture.self),
      try made(BayesianMixture.self, as: BayesianMixture.self) { $0.components = 4 },
      try made(BayesianMixture.self, as: BayesianMixture.self) { ($0.components, $0.scale) = (1, 3) },
      try made(BayesianMixture.self, as: BayesianMixture.self) {
        ($0.data, $0.column, $0.components, $0.scale, $0.priorScale) = ("iris", "petal_length", 3, 0.5, 5)
      },
    ]
  }

  static let count = 14

  static func swept(_ model: any CoordinateAscentModel, seed: Int, _ sweeps: Int) throws -> [Double] {
    var random = try stream(seed), factors = model.initialFactors(random: &random)
    for _ in 0..<sweeps { model.sweep(&factors) }
    return factors
  }

  /// No sweep lowers the bound, which is no greater than the evidence where that is known; and a sweep at the end changes nothing.
  @Test(arguments: 0..<count) func everySweepRises(_ index: Int) throws {
    let model = try Self.models()[index]
    #expect(try Self.models().count == Self.count)
    for seed in 0..<4 {
      var random = try Self.stream(seed), factors = model.initialFactors(random: &random)
      #expect(factors.count == model.factorBlocks.last?.range.upperBound)
      #expect(model.factorBlocks.reduce(0) { $1.range.lowerBound == $0 ? $1.range.upperBound : -1 } == factors.count)
      var before = model.bound(factors)
      for sweep in 0..<400 {
        model.sweep(&factors)
        let bound = model.bound(factors)
        #expect(bound.isFinite && bound >= before - 1e-12 * (1 + abs(bound)), "sweep \(sweep)")
        before = bound
      }
      if let evidence = model.logEvidence { #expect(before <= evidence + 1e-12 * (1 + abs(evidence))) }
      var again = factors
      model.sweep(&again)
      #expect(largestError(again, factors) < 1e-6)
    }
  }

  /// The bound and the fixed point against the mean-field family of the same logits, at which nothing is left of the exact
  /// gradient; and the bound against the ELBO at any logits.
  @Test(arguments: 0..<7) func multilinearModels(_ index: Int) throws {
    let model = try Self.models()[index]
    let family: any VariationalFamily =
      if case .oneHot(let categories) = model.support {
        MeanFieldCategorical(dimension: model.dimension, categories: categories)
      } else {
        MeanFieldBernoulli(dimension: model.dimension)
      }
    for sweeps in [0, 400] {
      let factors = try Self.swept(model, seed: 1, sweeps)
      let exact = try #require(
        family.exactExpectation(of: [.prior, .likelihood, .entropy], for: model, parameters: factors))
      #expect(abs(model.bound(factors) - exact.value) < 1e-12 * (1 + abs(exact.value)))
      if sweeps > 0 { #expect(exact.gradient.allSatisfy { abs($0) < 1e-10 }) }
    }
  }

  /// Gradient ascent on the exact ELBO from the same start ends at the same bound.
  @Test(arguments: [0.1, 0.3, -0.8]) func isingByGradientAscent(_ coupling: Double) throws {
    let model = try Self.ising(coupling, [0.25]), family = MeanFieldBernoulli(dimension: 9)
    let reached = model.bound(try Self.swept(model, seed: 2, 500))
    var lambda = try Self.swept(model, seed: 2, 1), value = 0.0
    for _ in 0..<4000 {
      let exact = try #require(
        family.exactExpectation(of: [.prior, .likelihood, .entropy], for: model, parameters: lambda))
      for d in lambda.indices { lambda[d] += exact.gradient[d] }
      value = exact.value
    }
    #expect(abs(value - reached) < 1e-9, "\(value) instead of \(reached)")
  }

  /// Where the posterior factorises, one sweep has it: the bound is the evidence.
  @Test func factorizingPosteriors() throws {
    var models: [any CoordinateAscentModel] = try Array(Self.models()[..<3])
    models.append(try Self.ising(0, (0..<9).map { 0.3 * Double($0) - 1 }))
    models.append(
      try Self.made(BayesianMixture.self, as: BayesianMixture.self) { ($0.components, $0.scale) = (1, 0.3) })
    for model in models {
      let evidence = try #require(model.logEvidence)
      #expect(abs(model.bound(try Self.swept(model, seed: 3, 1)) - evidence) < 1e-13 * (1 + abs(evidence)))
    }
    let coupled = try Self.ising(0.5, [0.1]), logZ = try #require(coupled.logEvidence)
    #expect(coupled.bound(try Self.swept(coupled, seed: 3, 200)) < logZ - 1e-3)
  }

  // MARK: conjugate-regression

  /// p(z) and p(y | z) written out from the data, z = (w, log τ).
  @Test(arguments: ["diabetes", "iris"]) func regressionDensities(_ name: String) throws {
    let model = try Self.regression(name) { ($0.priorScale, $0.shape, $0.rate) = (0.7, 2.5, 1.5) }
    let data = try RegressionData(
      try NumericTable.load(name), target: "", in: .numbers, standardize: true, intercept: true)
    let d = model.coefficients, n = data.target.count
    #expect(d == data.columns.count && model.dimension == d + 1)
    try checkEvaluation(.prior, of: model, samples: 2, lanes: 2) { z in
      let t = z[d], coefficients = (0..<d).reduce(0.0) { $0 + logNormal(z[$1], 0, 0.7 * exp(-0.5 * t)) }
      return [coefficients + 2.5 * log(1.5) - lgamma(2.5) + 2.5 * t - 1.5 * exp(t)]
    }
    func likelihood(_ z: [Double]) -> Double {
      (0..<n).reduce(0.0) { sum, row in
        let center = (0..<d).reduce(0.0) { $0 + data.design[row * d + $1] * z[$1] }
        return sum + logNormal(data.target[row], center, exp(-0.5 * z[d]))
      }
    }
    let points = try normals(210, 3 * (d + 1)).map { 0.4 * $0 }
    let computed = try Computed(.likelihood, of: model, at: points, samples: 1, lanes: 3)
    for lane in 0..<3 {
      let z = (0...d).map { points[$0 * 3 + lane] }, wanted = likelihood(z)
      #expect(abs(computed.values[lane] - wanted) < 1e-11 * (1 + abs(wanted)))
      for i in 0...d {
        let slope = derivative(at: z[i]) { moved in
          var z = z
          z[i] = moved
          return likelihood(z)
        }
        #expect(abs(computed.gradient[i * 3 + lane] - slope) < 1e-7 * (1 + abs(slope)))
      }
    }
  }

  @Test func regressionMoments() throws {
    let model = try Self.regression("iris"), size = model.dimension
    let mean = try normals(3, size).map { 0.5 * $0 }, scale = try normals(4, size).map { 0.3 * exp(0.3 * $0) }
    for term in [Term.prior, .likelihood] { try checkMomentsByDraws(term, of: model, mean: mean, scale: scale) }
    try checkCovarianceMoments(of: model, mean: mean)
  }

  /// By quadrature over τ: given τ, y is normal with covariance (I + s² X Xᵀ)/τ.
  @Test func regressionEvidence() throws {
    let file = try TemporaryFile("a,b,y\n1,2,0.5\n-1,0.3,1.5\n2,-1,0.1\n0.4,1,-0.7\n3,1,2\n")
    let model = try Self.regression(file.path) {
      ($0.standardize, $0.priorScale, $0.shape, $0.rate) = (false, 0.8, 1.7, 0.6)
    }
    let x = [[1, 2, 1], [-1, 0.3, 1], [2, -1, 1], [0.4, 1, 1], [3, 1, 1.0]], y = [0.5, 1.5, 0.1, -0.7, 2]
    let sum = (-4000...2000).reduce(0.0) { sum, i in
      let t = Double(i) / 200, tau = exp(t)
      let covariance = Dense(5) { i, j in
        (zip(x[i], x[j]).reduce(0) { $0 + 0.64 * $1.0 * $1.1 } + (i == j ? 1 : 0)) / tau
      }
      let prior = 1.7 * log(0.6) - lgamma(1.7) + 1.7 * t - 0.6 * tau
      return sum + exp(covariance.logNormal(y) + prior) / 200
    }
    #expect(try abs(#require(model.logEvidence) - log(sum)) < 1e-11)
  }

  /// The fixed point in closed form, rate = rate'/(1 − D/(2 shape)) with the posterior's rate'; and the bound by draws of q.
  @Test func regressionFixedPoint() throws {
    let model = try Self.regression(), d = model.coefficients, factors = try Self.swept(model, seed: 5, 100)
    let blocks = model.factorBlocks, shape = factors[blocks[2].range.lowerBound],
      rate = factors[blocks[3].range.lowerBound]
    #expect(shape == 1 + 0.5 * (442 + 11))
    let evidence = try #require(model.logEvidence), bound = model.bound(factors)
    // KL(q ‖ p) of a product of a normal and a gamma from a normal-gamma: small, and known.
    let after = rate * (1 - 0.5 * Double(d) / shape), posteriorShape = 1 + 0.5 * 442.0
    let digamma = derivative(at: shape) { lgamma($0) }
    let normal = 0.5 * Double(d) * (log(shape) - digamma)
    let shapes: Double = (shape - posteriorShape) * digamma - lgamma(shape) + lgamma(posteriorShape)
    let rates: Double = posteriorShape * log(rate / after) + shape * (after / rate - 1)
    let gamma = shapes + rates
    #expect(abs(evidence - bound - normal - gamma) < 1e-9)
    #expect(normal + gamma > 0 && normal + gamma < 0.1)
    // E_q log p(z, y) − log q(z) by draws, within 5 standard errors.
    var random = try Self.stream(9)
    let count = 4000
    var noise = [Double](repeating: 0, count: (d + 400) * count), span = noise.mutableSpan
    random.fillNormals(&span)
    let scale = Array(factors[blocks[1].range])
    var z = [Double](repeating: 0, count: (d + 1) * count), logQ = [Double](repeating: 0, count: count)
    // τ of shape 227.5: a gamma of half-integer shape is half a sum of squares of 2 shape normals, here 455.
    var gammas = [Double](repeating: 0, count: 455 * count), gammaSpan = gammas.mutableSpan
    random.fillNormals(&gammaSpan)
    let logDeterminant = (0..<d).reduce(0.0) { $0 + log(scale[$1 * (d + 1)]) }
    for lane in 0..<count {
      let tau = (0..<455).reduce(0.0) { $0 + gammas[$1 * count + lane] * gammas[$1 * count + lane] } / (2 * rate)
      z[d * count + lane] = log(tau)
      logQ[lane] = shape * log(rate) - lgamma(shape) + shape * log(tau) - rate * tau - logDeterminant
      for i in 0..<d {
        let e = noise[i * count + lane]
        logQ[lane] += logNormal(e, 0, 1)
        z[i * count + lane] = (0..<d).reduce(factors[i]) { $0 + scale[i * d + $1] * noise[$1 * count + lane] }
      }
    }
    let prior = try Computed(.prior, of: model, at: z, samples: 1, lanes: count).values
    let likelihood = try Computed(.likelihood, of: model, at: z, samples: 1, lanes: count).values
    let terms = (0..<count).map { prior[$0] + likelihood[$0] - logQ[$0] }, n = Double(count)
    let average = terms.reduce(0, +) / n
    let variance = terms.reduce(0) { $0 + ($1 - average) * ($1 - average) } / (n - 1)
    #expect(abs(average - bound) < 5 * (variance / n).squareRoot())
  }

  /// Collinear columns and fewer rows than columns: the prior alone decides there.
  @Test func singularDesign() throws {
    let file = try TemporaryFile("a,b,y\n1,2,0.5\n2,4,1\n")
    let model = try Self.regression(file.path) { $0.standardize = false }
    #expect(try #require(model.logEvidence).isFinite)
    let bound = model.bound(try Self.swept(model, seed: 1, 200))
    #expect(try bound < #require(model.logEvidence))
  }

  // MARK: bayesian-mixture

  @Test(arguments: [1, 2, 3]) func mixtureDensities(_ components: Int) throws {
    let model = try Self.made(BayesianMixture.self, as: BayesianMixture.self) { $0.components = components }
    func likelihood(_ z: [Double]) -> Double {
      model.x.reduce(0.0) { sum, x in
        sum + log(z.reduce(0.0) { $0 + exp(logNormal(x, $1, 0.8)) } / Double(components))
      }
    }
    try checkEvaluation(.likelihood, of: model, samples: 2, lanes: 3) { [likelihood($0)] }
    try checkEvaluation(.prior, of: model, samples: 2, lanes: 3) { z in [z.reduce(0.0) { $0 + logNormal($1, 0, 2) }] }
    let mean = try normals(3, components), scale = [Double](repeating: 0.6, count: components)
    if components == 1 {
      for term in [Term.prior, .likelihood] { try checkMomentsByDraws(term, of: model, mean: mean, scale: scale) }
      try checkCovarianceMoments(of: model, mean: mean)
    } else {
      #expect(model.hermiteMoments(of: .likelihood, mean: mean, scale: scale) == nil)
    }
  }

  /// p(x) by quadrature over both means.
  @Test func mixtureEvidence() throws {
    let model = try Self.made(BayesianMixture.self, as: BayesianMixture.self)
    let grid = normalRule.filter { abs($0.point) < 8 }
    var sum = 0.0
    for a in grid {
      for b in grid {
        let likelihood = model.x.reduce(1.0) { product, x in
          product * 0.5 * (exp(logNormal(x, 2 * a.point, 0.8)) + exp(logNormal(x, 2 * b.point, 0.8)))
        }
        sum += a.weight * b.weight * likelihood
      }
    }
    #expect(try abs(#require(model.logEvidence) - log(sum)) < 1e-11)
    // 5 data of 10 components are beyond the limit; any number of data of one is not.
    #expect(try Self.made(BayesianMixture.self, as: BayesianMixture.self) { $0.components = 10 }.logEvidence == nil)
    let one = try Self.made(BayesianMixture.self, as: BayesianMixture.self) {
      ($0.data, $0.column, $0.components) = ("iris", "petal_length", 1)
    }
    let wanted = Dense(150) { i, j in i == j ? 4.64 : 4 }.logNormal(one.x)
    #expect(try abs(#require(one.logEvidence) - wanted) < 1e-9)
  }

  @Test func mixtureFaults() throws {
    func fault(_ change: (inout BayesianMixture) -> Void) -> ComponentError? {
      #expect(throws: ComponentError.self) { try Self.made(BayesianMixture.self, as: BayesianMixture.self, change) }
    }
    #expect(fault { $0.column = "a" }?.option == "column")
    #expect(fault { ($0.data, $0.x) = ("iris", [1]) }?.option == "x")
    #expect(fault { ($0.data, $0.column) = ("iris", "colour") }?.option == "column")
    #expect(fault { $0.data = "nowhere" }?.option == "data")
  }
}
