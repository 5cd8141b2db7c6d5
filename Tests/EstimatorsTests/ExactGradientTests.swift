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

  @Test func refusesWhatIsNotKnown() throws {
    let bench = try Bench("gaussian", at: "initial", samples: 1, lanes: 2)
    let unknown = try Problem(
      model: bench.problem.model, family: Secretive(base: bench.problem.family), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    #expect(throws: EstimatorError.self) { try ExactGradient().requirements(samples: 1, of: unknown) }
  }
}
