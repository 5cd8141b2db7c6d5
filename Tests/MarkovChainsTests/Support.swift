import GradientEstimation
import LatentModels
import Randomness
import Testing
import VariationalFamilies

func stream(_ index: UInt) throws -> RandomStream {
  try RandomStream(try #require(Generator.named("xoshiro256x8")), index: index)
}

func normals(_ count: Int, _ random: inout RandomStream) -> [Double] {
  var numbers = [Double](repeating: 0, count: count)
  var span = numbers.mutableSpan
  random.fillNormals(&span)
  return numbers
}

func problem(_ model: any Integrand) throws -> Problem {
  try Problem(
    model: model, family: MeanFieldNormal(dimension: model.dimension), objective: EvidenceLowerBound(),
    sampling: IndependentSampling())
}

/// Factor analysis of the standardised wine data, d = 13, at a θ of its own: W of standard deviation 0.6 and σ = 1.
func factorAnalysis(latent: Int) throws -> any LocalLatentModel {
  var specification = FactorAnalyzer()
  (specification.dataset.data, specification.dataset.standardize) = ("wine", true)
  (specification.options.latent, specification.options.minibatch) = (latent, 10)
  let model = try #require(try specification.makeIntegrand() as? any LocalLatentModel)
  var random = try stream(900)
  var theta = normals(model.modelParameters.count, &random).map { 0.6 * $0 }
  let last = try #require(model.modelParameterBlocks.last)
  for i in last.range { theta[i] = 0 }
  return model.with(modelParameters: theta)
}
