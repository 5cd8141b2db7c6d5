public import Randomness

/// A model of a mean-field approximation q = Π_j q_j whose every factor has its optimum in closed form given the others:
///
///     q_j ∝ exp E_{q_{−j}} log p(x, z)
///
/// Bishop (2006), equation (10.9); Blei, Kucukelbir and McAuliffe (2017), equation (17). The factors may be over more than the
/// model's z, such as assignments that z has been freed of; what they bound is the same log p(x).
///
/// The laws: a sweep does not lower the bound, and the bound is no greater than `logEvidence`.
public protocol CoordinateAscentModel: LatentModel {
  /// The parameters of the factors, in order and without gaps.
  var factorBlocks: [ParameterBlock] { get }
  /// Where coordinate ascent starts. Symmetries are broken by `random`.
  func initialFactors(random: inout RandomStream) -> [Double]
  /// Sets each factor in turn to its optimum given the others.
  func sweep(_ factors: inout [Double])
  /// E_q[log p(x, z) − log q(z)], in nats.
  func bound(_ factors: [Double]) -> Double
}
