import EstimatorConformance
import Testing
import WorkbenchCLI

/// Every registered estimator, in every combination of its choices and flags, on every registered model under every
/// sampling scheme: what it claims holds, or it refuses with a reason. `workbench check` does the same with replicates
/// enough to see 2 %.
@Suite struct RegistryConformanceTests {
  @Test func everyClaimHolds() async throws {
    var conformance = Conformance(try Workbench.registry())
    conformance.maxReplicates = 1 << 12
    let outcomes = try await conformance.run()
    for outcome in outcomes { #expect(!outcome.isFailed, "\(outcome)") }
    let estimators = Set(outcomes.filter(\.isPassed).map { $0.estimator.prefix { $0 != ":" } })
    #expect(
      estimators.isSuperset(of: [
        "score", "reparam", "analytic-kl", "stl", "exact", "measure-valued", "bonnet-price", "finite-differences",
        "spsa",
        "rsvi", "generalized-reparam", "nvil", "dreg", "vimco", "ovis", "arm", "disarm", "arsm", "local-expectation",
        "muprop",
        "unordered-set", "sum-and-sample", "concrete", "gumbel-rao", "rebar", "relax",
      ]))
    #expect(Set(outcomes.map(\.law)) == Set(Law.allCases))
  }
}
