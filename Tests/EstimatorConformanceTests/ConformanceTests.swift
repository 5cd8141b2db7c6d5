import EstimatorConformance
import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing
import WorkbenchCLI

/// The suite rejects what is wrong, by the law that it breaks, and nothing that is right.
@Suite struct ConformanceTests {
  static func outcomes<E: GradientEstimator>(of estimator: E.Type, _ components: [String]) async throws -> [Outcome] {
    let registry = try Workbench.registry { try $0.register(estimator: estimator) }
    var conformance = Conformance(registry, of: [E.descriptor.id, "iid"] + components)
    conformance.threads = 2
    return try await conformance.run()
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let type: any GradientEstimator.Type
    /// The law that it breaks, and those that it breaks with it.
    let law: Law
    let others: Set<Law>
    /// The models and families that show it.
    let components: [String]
    init(
      _ type: any GradientEstimator.Type, _ law: Law, also others: Law...,
      on components: [String] = ["gaussian:dimension=2,x=1x-0.5,noise=0.8", "cosine", "mean-field-normal"]
    ) {
      self.components = components
      self.type = type
      self.law = law
      self.others = Set(others)
    }
    var testDescription: String { "\(type)" }
  }

  static let wrong = [
    Case(OwnSampleBaseline.self, .unbiased), Case(RunningOwnSample.self, .unbiased),
    Case(LeaveOneOutOverN.self, .unbiased), Case(CopiesOfOneDraw.self, .varianceOverK, also: .nonfinite),
    Case(MissingScaleFactor.self, .unbiased), Case(SignError.self, .unbiased),
    Case(OppositeBiases.self, .unbiased, also: .constantIntegrand), Case(ShrunkByTwoPercent.self, .unbiased),
    Case(LeakBetweenLanes.self, .lanes, also: .nonfinite),
    Case(LearnsWhileEstimating.self, .repeatable, also: .sameBits),
    Case(UndeclaredNumbers.self, .streams, also: .lanes),
    Case(NonfiniteAsZero.self, .nonfinite), Case(FalseClaim.self, .zeroAtPosterior),
    Case(MisstatedBias.self, .statedBias), Case(SilentRefusal.self, .refusals),
    // 2 % of what is right, by the rule of most variance and by those of least.
    Case(Shrunk<ScoreFunction>.self, .unbiased), Case(Shrunk<StickingTheLanding>.self, .unbiased),
    Case(SwappedEvaluations.self, .unbiased, on: ["binary-latent", "bernoulli-toy", "bernoulli"]),
  ]

  /// Each is rejected by the law that it breaks, and by no law that it keeps.
  @Test(arguments: wrong) func wrongIsRejectedByItsLaw(_ wrong: Case) async throws {
    func open<E: GradientEstimator>(_ type: E.Type) async throws -> [Outcome] {
      try await Self.outcomes(of: type, wrong.components)
    }
    let outcomes = try await open(wrong.type)
    let failed = Set(outcomes.filter(\.isFailed).map(\.law))
    #expect(failed.contains(wrong.law))
    #expect(failed.isSubset(of: wrong.others.union([wrong.law])), "\(outcomes.filter(\.isFailed))")
    #expect(outcomes.allSatisfy { $0.isFailed || $0.isPassed })
  }

  /// A surrogate's gradient through the relaxation that is drawn given the discrete draw counts.
  @Test func aRelaxationWithoutItsConditionalPathIsRejected() async throws {
    func outcomes<E: GradientEstimator>(of estimator: E.Type) async throws -> [Outcome] {
      let registry = try Workbench.registry { try $0.register(estimator: estimator) }
      return try await Conformance(
        registry, of: [E.descriptor.id, "bernoulli-toy", "binary-latent", "bernoulli", "expectation", "elbo", "iid"]
      ).run()
    }
    let right = try await outcomes(of: RelaxByHand<WholePath>.self)
    #expect(right.contains { $0.law == .unbiased } && right.allSatisfy(\.isPassed), "\(right.filter { !$0.isPassed })")
    let wrong = try await outcomes(of: RelaxByHand<MissingPath>.self).filter(\.isFailed)
    #expect(
      wrong.contains { $0.law == .unbiased } && wrong.allSatisfy { [.unbiased, .constantIntegrand].contains($0.law) })
  }

  /// Without an exact gradient estimators are held to each other: a model whose ∇_z is 5 % off shows, by the estimators that
  /// use values alone, and a right one passes.
  @Test func modelsWithoutAnOracleAreChecked() async throws {
    let registry = try Workbench.registry {
      try $0.register(model: QuarticModel<RightSlope>.self)
      try $0.register(model: QuarticModel<WrongSlope>.self)
    }
    for estimators in [["score", "reparam"], ["score:baseline=mean"]] {
      let right = try await Conformance(registry, of: estimators + ["quartic-right", "mean-field-normal", "iid"]).run()
      #expect(
        right.contains { $0.law == .unbiased } && right.allSatisfy(\.isPassed), "\(right.filter { !$0.isPassed })")
      let wrong = try await Conformance(registry, of: estimators + ["quartic-wrong", "mean-field-normal", "iid"]).run()
        .filter(\.isFailed)
      #expect(!wrong.isEmpty && wrong.allSatisfy { $0.law == .unbiased }, "\(wrong)")
    }
  }

  /// A gradient of differences passes where they are fine, held to estimators that use values alone; and not where they
  /// are wide.
  @Test func numericalGradientsAreChecked() async throws {
    let registry = try Workbench.registry {
      try $0.register(model: QuarticValues<FineStep>.self)
      try $0.register(model: QuarticValues<WideStep>.self)
    }
    let right = try await Conformance(
      registry, of: ["score", "reparam", "stl", "quartic-differences", "mean-field-normal", "iid"]
    ).run()
    #expect(right.contains { $0.law == .unbiased } && right.allSatisfy(\.isPassed), "\(right.filter { !$0.isPassed })")
    let wide = try await Conformance(
      registry, of: ["score", "reparam", "quartic-wide-differences", "mean-field-normal", "iid"]
    ).run()
    let wrong = wide.filter(\.isFailed)
    #expect(!wrong.isEmpty && wrong.allSatisfy { $0.law == .unbiased }, "\(wrong)")
  }

  /// No correct estimator fails in 200 runs, each of a family-wise level of 10⁻³: 0.2 are to be expected at most. At a
  /// level of 0.1 at most 20 are, and more than 38 with probability 10⁻⁴.
  @Test func rightIsNotRejectedIn200Seeds() async throws {
    var conformance = Conformance(
      try Workbench.registry(),
      of: ["gaussian:dimension=2,x=1x-0.5,noise=0.8", "cosine", "mean-field-normal", "elbo", "expectation", "iid"])
    conformance.threads = 2
    conformance.maxReplicates = 8192
    var failures: [Outcome] = [], suspicious = 0, tests = 0
    for seed in 1...200 {
      conformance.seed = UInt64(seed)
      let outcomes = try await conformance.run()
      failures += outcomes.filter(\.isFailed)
      let evidence = outcomes.compactMap(\.evidence)
      tests = evidence.count
      if evidence.contains(where: { $0.p < 0.1 / Double(evidence.count) }) { suspicious += 1 }
    }
    #expect(failures.isEmpty, "\(failures)")
    #expect(suspicious <= 38 && tests > 100)
  }
}
