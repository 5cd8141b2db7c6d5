import Estimators
import GradientEstimation
import Testing

@Suite struct ExactGradientTests {
  /// Every lane has the exact gradient, whether λ is shared or each lane's own.
  @Test func everyLaneIsExact() throws {
    let bench = try Bench("gaussian:dimension=2", at: "mean=0.3,log_scale=-0.5", samples: 1, lanes: 4)
    let gradient = try #require(bench.problem.exact(at: bench.parameters)).gradient
    let wanted = gradient.flatMap { Array(repeating: $0, count: 4) }
    #expect(try bench.run(ExactGradient()) == wanted)
    bench.block.draws.parameters = bench.parameters.flatMap { Array(repeating: $0, count: 4) }
    let isShared = bench.block.draws.sharesParameters
    #expect(!isShared)
    #expect(try bench.run(ExactGradient()) == wanted)
  }

  /// Where it is not known at one lane's λ, that lane's gradient is no number, and is counted.
  @Test func isNoNumberWhereItIsNotKnown() throws {
    let bench = try Bench(
      "banana:scale=1", family: "affine-coupling:layers=1,hidden=1", at: "shift_weight=0.5", samples: 1, lanes: 3)
    var parameters = bench.parameters.flatMap { Array(repeating: $0, count: 3) }
    // A network so steep that no grid is fine enough.
    parameters[4 * 3 + 1] = 1000
    bench.block.draws.parameters = parameters
    let found = try bench.run(ExactGradient())
    #expect(found.indices.allSatisfy { found[$0].isNaN == ($0 % 3 == 1) })
  }

  @Test func refusesWhatIsNotKnown() throws {
    let bench = try Bench("gaussian", at: "initial", samples: 1, lanes: 2)
    let unknown = try Problem(
      model: bench.problem.model, family: Secretive(base: bench.problem.family), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    #expect(throws: EstimatorError.self) { try ExactGradient().requirements(samples: 1, of: unknown) }
  }
}
