import GradientEstimation
import Randomness
import SamplingSchemes
import Testing

/// The schemes as components: what they fill, and what they refuse. The point sets are tested in Randomness.
@Suite struct SamplingSchemesTests {
  static let others: [any SamplingScheme] = [
    AntitheticSampling(), LatinHypercubeSampling(), SobolSampling(), SobolSampling(randomization: .shift),
    HaltonSampling(), HaltonSampling(randomization: .shift), NiederreiterSampling(),
    NiederreiterSampling(randomization: .shift),
  ]

  static func stream() throws -> RandomStream {
    try RandomStream(try #require(Generator.named("mt19937")), index: 12)
  }

  static func filled(_ scheme: any SamplingScheme, _ shape: Shape, normals: Bool) throws -> [Double] {
    var numbers = [Double](repeating: .nan, count: shape.elementCount), random = try stream()
    var span = numbers.mutableSpan
    if normals {
      scheme.fillNormals(&span, shape: shape, random: &random)
    } else {
      scheme.fillUniforms(&span, shape: shape, random: &random)
    }
    return numbers
  }

  @Test func drawsAreNotIndependent() {
    #expect(Self.others.allSatisfy { !$0.drawsAreIndependent })
  }

  @Test(arguments: 0..<others.count) func fillsEveryNumber(_ index: Int) throws {
    let scheme = Self.others[index], shape = Shape(samples: 6, dimension: 5, parameters: 5, lanes: 11)
    let uniforms = try Self.filled(scheme, shape, normals: false)
    #expect(uniforms.allSatisfy { $0 > 0 && $0 < 1 })
    let normals = try Self.filled(scheme, shape, normals: true)
    #expect(normals.allSatisfy { $0.isFinite })
    // Quantiles: but for antithetic pairs, which take the stream's own normals, each on its side of the median.
    if !(scheme is AntitheticSampling) {
      #expect(zip(uniforms, normals).allSatisfy { ($0 < 0.5) == ($1 < 0) })
    }
    #expect(try Self.filled(scheme, shape, normals: true) == normals)
  }

  /// Draw 2j + 1 mirrors draw 2j to the bit, and the even draws are the stream's numbers.
  @Test(arguments: [2, 10]) func pairsAreMirrorImages(_ samples: Int) throws {
    let shape = Shape(samples: samples, dimension: 3, parameters: 3, lanes: 7), width = 21
    let normals = try Self.filled(AntitheticSampling(), shape, normals: true)
    let uniforms = try Self.filled(AntitheticSampling(), shape, normals: false)
    var own = [Double](repeating: 0, count: shape.elementCount / 2), random = try Self.stream()
    var span = own.mutableSpan
    random.fillNormals(&span)
    for k in stride(from: 0, to: samples, by: 2) {
      for i in 0..<width {
        #expect(normals[k * width + i] == own[k / 2 * width + i])
        #expect(normals[(k + 1) * width + i] == -normals[k * width + i])
        #expect(uniforms[(k + 1) * width + i] == 1 - uniforms[k * width + i])
      }
    }
  }

  @Test func refusesWhatItCannotMake() {
    func message(_ scheme: any SamplingScheme, _ samples: Int, _ dimension: Int) -> String? {
      do {
        try scheme.check(samples: samples, dimension: dimension)
        return nil
      } catch { return "\(error)" }
    }
    for scheme in Self.others where !(scheme is AntitheticSampling) { #expect(message(scheme, 3, 12) == nil) }
    #expect(message(AntitheticSampling(), 4, 5000) == nil)
    #expect(message(LatinHypercubeSampling(), 1, 5000) == nil)
    #expect(
      message(AntitheticSampling(), 5, 1)
        == "'antithetic' makes pairs, and 5 draws are not even; take 6, or another sampling")
    #expect(message(SobolSampling(), 8, 40) == nil && message(HaltonSampling(), 8, 1229) == nil)
    #expect(
      message(SobolSampling(), 8, 41)
        == "'sobol' has at most 40 dimensions, those of GSL's sequence, and a draw takes 41; take 'halton' (up to 1229), 'latin-hypercube' or 'iid'"
    )
    #expect(
      message(NiederreiterSampling(), 8, 13)
        == "'niederreiter' has at most 12 dimensions, those of GSL's sequence, and a draw takes 13; take 'sobol' (up to 40), 'halton' (up to 1229), 'latin-hypercube' or 'iid'"
    )
    #expect(
      message(HaltonSampling(), 8, 1230)
        == "'halton' has at most 1229 dimensions, those of GSL's sequence, and a draw takes 1230; take 'latin-hypercube' or 'iid'"
    )
  }
}
