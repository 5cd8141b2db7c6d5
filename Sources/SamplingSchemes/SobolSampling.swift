public import GradientEstimation
public import Randomness

/// The first K points of Sobol's sequence, randomised for each replicate.
///
/// With x_n the sequence in (0, 1)^D, in the digits of base 2 of each coordinate,
///
///     scramble:  u_n = L x_n + e,  L random lower triangular with diagonal 1, e random digits, modulo 2
///     shift:     u_n = x_n + v modulo 1,  v ~ U(0, 1)^D
///
/// Point 0, the origin, is in; GSL's generator, which the direction numbers are read from, begins after it.
///
/// - Requires: D ≤ 40.
/// - Reference: Sobol' (1967); direction numbers of Bratley and Fox (1988); Matoušek (1998); Owen (1995, 1997, 2003);
///   for variational inference Buchholz, Wenzel and Mandt (2018).
public struct SobolSampling: SamplingScheme {
  public var randomization = PointRandomization.scramble

  public init() {}
  public init(randomization: PointRandomization) { self.randomization = randomization }

  public static let descriptor = Descriptor<Self>(
    id: "sobol", summary: "Sobol's sequence, scrambled or shifted anew for each estimate; up to 40 dimensions",
    equation: "scramble: u_n = L x_n + e modulo 2, digit by digit; shift: u_n = x_n + v modulo 1",
    notes: [
      Note("Requires", "D ≤ 40."), Note("Randomization", DigitalNets.randomization), Note("Rate", DigitalNets.rate),
    ],
    references: [
      Reference("sobol1967"), Reference("bratley1988"), Reference("matousek1998"),
      Reference("owen1995"), Reference("owen1997"), Reference("owen2003"), Reference("owen2020"),
      Reference("cranley1976"),
      Reference("buchholz2018"),
    ],
    options: [.choice("randomization", \.randomization, "how the points become random")])

  public var drawsAreIndependent: Bool { false }

  public func check(samples: Int, dimension: Int) throws(EstimatorError) {
    try DigitalNets.check(
      "sobol", dimension: dimension, limit: DigitalSequence.sobol.maximumDimension,
      alternatives: "'halton' (up to \(HaltonSequence.maximumDimension)), 'latin-hypercube' or 'iid'")
  }

  public func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    random.fillDigitalNet(
      &uniforms, of: .sobol, by: randomization, samples: shape.samples, dimension: shape.noiseDimension,
      lanes: shape.lanes)
  }
}
