import CKernels
import Foundation
import GradientEstimation
import LatentModels
import Testing
import VariationalFamilies

/// `gamma-poisson`, `dirichlet-multinomial`, cost `log`.
@Suite struct ConjugateCountsTests {
  static func gammaPoisson() throws -> any LatentModel {
    var options = GammaPoisson()
    options.dimensionOption = 2
    options.counts = [7, 0]
    options.exposure = 1.5
    options.shape = 2.2
    options.rate = 0.8
    return try #require(options.makeIntegrand() as? any LatentModel)
  }

  static func dirichletMultinomial() throws -> any LatentModel {
    var options = DirichletMultinomial()
    options.countsText = "6x0x3"
    options.concentration = 0.7
    return try #require(options.makeIntegrand() as? any LatentModel)
  }

  @Test func gammaPoissonIsItsDensity() throws {
    let model = try Self.gammaPoisson(), z = [1.3, 0.4]
    let prior = zip(z, [2.2, 2.2]).map { 2.2 * log(0.8) - lgamma($1) + 1.2 * log($0) - 0.8 * $0 }
    let likelihood = [7 * log(1.5 * z[0]) - 1.5 * z[0] - lgamma(8), -1.5 * z[1]]
    let p = try Computed(.prior, of: model, at: z, samples: 1, lanes: 1)
    let l = try Computed(.likelihood, of: model, at: z, samples: 1, lanes: 1)
    #expect(largestError(p.coordinates, prior) < 1e-12 && largestError(l.coordinates, likelihood) < 1e-12)
    #expect(abs(p.values[0] - prior.reduce(0, +)) < 1e-12 && abs(l.values[0] - likelihood.reduce(0, +)) < 1e-12)
    #expect(largestError(p.gradient, z.map { 1.2 / $0 - 0.8 }) < 1e-12)
    #expect(largestError(l.gradient, [7 / z[0] - 1.5, -1.5]) < 1e-12)
  }

  /// The evidence is that of a negative binomial, and the ELBO at the posterior is the evidence, with gradient zero.
  @Test func gammaPoissonEvidence() throws {
    let model = try Self.gammaPoisson(), q = 0.8 / 2.3
    func negativeBinomial(_ x: Double) -> Double {
      lgamma(x + 2.2) - lgamma(2.2) - lgamma(x + 1) + 2.2 * log(q) + x * log(1 - q)
    }
    #expect(abs(try #require(model.logEvidence) - negativeBinomial(7) - negativeBinomial(0)) < 1e-12)
    try Self.boundIsTight(model, MeanFieldGamma(dimension: 2))
  }

  @Test func dirichletMultinomialEvidence() throws {
    let model = try Self.dirichletMultinomial()
    // The chance of each datum in turn, and the orders of them.
    let turns = [0.7, 1.7, 2.7, 3.7, 4.7, 5.7, 0.7, 1.7, 2.7]
    var wanted = lgamma(10.0) - lgamma(7) - lgamma(4)
    for (i, a) in turns.enumerated() { wanted += log(a / (2.1 + Double(i))) }
    #expect(abs(try #require(model.logEvidence) - wanted) < 1e-12)
    try Self.boundIsTight(model, DirichletFamily(dimension: 3))
  }

  static func boundIsTight(_ model: any LatentModel, _ family: any VariationalFamily) throws {
    let posterior = try #require(model.namedDistributions["posterior"])
    let lambda = try #require(family.parameters(of: posterior))
    let exact = try #require(
      family.exactExpectation(of: [.prior, .likelihood, .entropy], for: model, parameters: lambda))
    #expect(abs(exact.value - (model.logEvidence ?? .nan)) < 1e-11)
    #expect(exact.gradient.allSatisfy { abs($0) < 1e-12 })
  }

  /// The gradient that Naesseth et al. (2017) compare with, in α:
  /// (α₀ − 1 + x_i) ψ₁(α_i) − ψ₁(Σα)(N − D + Σα₀) − (D − Σα) ψ₁(Σα) − (α_i − 1) ψ₁(α_i).
  @Test(arguments: [[1.01, 1.4, 2.2], [3, 0.6, 8]]) func dirichletMultinomialGradient(_ alpha: [Double]) throws {
    let model = try Self.dirichletMultinomial(), x = [6.0, 0, 3], total = alpha.reduce(0, +)
    let exact = try #require(
      DirichletFamily(dimension: 3).exactExpectation(
        of: [.prior, .likelihood, .entropy], for: model, parameters: alpha.map { log($0) }))
    let shared = wb_trigamma(total) * (9 - 3 + 2.1) + (3 - total) * wb_trigamma(total)
    let wanted = zip(alpha, x).map { a, x in
      a * ((0.7 - 1 + x) * wb_trigamma(a) - shared - (a - 1) * wb_trigamma(a))
    }
    #expect(largestError(exact.gradient, wanted) < 1e-12)
  }

  @Test func dataAreMadeBySeed() throws {
    func counts(_ seed: Int) throws -> [Double] {
      var options = DirichletMultinomial()
      options.categories = 20
      options.count = 100
      options.seed = seed
      return try #require(options.makeIntegrand() as? DirichletMultinomial).data
    }
    let first = try counts(1)
    #expect(first.reduce(0, +) == 100 && first.count == 20)
    #expect(try counts(1) == first && counts(2) != first)
  }

  @Test func badCountsAreNamed() {
    func fault(_ change: (inout DirichletMultinomial) -> Void) -> ComponentError? {
      var options = DirichletMultinomial()
      change(&options)
      do {
        try options.check()
        _ = try options.makeIntegrand()
        return nil
      } catch { return error }
    }
    #expect(fault { $0.countsText = "3x1" }?.option == "counts")
    #expect(fault { $0.countsText = "3xax1" }?.description.contains("3xax1") == true)
    #expect(
      fault {
        $0.countsText = "3x1x1"; $0.count = 7
      }?.option == "count")
    #expect(fault { $0.countsText = "3x1x1" } == nil)
    var poisson = GammaPoisson()
    poisson.counts = [1.5]
    #expect(throws: ComponentError.self) { try poisson.makeIntegrand() }
    poisson.counts = [1, 2, 3]
    #expect(throws: ComponentError.self) { try poisson.makeIntegrand() }
  }

  @Test func logCost() throws {
    var options = LogCost()
    options.dimensionOption = 2
    let computed = try Computed(.cost, of: options.makeIntegrand(), at: [0.5, 3], samples: 1, lanes: 1)
    #expect(largestError(computed.coordinates, [log(0.5), log(3)]) < 1e-15)
    #expect(largestError(computed.gradient, [2, 1.0 / 3]) < 1e-15)
    #expect(abs(computed.values[0] - log(1.5)) < 1e-15)
  }
}
