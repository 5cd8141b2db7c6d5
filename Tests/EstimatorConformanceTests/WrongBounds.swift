import EstimatorConformance
import ExperimentRunner
import Estimators
import Foundation
import GradientEstimation
import Randomness
import Testing
import WorkbenchCLI

/// The doubly reparameterized gradient of the importance-weighted bound with weights w̃_k where w̃_k² belong: that leaves the
/// score terms out.
struct UnsquaredWeights: PathDerivativeEstimator {
  static var descriptor: Descriptor<Self> { Descriptor(id: "unsquared-weights", summary: "wrong on purpose") }

  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    var requirements = try DoublyReparameterized().requirements(samples: samples, of: problem)
    requirements.claims = []
    return requirements
  }

  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout WeightedCotangents, into gradients: inout MutableSpan<Double>
  ) {
    StickingTheLanding().estimate(
      problem, block, state: state, random: &random, workspace: &workspace, into: &gradients)
  }
}

/// VIMCO whose baseline for a draw is the bound with the draw's weight replaced by the mean of all, its own among them.
struct OwnSampleInMean: GradientEstimator {
  static var descriptor: Descriptor<Self> { Descriptor(id: "own-sample-in-mean", summary: "wrong on purpose") }

  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try VIMCO().requirements(samples: samples, of: problem)
  }

  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let objective = problem.multiSample else { return }
    let (k, b) = (block.shape.samples, block.shape.lanes)
    let (logs, bounds, own) = (block.evaluation.logWeights, block.evaluation.bounds, block.evaluation.slopes)
    var weights = own
    for lane in 0..<b {
      let all = (0..<k).map { logs[$0 * b + lane] }, mean = all.reduce(0, +) / Double(k)
      for draw in 0..<k {
        var replaced = all
        replaced[draw] = mean
        var (slopes, curvatures) = (replaced, replaced)
        let baseline = replaced.withUnsafeBufferPointer { logWeights in
          slopes.withUnsafeMutableBufferPointer { slopes in
            curvatures.withUnsafeMutableBufferPointer { objective.evaluate(logWeights, slopes: slopes, curvatures: $0) }
          }
        }
        weights[draw * b + lane] = bounds[lane] - baseline - own[draw * b + lane]
      }
    }
    problem.addScore(weights, block, &gradients)
  }
}

/// The importance-weighted bound with slopes w̃_k², which are those of DReG in λ, where θ needs w̃_k.
struct SquaredSlopes: MultiSampleObjective {
  static var descriptor: Descriptor<Self> { Descriptor(id: "squared-slopes", summary: "wrong on purpose") }

  func evaluate(
    _ logWeights: UnsafeBufferPointer<Double>, slopes: UnsafeMutableBufferPointer<Double>,
    curvatures: UnsafeMutableBufferPointer<Double>
  ) -> Double {
    let greatest = logWeights.max() ?? 0, sum = logWeights.reduce(0) { $0 + exp($1 - greatest) }
    for k in logWeights.indices {
      let weight = exp(logWeights[k] - greatest) / sum
      (slopes[k], curvatures[k]) = (weight * weight, 0)
    }
    return greatest + log(sum / Double(logWeights.count))
  }
}

/// What goes wrong with several draws is rejected by the law that it breaks.
@Suite struct WrongBoundsTests {
  private func failures(_ ids: [String], _ register: (inout Registry) throws -> Void) async throws -> [Outcome] {
    let registry = try Workbench.registry { try register(&$0) }
    var conformance = Conformance(registry, of: ids + ["iid"])
    conformance.threads = 2
    return try await conformance.run().filter { !$0.isPassed }
  }

  @Test func unsquaredWeights() async throws {
    let found = try await failures(["unsquared-weights", "gaussian:x=2", "mean-field-normal", "iwae"]) {
      try $0.register(estimator: UnsquaredWeights.self)
    }
    #expect(!found.isEmpty && found.allSatisfy { $0.law == .unbiased && $0.isFailed }, "\(found)")
  }

  @Test func ownSampleInMean() async throws {
    let found = try await failures(["own-sample-in-mean", "binary-latent", "bernoulli", "iwae"]) {
      try $0.register(estimator: OwnSampleInMean.self)
    }
    #expect(!found.isEmpty && found.allSatisfy { $0.law == .unbiased && $0.isFailed }, "\(found)")
  }

  @Test func squaredSlopes() async throws {
    let found = try await failures(["squared-slopes", "score:baseline=none", "binary-latent:learn=all", "bernoulli"]) {
      try $0.register(objective: SquaredSlopes.self)
    }
    #expect(!found.isEmpty && found.allSatisfy { $0.law == .modelGradient && $0.isFailed }, "\(found)")
  }
}
