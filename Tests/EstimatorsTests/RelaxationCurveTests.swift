import EstimatorStatistics
import ExperimentRunner
import Optimization
import Testing
import WorkbenchCLI

/// TRUTHS 2, t = 0.45: where optimizations through a relaxation of one bit end, 50 runs from φ = ±2 with falling steps.
@Suite struct RelaxationCurveTests {
  /// θ at which the concrete gradient's mean vanishes; nil where it does not but at the optimum.
  static let ends: [(estimator: String, theta: Double?)] = [
    ("concrete:temperature=0.2", 0.232816), ("concrete", 0.355358), ("concrete:temperature=0.1", nil),
    ("score:baseline=mean", nil), ("relax", nil),
  ]

  @Test(arguments: ["2", "-2"]) func settleWhereTheMeanVanishes(_ start: String) async throws {
    var reader = SpecReader(registry: try StandardRegistry.make(), source: .commandLine)
    let spec = reader.read(
      JSONNode(commandLine: [
        ("kind", ["elbo"], false), ("model", ["bernoulli-toy:target=0.45"], false), ("family", ["bernoulli"], false),
        ("at", ["logit=\(start)"], true), ("samples", ["1"], true), ("estimators", Self.ends.map(\.estimator), true),
        ("optimizer", ["sgd:learning_rate=1,schedule=inverse-time,period=4000"], true), ("steps", ["24000"], false),
        ("runs", ["50"], false), ("evaluate", ["24000"], false),
      ]))
    let plan = try #require(Plan.make(spec, &reader), "\(reader.faults)")
    let results = try await Training.run(plan, spec, threads: 2) { _ in true }
    #expect(results.groups.count == Self.ends.count)
    for (group, end) in zip(results.groups, Self.ends) {
      // E f = t² + θ (1 − 2t), which is exact at each run's end.
      let thetas = group.values(at: 24000).compactMap { $0.map { ($0 - 0.2025) / 0.1 } }
      #expect(thetas.count == 50)
      // Ten intervals, 10⁻³ together.
      let mean = MeanInterval(thetas, level: 1 - 1e-3 / 10)
      let low = try #require(mean.low), high = try #require(mean.high)
      if let theta = end.theta {
        #expect(low < theta && theta < high && high - low < 0.12, "\(end.estimator): \(mean)")
      } else {
        // θ falls as one over the sum of the steps, 8000.
        #expect(mean.mean < 0.03, "\(end.estimator): \(mean)")
      }
    }
  }
}
