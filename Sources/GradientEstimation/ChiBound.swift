/// The χ bound of K draws, E_{q^K}[(1/n) log (1/K) Σ_k w_kⁿ], minimised.
///
/// In the limit of many draws it is the χ upper bound on log p(x), (1/n) log E_q[wⁿ]. The expectation of the K-draw form is what
/// is measured, and it is not an upper bound: at K = 1 it is the ELBO.
///
/// - Reference: Dieng, Tran, Ranganath, Paisley and Blei (2017), equations (2) and (5).
public struct ChiBound: MultiSampleObjective {
  public var order = 2.0
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "chi", summary: "the χ bound of K draws, minimised; an upper bound in the limit of many draws alone",
    equation: "E[(1/n) log (1/K) Σ_k w_kⁿ],  w_k = p(x,z_k)/q(z_k)",
    notes: [
      Note(
        "Target",
        "the expectation of this form for the K at hand: at K = 1 the ELBO, and above log p(x) only as K grows."),
      Note("order", "n; Rényi's bound of order α = 1 − n."),
    ],
    references: [Reference("dieng2017", "equations (2), (5)")],
    options: [.real("order", \.order, in: RealBounds(lower: 1, upper: 10), "n")],
    examples: [Example(models: ["binary-latent"])])

  public var isMinimized: Bool { true }

  public func evaluate(
    _ logWeights: UnsafeBufferPointer<Double>, slopes: UnsafeMutableBufferPointer<Double>,
    curvatures: UnsafeMutableBufferPointer<Double>
  ) -> Double { logPowerMean(order, of: logWeights, slopes: slopes, curvatures: curvatures) }
}
