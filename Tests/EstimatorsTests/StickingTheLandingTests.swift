import Estimators
import Foundation
import GradientEstimation
import Testing

@Suite struct StickingTheLandingTests {
  /// SGVB-A less (1/K) Σ ∇_λ log q: the two differ by the score and by nothing else.
  @Test func isTheTotalDerivativeWithoutTheScore() throws {
    let (k, b) = (2, 6)
    let bench = try Bench("gaussian:x=2,noise=0.5", at: "mean=1,log_scale=-0.4", samples: k, lanes: b)
    let total = try bench.run(Reparameterization()), path = try bench.run(StickingTheLanding())
    var score: [Double] = []
    for p in 0..<2 {
      for lane in 0..<b {
        var sum = 0.0
        for draw in 0..<k {
          let e = bench.block.draws.noise[draw * b + lane]
          sum += (p == 0 ? e / exp(-0.4) : e * e - 1) / Double(k)
        }
        score.append(sum)
      }
    }
    #expect(agree(zip(path, score).map { $0 - $1 }, total))
  }

  /// At the posterior every single estimate is zero; at the prior it is SGVB-B.
  @Test func zeroAtThePosteriorAndSGVBBAtThePrior() throws {
    let posterior = try Bench("gaussian:x=2,noise=0.5", at: "posterior", samples: 1, lanes: 64)
    #expect(try posterior.run(StickingTheLanding()).allSatisfy { abs($0) < 1e-13 })
    #expect(try posterior.run(Reparameterization()).contains { abs($0) > 0.1 })
    let prior = try Bench("gaussian:x=2,noise=0.5", at: "prior", samples: 1, lanes: 64)
    #expect(try agree(prior.run(StickingTheLanding()), prior.run(Reparameterization(split: .analytic))))
  }

  @Test func needsAnObjectiveWithLogQ() throws {
    let bench = try Bench("cosine", at: "initial", samples: 1, lanes: 2)
    #expect(throws: EstimatorError.self) { try StickingTheLanding().requirements(samples: 1, of: bench.problem) }
  }
}
