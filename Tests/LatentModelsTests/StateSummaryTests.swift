import Foundation
import GradientEstimation
import LatentModels
import Testing
import VariationalFamilies

/// What q and the model say of states, by going through them.
@Suite struct StateSummaryTests {
  /// A chain of three bits: marginals by all eight states written out.
  @Test func chain() throws {
    var model = IsingModel()
    (model.rows, model.columns, model.coupling, model.field) = (1, 3, 0.8, [0.5, -0.2, 0.1])
    let problem = try Problem(
      model: try model.makeIntegrand(), family: MeanFieldBernoulli(dimension: 3), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    let logits = [0.4, -1.1, 2], found = try #require(problem.stateSummaries(at: logits))
    for (d, logit) in logits.enumerated() {
      #expect(abs(found.q.marginals[d] - 1 / (1 + exp(-logit))) < 1e-15)
    }
    #expect(found.q.mode == [1, 0, 1])
    var total = 0.0, sums = [0.0, 0, 0], best = (-Double.infinity, [0.0])
    for state in 0..<8 {
      let z = (0..<3).map { Double(state >> $0 & 1) }, s = z.map { 2 * $0 - 1 }
      let energy = 0.8 * (s[0] * s[1] + s[1] * s[2]) + 0.5 * s[0] - 0.2 * s[1] + 0.1 * s[2]
      total += exp(energy)
      for d in 0..<3 { sums[d] += exp(energy) * z[d] }
      if energy > best.0 { best = (energy, z) }
    }
    for d in 0..<3 { #expect(abs(found.exact.marginals[d] - sums[d] / total) < 1e-15) }
    #expect(found.exact.mode == best.1)
  }

  /// A mixture's posterior is in the family: there both say the same. Too many states, and costs, have no answer.
  @Test func posteriorOfAMixture() throws {
    let model = try GaussianMixture().makeIntegrand()
    let family = MeanFieldCategorical(dimension: 9, categories: 3)
    let problem = try Problem(
      model: model, family: family, objective: EvidenceLowerBound(), sampling: IndependentSampling())
    let posterior = try #require((model as? any LatentModel)?.namedDistributions["posterior"])
    let lambda = try #require(family.parameters(of: posterior))
    let found = try #require(problem.stateSummaries(at: lambda))
    for (a, b) in zip(found.q.marginals, found.exact.marginals) { #expect(abs(a - b) < 1e-14) }
    #expect(found.q.mode == found.exact.mode)

    var large = IsingModel()
    (large.rows, large.columns) = (1, 17)
    let wide = try Problem(
      model: try large.makeIntegrand(), family: MeanFieldBernoulli(dimension: 17), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    #expect(wide.stateSummaries(at: Array(repeating: 0, count: 17)) == nil)
    let cost = try Problem(
      model: try BernoulliToy().makeIntegrand(), family: MeanFieldBernoulli(dimension: 1), objective: Expectation(),
      sampling: IndependentSampling())
    #expect(cost.stateSummaries(at: [0]) == nil)
  }
}
