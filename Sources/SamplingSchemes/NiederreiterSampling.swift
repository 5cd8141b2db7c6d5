public import GradientEstimation
public import Randomness

/// The first K points of Niederreiter's sequence in base 2, randomised for each replicate as `SobolSampling`'s.
///
/// - Requires: D ≤ 12.
/// - Reference: Niederreiter (1988); Bratley, Fox and Niederreiter (1992).
public struct NiederreiterSampling: SamplingScheme {
  public var randomization = PointRandomization.scramble

  public init() {}
  public init(randomization: PointRandomization) { self.randomization = randomization }

  public static let descriptor = Descriptor<Self>(
    id: "niederreiter",
    summary: "Niederreiter's sequence in base 2, scrambled or shifted anew for each estimate; up to 12 dimensions",
    equation: "scramble: u_n = L x_n + e modulo 2, digit by digit; shift: u_n = x_n + v modulo 1",
    notes: [
      Note("Requires", "D ≤ 12."), Note("Randomization", DigitalNets.randomization), Note("Rate", DigitalNets.rate),
    ],
    references: [Reference("niederreiter1988"), Reference("bratley1992"), Reference("matousek1998")],
    options: [.choice("randomization", \.randomization, "how the points become random")])

  public var drawsAreIndependent: Bool { false }

  public func check(samples: Int, dimension: Int) throws(EstimatorError) {
    try DigitalNets.check(
      "niederreiter", dimension: dimension, limit: DigitalSequence.niederreiter.maximumDimension,
      alternatives: "'sobol' (up to \(DigitalSequence.sobol.maximumDimension)), "
        + "'halton' (up to \(HaltonSequence.maximumDimension)), 'latin-hypercube' or 'iid'")
  }

  public func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    random.fillDigitalNet(
      &uniforms, of: .niederreiter, by: randomization, samples: shape.samples, dimension: shape.noiseDimension,
      lanes: shape.lanes)
  }
}
