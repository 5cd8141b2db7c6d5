import GradientEstimation
import Randomness
import Testing

@Suite struct ProblemTests {
  static func problem(
    _ model: any Integrand = ToyModel(), _ family: any VariationalFamily = ToyFamily(),
    _ objective: any Objective = EvidenceLowerBound()
  ) throws -> Problem {
    try Problem(model: model, family: family, objective: objective, sampling: IndependentSampling())
  }

  @Test func termsOfTheObjectives() throws {
    #expect(try Self.problem().terms == [.prior, .likelihood, .entropy])
    #expect(try Self.problem(ToyCost(), ToyFamily(), Expectation()).terms == .cost)
  }

  @Test func partsThatDoNotFit() {
    for (expected, model, family, objective) in [
      ("the family has dimension 3 and the model 2", ToyModel(), ToyFamily(dimension: 3), EvidenceLowerBound()),
      (
        "objective 'elbo' needs a model p(x, z), and this is a cost function: use 'expectation'", ToyCost(),
        ToyFamily(), EvidenceLowerBound()
      ),
      (
        "objective 'expectation' needs a cost function, and this is a model p(x, z): use 'elbo'", ToyModel(),
        ToyFamily(), Expectation()
      ),
    ] as [(String, any Integrand, any VariationalFamily, any Objective)] {
      let error = #expect(throws: EstimatorError.self) { try Self.problem(model, family, objective) }
      #expect(error?.description == expected)
    }
  }

  @Test func sampledTermsAreWhatTheSplitLeaves() throws {
    let elbo = try Self.problem()
    #expect(try elbo.sampledTerms(.monteCarlo) == [.prior, .likelihood, .entropy])
    #expect(try elbo.sampledTerms(.entropy) == [.prior, .likelihood])
    // The toy family knows its entropy and no Kullback-Leibler divergence.
    let closed = #expect(throws: EstimatorError.self) { try elbo.sampledTerms(.analytic) }
    #expect(closed?.description == "cannot take kl=analytic: this family has no closed form for this model's prior")

    let cost = try Self.problem(ToyCost(), ToyFamily(), Expectation())
    #expect(try cost.sampledTerms(.monteCarlo) == .cost)
    for split in [Split.entropy, .analytic] {
      let error = #expect(throws: EstimatorError.self) { try cost.sampledTerms(split) }
      #expect(error?.description == "cannot take kl=\(split.rawValue): the objective here has no KL divergence")
    }
  }

  /// 30 data, of which an evaluation reads 6, or all.
  struct Subsampled: LatentModel, SubsampledModel {
    var dimension: Int { 2 }
    var dataCount: Int { 30 }
    var minibatch: Int?
    var withAllData: any SubsampledModel { Subsampled() }
    func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
  }

  @Test func evaluationsCountAsTheirShareOfTheData() throws {
    #expect(try Self.problem(Subsampled(minibatch: 6)).dataShare == 0.2)
    #expect(try Self.problem(Subsampled()).dataShare == 1 && Self.problem().dataShare == 1)
  }

  @Test func whatIsNotKnownExactlyIsNil() throws {
    #expect(try Self.problem().exact(at: [0, 0]) == nil)
  }
}
