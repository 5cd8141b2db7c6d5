public import GradientEstimation
public import Randomness

/// The first K points of the Halton sequence, randomised for each replicate.
///
/// Coordinate d of point n is the radical inverse of n in the d-th prime p: the digits of n in base p, mirrored at the
/// point. `scramble` sends the digits of each place that tells the K points apart through a random permutation of 0…p−1,
/// and makes what follows them uniform, for each point anew; `shift` adds one uniform vector modulo 1. Point 0 is in.
///
/// - Requires: D ≤ 1229.
/// - Reference: Halton (1960); Owen (2017); Owen (1995).
public struct HaltonSampling: SamplingScheme {
  public var randomization = PointRandomization.scramble

  public init() {}
  public init(randomization: PointRandomization) { self.randomization = randomization }

  public static let descriptor = Descriptor<Self>(
    id: "halton", summary: "Halton's sequence, scrambled or shifted anew for each estimate; up to 1229 dimensions",
    equation: "x_nd = Σ_i a_i p_d^(−i−1), a_i the digits of n = Σ_i a_i p_d^i in the d-th prime",
    notes: [
      Note("Requires", "D ≤ 1229."),
      Note(
        "Randomization",
        "scramble sends the digits of each place through a random permutation, and makes what follows the digits that tell points apart uniform for each point. shift adds one uniform vector modulo 1."
      ),
      Note(
        "Rate",
        "for smooth integrands of few effective dimensions near 1/K² in variance; no number of draws is special. Where a prime is larger than K the points crowd in one part of its coordinate: scramble makes a latin hypercube of them, but shift leaves them there, and may be worse than independent draws."
      ),
    ],
    references: [Reference("halton1960"), Reference("owen2017"), Reference("owen1995"), Reference("cranley1976")],
    options: [.choice("randomization", \.randomization, "how the points become random")])

  public var drawsAreIndependent: Bool { false }

  public func check(samples: Int, dimension: Int) throws(EstimatorError) {
    try DigitalNets.check(
      "halton", dimension: dimension, limit: HaltonSequence.maximumDimension, alternatives: "'latin-hypercube' or 'iid'"
    )
  }

  public func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    random.fillHalton(
      &uniforms, by: randomization, samples: shape.samples, dimension: shape.noiseDimension, lanes: shape.lanes)
  }
}
