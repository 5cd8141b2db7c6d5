import EstimatorConformance
import Plugin
import Testing
import WorkbenchCLI

/// The estimator on every model, and the model with every estimator.
@Test(arguments: ["fixed-baseline", "exponential-rate"]) func conforms(_ id: String) async throws {
  let registry = try Workbench.registry { try Plugin.register(in: &$0) }
  for outcome in try await Conformance(registry, of: [id]).run() { #expect(outcome.isPassed, "\(outcome)") }
}
