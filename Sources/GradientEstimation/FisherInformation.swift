/// A family whose Fisher information F(λ) = E_q[s sᵀ], s = ∇_λ log q_λ(z), is known and diagonal: then the gradient's
/// trace in its norm, tr(F⁻¹ Cov ĝ) = Σ_p Var(ĝ_p)/F_pp, does not depend on the units of the parameters.
///
/// Amari (1998), section 2.
public protocol DiagonalFisherFamily: VariationalFamily {
  /// F_pp at λ `[P]`, `[P]`.
  func fisherDiagonal(at parameters: [Double]) -> [Double]
}
