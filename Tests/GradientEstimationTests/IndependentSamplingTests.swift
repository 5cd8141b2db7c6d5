import GradientEstimation
import Randomness
import Testing

@Suite struct IndependentSamplingTests {
  /// The noise is the stream's normals, in the order of storage.
  @Test func noiseIsTheStream() throws {
    let shape = Shape(samples: 2, dimension: 3, parameters: 3, lanes: 5)
    var first = try GradientEstimatorTests.stream(), second = try GradientEstimatorTests.stream()
    var noise = [Double](repeating: 0, count: shape.elementCount), normals = noise
    var noiseSpan = noise.mutableSpan
    IndependentSampling().fillNormals(&noiseSpan, shape: shape, random: &first)
    var normalsSpan = normals.mutableSpan
    second.fillNormals(&normalsSpan)
    #expect(noise == normals && Set(noise).count == shape.elementCount)
    #expect(IndependentSampling().drawsAreIndependent)
  }
}
