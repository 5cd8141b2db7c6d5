public import GradientEstimation
public import Randomness

/// Latin hypercube sampling: each coordinate is stratified, the coordinates are matched at random.
///
///     u_kd = (π_d(k) + r_kd) / K,   π_d random permutations of 0…K−1, r_kd ~ U(0, 1), all independent
///
/// - Variance: that of what is left of the integrand once its best additive approximation Σ_d f_d(u_d) is taken away,
///   over K; the additive part's falls faster. Never above K/(K − 1) times that of independent draws (Owen 1997).
/// - Reference: McKay, Beckman and Conover (1979); Stein (1987).
public struct LatinHypercubeSampling: SamplingScheme {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "latin-hypercube", summary: "one draw in each of K equal intervals of every coordinate, matched at random",
    equation: "u_kd = (π_d(k) + r_kd) / K, π_d random permutations of 0…K−1, r_kd ~ U(0, 1)",
    notes: [
      Note(
        "Variance",
        "of the order of 1/K, without the additive part Σ_d f_d(u_d) of the integrand, whose variance falls faster: all of it where the integrand is such a sum. At most K/(K − 1) times that of independent draws."
      )
    ], references: [Reference("mckay1979"), Reference("stein1987"), Reference("owen1997a")])

  public var drawsAreIndependent: Bool { false }

  public func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    random.fillLatinHypercube(
      &uniforms, samples: shape.samples, dimension: shape.noiseDimension, lanes: shape.lanes)
  }
}
