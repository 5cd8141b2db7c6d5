import ExperimentRunner
import GradientEstimation
import Randomness
import Testing

/// What every registered estimator of log p(x) is held to.
@Suite struct EvidenceLawTests {
  private static let entries = (try? Reading.registry())?.evidence.entries ?? []
  static let ids = entries.map(\.about.id)

  private func estimator(_ id: String) throws -> any EvidenceEstimator {
    try #require(Self.entries.first { $0.about.id == id }?.make([]))
  }

  private func problem(_ model: String, _ family: String = "mean-field-normal") throws -> Problem {
    let registry = try Reading.registry()
    let made = try #require(registry.models[model]?.entry.make([])).makeIntegrand()
    let q = try #require(registry.families[family]?.entry.make([])).makeFamily(dimension: made.dimension)
    return try Problem(
      model: made, family: q, objective: made is any CostFunction ? Expectation() : EvidenceLowerBound(),
      sampling: try #require(registry.samplings["iid"]?.entry.make([])))
  }

  private func stream(_ index: UInt) throws -> RandomStream {
    try RandomStream(try #require(Generator.named("mt19937")), index: index)
  }

  @Test func thereAreSome() {
    #expect(
      Set(Self.ids).isSuperset(of: ["lower-bound", "importance-sampling", "annealed-importance-sampling", "reciprocal"])
    )
  }

  /// The same stream, the same bits; a lane does not depend on those after it; errors, work and k̂ are told. At the prior of the
  /// conjugate normal model 24 estimates are within 5 of their standard errors of log p(x) together, and a bound below it.
  @Test(arguments: ids) func laws(_ id: String) throws {
    let estimator = try estimator(id), problem = try problem("gaussian")
    let exact = try #require((problem.model as? any LatentModel)?.logEvidence)
    func run(lanes: Int) throws -> [EvidenceEstimate] {
      var random = try stream(3)
      let data = LaneData(lanes: lanes, parameters: problem.family.initialParameters)
      return try estimator.estimate(problem, data, samples: 400, random: &random)
    }
    let all = try run(lanes: 24)
    #expect(try run(lanes: 24) == all)
    #expect(try run(lanes: 2) == Array(all[..<2]))
    var (error, square) = (0.0, 0.0)
    for estimate in all {
      let own = try #require(estimate.standardError)
      #expect(own > 0 && estimate.evaluations >= 400)
      error += estimate.value - exact
      square += own * own
    }
    if id == "lower-bound" {
      #expect(error < -5 * square.squareRoot())
    } else {
      #expect(abs(error) < 5 * square.squareRoot())
      #expect(all.allSatisfy { $0.paretoShape != nil })
    }
  }

  /// What it cannot serve it says in one line, and says again when it is asked to estimate all the same.
  @Test(arguments: ids) func refusals(_ id: String) throws {
    let estimator = try estimator(id)
    for problem in try [problem("ising", "bernoulli"), problem("cosine")] {
      do throws(EstimatorError) {
        try estimator.check(problem, samples: 100)
      } catch {
        #expect(!error.description.isEmpty && !error.description.contains("\n"))
        var random = try stream(1)
        let data = LaneData(lanes: 1, parameters: problem.family.initialParameters)
        #expect(throws: EstimatorError.self) {
          _ = try estimator.estimate(problem, data, samples: 100, random: &random)
        }
      }
    }
    #expect(throws: EstimatorError.self) { try estimator.check(try problem("cosine"), samples: 100) }
  }
}
