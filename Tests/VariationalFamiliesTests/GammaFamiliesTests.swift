import Foundation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

/// gamma, beta and dirichlet: each against its density, written out here, and differences of it.
@Suite struct GammaFamiliesTests {
  enum Kind: String, CaseIterable, Sendable {
    case gamma, beta, dirichlet

    func family(_ d: Int) -> any GeneralizedReparameterizableFamily & ReparameterizableFamily {
      switch self {
      case .gamma: MeanFieldGamma(dimension: d)
      case .beta: MeanFieldBeta(dimension: d)
      case .dirichlet: DirichletFamily(dimension: d)
      }
    }

    /// log q(z) coordinate by coordinate, its parts for the Dirichlet.
    func logDensities(_ z: [Double], _ lambda: [Double]) -> [Double] {
      let n = z.count, s = lambda.map { exp($0) }
      switch self {
      case .gamma:
        return (0..<n).map { d -> Double in
          let (a, b) = (s[d], s[n + d])
          let normalizer = a * lambda[n + d] - lgamma(a)
          return normalizer + (a - 1) * log(z[d]) - b * z[d]
        }
      case .beta:
        return (0..<n).map { d -> Double in
          let (a, b) = (s[d], s[n + d])
          let normalizer = lgamma(a + b) - lgamma(a) - lgamma(b)
          return normalizer + (a - 1) * log(z[d]) + (b - 1) * log(1 - z[d])
        }
      case .dirichlet:
        var parts = (0..<n).map { d -> Double in (s[d] - 1) * log(z[d]) - lgamma(s[d]) }
        parts[0] += lgamma(s.reduce(0, +))
        return parts
      }
    }
    func logDensity(_ z: [Double], _ lambda: [Double]) -> Double { logDensities(z, lambda).reduce(0, +) }
  }

  static let d = 3, samples = 2, lanes = 29
  static let lambdas = [0.4, -0.3, 1.1, 0.2, 0.7, -0.5]

  /// A family and draws of it.
  struct Drawn: ~Copyable {
    let family: any GeneralizedReparameterizableFamily & ReparameterizableFamily
    var block: DrawBlock
  }

