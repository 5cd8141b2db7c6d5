import GradientEstimation
import Randomness
import SamplingSchemes
import Testing
import VariationalFamilies

/// Families whose score is had at any z.
@Suite struct PointwiseFamilyTests {
  private static let families: [any PointwiseFamily] = [
    MeanFieldNormal(dimension: 3), FullRankNormal(dimension: 3), MeanFieldBernoulli(dimension: 3),
    AutoregressiveBernoulli(dimension: 3), MeanFieldCategorical(dimension: 3, categories: 3),
  ]

  /// With the noise thrown away and made anew from z alone, −log q and the score are what they were at the family's own
  /// draws: bits for families that look at z alone, and to the rounding of a substitution for normals.
  @Test(arguments: families.indices) func densityAndScoreAreOfZAlone(_ index: Int) throws {
    let family = Self.families[index], (samples, lanes) = (3, 4)
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 3)
    for isShared in [true, false] {
      let shape = Shape(samples: samples, dimension: 3, parameters: family.parameterCount, lanes: lanes)
      let count = family.parameterCount * (isShared ? 1 : lanes)
      var parameters = [Double](repeating: 0, count: count), span = parameters.mutableSpan
      random.fillNormals(&span)
      var draws = Draws(shape: shape, parameters: parameters)
      family.sample(&draws, scheme: IndependentSampling(), random: &random)
      let before = try look(family, draws)
      for i in draws.noise.indices { draws.noise[i] = 0.123 }
      family.recoverNoise(&draws)
      let after = try look(family, draws)
      let isNormal = family.support == .real
      for (a, b) in zip(before, after) { #expect(isNormal ? abs(a - b) <= 1e-11 * max(1, abs(a)) : a == b) }
      #expect(before.contains { abs($0) > 0.01 })
    }
  }

  private func look(_ family: any VariationalFamily, _ draws: borrowing Draws) throws -> [Double] {
    var block = DrawBlock(shape: draws.shape, parameters: draws.parameters)
    block.draws.noise = draws.noise
    block.draws.z = draws.z
    let ones = [Double](repeating: 1, count: draws.shape.drawCount)
    let centers = [Double](repeating: 0, count: family.parameterCount)
    var scores = [Double](repeating: 0, count: family.parameterCount * draws.shape.lanes), span = scores.mutableSpan
    family.addScore(weights: ones.span, centers: centers.span, at: block.draws, into: &span)
    let problem = try Problem(
      model: Flat(dimension: 3, support: family.support), family: family, objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
    block.evaluate(Quantities(values: .entropy), of: problem)
    return scores + block.evaluation.values(of: .entropy)
  }

  private struct Flat: LatentModel {
    let dimension: Int
    let support: Support
    func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
  }
}
