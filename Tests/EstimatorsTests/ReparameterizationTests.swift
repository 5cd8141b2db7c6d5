import Estimators
import Foundation
import GradientEstimation
import Testing

@Suite struct ReparameterizationTests {
  /// SGVB-A and SGVB-B written out for the conjugate model, lane by lane.
  @Test(arguments: [Split.monteCarlo, .analytic, .entropy]) func isTheTotalDerivative(_ split: Split) throws {
    let (k, b, x, noise) = (3, 7, 1.2, 0.6)
    let bench = try Bench("gaussian:x=\(x),noise=\(noise)", at: "mean=0.4,log_scale=-0.3", samples: k, lanes: b)
    let measured = try bench.run(Reparameterization(split: split))
    let (m, sigma) = (0.4, exp(-0.3))
    var means: [Double] = [], scales: [Double] = []
    for lane in 0..<b {
      var (first, second) = (0.0, 0.0)
      for draw in 0..<k {
        let z = bench.block.draws.z[draw * b + lane], e = bench.block.draws.noise[draw * b + lane]
        let slope = (x - z) / (noise * noise) - (split == .analytic ? 0 : z)
        first += slope / Double(k)
        second += slope * sigma * e / Double(k)
      }
      means.append(split == .analytic ? first - m : first)
      scales.append(split == .analytic ? second - sigma * sigma + 1 : second + 1)
    }
    #expect(agree(measured, means + scales))
  }

  /// On a location-scale family the entropy split is the Monte Carlo split, and is known by its name.
  @Test func splitsThatCoincideAreOne() throws {
    let bench = try Bench("gaussian", at: "initial", samples: 1, lanes: 2)
    #expect(Reparameterization(split: .entropy).canonical(for: bench.problem) == Reparameterization())
    #expect(Reparameterization(split: .analytic).canonical(for: bench.problem).split == .analytic)
  }

  @Test func refusesAFamilyThatCannotMove() throws {
    let bench = try Bench("gaussian", at: "initial", samples: 1, lanes: 2)
    let still = try Problem(
      model: bench.problem.model, family: Secretive(base: bench.problem.family), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    let error = #expect(throws: EstimatorError.self) { try Reparameterization().requirements(samples: 1, of: still) }
    #expect(error?.description == "needs a reparameterizable family, z = g(ε, λ)")
  }
}