  /// A block of draws, λ shared or each lane its own.
  static func block(_ kind: Kind, shared: Bool, samples: Int = samples, lanes: Int = lanes) throws -> Drawn {
    let family = kind.family(d), p = family.parameterCount
    let parameters =
      shared
      ? Array(lambdas[..<p]) : (0..<p * lanes).map { lambdas[$0 / lanes] + 0.01 * Double($0 % lanes) }
    var block = DrawBlock(
      shape: Shape(samples: samples, dimension: d, noiseDimension: family.noiseDimension, parameters: p, lanes: lanes),
      parameters: parameters)
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 77)
    family.sample(&block.draws, scheme: IndependentSampling(), random: &random)
    return Drawn(family: family, block: block)
  }

  static func lambda(_ draws: borrowing Draws, _ lane: Int) -> [Double] {
    let p = draws.shape.parameters, b = draws.shape.lanes
    return draws.sharesParameters ? draws.parameters : (0..<p).map { draws.parameters[$0 * b + lane] }
  }
  static func z(_ draws: borrowing Draws, _ k: Int, _ lane: Int) -> [Double] {
    (0..<d).map { draws.z[(k * d + $0) * draws.shape.lanes + lane] }
  }

  @Test(arguments: Kind.allCases, [true, false]) func scoreIsTheDerivativeOfTheLogDensity(_ kind: Kind, shared: Bool)
    throws
  {
    let drawn = try Self.block(kind, shared: shared)
    let family = drawn.family
    let p = family.parameterCount, b = Self.lanes
    let weights = (0..<Self.samples * b).map { 0.3 + 0.1 * Double($0 % 7) }, centers = (0..<p).map { 0.05 * Double($0) }
    var gradients = [Double](repeating: 0, count: p * b)
    var span = gradients.mutableSpan
    family.addScore(weights: weights.span, centers: centers.span, at: drawn.block.draws, into: &span)
    for lane in 0..<b {
      let lambda = Self.lambda(drawn.block.draws, lane)
      var wanted = [Double](repeating: 0, count: p)
      for k in 0..<Self.samples {
        let slope = gradient(at: lambda) { kind.logDensity(Self.z(drawn.block.draws, k, lane), $0) }
        for i in 0..<p { wanted[i] += (weights[k * b + lane] - centers[i]) * slope[i] }
      }
      #expect(largestError((0..<p).map { gradients[$0 * b + lane] }, wanted) < 1e-8)
    }
  }

  @Test(arguments: Kind.allCases, [true, false]) func surprisalAgreesWithTheDensity(_ kind: Kind, shared: Bool) throws {
    var drawn = try Self.block(kind, shared: shared)
    let family = drawn.family
    let b = Self.lanes, isFactorized = family is any FactorizedFamily
    let problem = try Problem(
      model: Nothing(dimension: Self.d, support: family.support), family: family, objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    drawn.block.evaluate(
      Quantities(values: .entropy, gradients: .entropy, coordinateValues: isFactorized ? .entropy : []), of: problem)
    for k in 0..<Self.samples {
      for lane in 0..<b {
        let z = Self.z(drawn.block.draws, k, lane), lambda = Self.lambda(drawn.block.draws, lane)
        #expect(abs(drawn.block.evaluation.values(of: .entropy)[k * b + lane] + kind.logDensity(z, lambda)) < 1e-9)
        let slope = z.indices.map { i in
          let h = 1e-4 * min(z[i], kind == .gamma ? z[i] : 1 - z[i])
          func f(_ x: Double) -> Double {
            var moved = z
            moved[i] = x
            return -kind.logDensity(moved, lambda)
          }
          return (8 * (f(z[i] + h) - f(z[i] - h)) - f(z[i] + 2 * h) + f(z[i] - 2 * h)) / (12 * h)
        }
        let found = drawn.block.evaluation.gradient(of: .entropy)
        #expect(largestError(z.indices.map { found[(k * Self.d + $0) * b + lane] }, slope) < 1e-6)
        if isFactorized {
          let parts = drawn.block.evaluation.coordinateValues(of: .entropy)
          #expect(
            largestError(
              z.indices.map { parts[(k * Self.d + $0) * b + lane] }, kind.logDensities(z, lambda).map { -$0 })
              < 1e-9)
        }
      }
    }
  }

  /// The total derivative of −log q along z(y, λ) is the pullback of its gradient less the score.
  @Test(arguments: Kind.allCases, [true, false]) func pathwiseEntropyIsThePullbackLessTheScore(
    _ kind: Kind, shared: Bool
  ) throws {
    var drawn = try Self.block(kind, shared: shared)
    let family = drawn.family
    let problem = try Problem(
      model: Nothing(dimension: Self.d, support: family.support), family: family, objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    drawn.block.evaluate(Quantities(gradients: .entropy), of: problem)
    let count = family.parameterCount * Self.lanes
    var direct = [Double](repeating: 0, count: count), composed = direct
    var span = direct.mutableSpan
    family.addPathwiseEntropyGradient(factor: 0.7, at: drawn.block.draws, into: &span)
    span = composed.mutableSpan
    family.addPullback(
      cotangents: drawn.block.evaluation.gradient(of: .entropy).span, factor: 0.7, at: drawn.block.draws, into: &span)
    let weights = [Double](repeating: -0.7, count: Self.samples * Self.lanes)
    let zeros = [Double](repeating: 0, count: family.parameterCount)
    family.addScore(weights: weights.span, centers: zeros.span, at: drawn.block.draws, into: &span)
    #expect(largestError(direct, composed) < 1e-9)
  }

  /// Moving λ with the distribution function of every y held moves z as the pullback says.
  @Test(arguments: Kind.allCases) func pullbackIsTheDerivativeOfQuantiles(_ kind: Kind) throws {
    let family = kind.family(Self.d), p = family.parameterCount, e = family.noiseDimension
    let shape = Shape(samples: 1, dimension: Self.d, noiseDimension: e, parameters: p, lanes: 1)
    func z(_ lambda: [Double]) throws -> DrawBlock {
      var block = DrawBlock(shape: shape, parameters: lambda)
      var random = try RandomStream(try #require(Generator.named("mt19937")), index: 5)
      family.sample(&block.draws, scheme: Fixed(), random: &random)
      return block
    }
    let lambda = Array(Self.lambdas[..<p]), cotangents = [0.3, -1.2, 0.8], here = try z(lambda)
    var found = [Double](repeating: 0, count: p)
    var span = found.mutableSpan
    family.addPullback(cotangents: cotangents.span, factor: 1, at: here.draws, into: &span)
    for i in 0..<p {
      func moved(_ h: Double) throws -> Double {
        var lambda = lambda
        lambda[i] += h
        return zip(cotangents, try z(lambda).draws.z).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let h = 1e-3, first = try (moved(h) - moved(-h)) / (2 * h), second = try (moved(2 * h) - moved(-2 * h)) / (4 * h)
      #expect(abs((4 * first - second) / 3 - found[i]) < 1e-8, "λ_\(i)")
    }
  }

  /// E of z, z², log z, log(1 − z) and the entropy: values against draws (z-scores, family-wise 10⁻⁴), gradients against
  /// differences of the values.
  @Test(arguments: Kind.allCases) func expectationsAgreeWithDraws(_ kind: Kind) throws {
    let replicates = 40_000
    let drawn = try Self.block(kind, shared: true, samples: 1, lanes: replicates)
    let family = drawn.family
    let lambda = Self.lambda(drawn.block.draws, 0)
    func zeros(_ change: (inout [Double]) -> Void) -> [Double] {
      var list = [0.0, 0, 0]
      change(&list)
      return list
    }
    var tested: [(LogPolynomial, Terms)] = []
    for d in 0..<Self.d {
      let one = zeros { $0[d] = 1 }
      tested.append((LogPolynomial(dimension: 3, linear: one), .prior))
      tested.append((LogPolynomial(dimension: 3, constant: one, quadratic: one), .prior))
      tested.append((LogPolynomial(dimension: 3, logarithm: one), .prior))
      if kind == .beta { tested.append((LogPolynomial(dimension: 3, logarithm: one, complement: one), .prior)) }
    }
    tested.append((LogPolynomial(dimension: 3), .entropy))
    for (f, terms) in tested {
      let model = Nothing(dimension: 3, support: family.support, polynomial: f)
      func value(_ lambda: [Double]) -> Double {
        family.exactExpectation(of: terms, for: model, parameters: lambda)?.value ?? .nan
      }
      let exact = try #require(family.exactExpectation(of: terms, for: model, parameters: lambda))
      #expect(largestError(exact.gradient, gradient(at: lambda, value)) < 1e-8)
      #expect(abs(exact.coordinateValues.reduce(0, +) - exact.value) < 1e-12 * (1 + abs(exact.value)))
      let values = (0..<replicates).map { lane in
        let z = Self.z(drawn.block.draws, 0, lane)
        if terms == .entropy { return -kind.logDensity(z, lambda) }
        return (0..<3).reduce(0) { $0 + f.value(z[$1], coordinate: $1) }
      }
      let mean = values.reduce(0, +) / Double(replicates)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(replicates)
      // |z| < 5 in each of 33: 2e-5.
      #expect(abs(mean - exact.value) <= 5 * (variance / Double(replicates)).squareRoot() + 1e-12)
    }
  }

  /// KL to a prior of the family's own kind is zero at that prior, and its gradient with it.
  @Test func closedFormsVanishAtThePrior() throws {
    let priors: [(Kind, any LogPolynomialPrior)] = [
      (.gamma, IndependentGammas(shape: [2, 0.7, 3], rate: [1, 2, 0.4])),
      (.beta, IndependentBetas(a: [2, 0.7, 3], b: [1, 2, 0.4])), (.dirichlet, Dirichlet(concentration: [2, 0.7, 3])),
    ]
    for (kind, prior) in priors {
      let family = kind.family(3), model = Nothing(dimension: 3, support: family.support, prior: prior)
      let lambda = try #require(family.parameters(of: prior))
      #expect(family.analyticTerms(for: model) == [.entropy, .prior])
      let draws = Draws(
        shape: Shape(
          samples: 1, dimension: 3, noiseDimension: family.noiseDimension, parameters: lambda.count, lanes: 2),
        parameters: lambda)
      var gradients = [Double](repeating: 0, count: 2 * lambda.count)
      var span = gradients.mutableSpan
      family.addAnalyticGradient(of: [.entropy, .prior], for: model, at: draws, into: &span)
      #expect(gradients.allSatisfy { abs($0) < 1e-13 })
      let kl = try #require(family.exactExpectation(of: [.entropy, .prior], for: model, parameters: lambda))
      #expect(abs(kl.value) < 1e-12)
    }
  }
}

/// A model that is asked for nothing but what closed forms may know.
struct Nothing: LatentModel, LogPolynomialModel {
  let dimension: Int
  let support: Support
  var polynomial: LogPolynomial?
  var prior: (any Prior)?

  init(
    dimension: Int, support: Support, polynomial: LogPolynomial? = nil, prior: (any LogPolynomialPrior)? = nil
  ) {
    self.dimension = dimension
    self.support = support
    self.polynomial = polynomial ?? prior?.logDensity
    self.prior = prior
  }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
  func logPolynomial(of term: Term) -> LogPolynomial? { term == .prior ? polynomial : nil }
}

/// The same few uniforms every time.
private struct Fixed: SamplingScheme {
  static let descriptor = Descriptor<Self>(id: "fixed", summary: "fixed points")
  var drawsAreIndependent: Bool { false }
  func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    for i in 0..<uniforms.count { uniforms[i] = (Double(i) + 0.6) / (Double(uniforms.count) + 0.7) }
  }
}
