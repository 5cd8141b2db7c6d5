/// A family of which transformations z = h(ε, λ) are known whose noise has a density π(ε; λ) that depends on λ, if only
/// weakly. Then
///
///     ∇_λ E_q[f(z)] = E[(∂h/∂λ)ᵀ ∇_z f(z) + f(z) ∇_λ log π(ε; λ)],   ε = h⁻¹(z, λ)
///
/// log π(ε; λ) = log q(h(ε, λ)) + log |∂h/∂ε|. Ruiz, Titsias and Blei (2016), equations (6) and (7); Naesseth, Ruiz,
/// Linderman and Blei (2017), equations (5) and (6), where π is the density of accepted proposals.
public protocol GeneralizedReparameterizableFamily: VariationalFamily {
  /// Uniforms that a transformation needs beside z: so many for each number of noise.
  func uniformsPerNoise(of transformation: GeneralizedTransformation) -> Int
  /// gradients_p += Σ_k [c_kᵀ ∂h(ε_k, λ)/∂λ_p + w_k ∂_{λ_p} log π(ε_k; λ)] for cotangents c `[K × D × B]` and weights w
  /// `[K × B]`, with `uniforms` `[U × K × E × B]`, U as above.
  func addGeneralizedGradient(
    _ transformation: GeneralizedTransformation, cotangents: Span<Double>, weights: Span<Double>,
    uniforms: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>)
}

/// Which transformation.
public enum GeneralizedTransformation: Hashable, Sendable {
  /// ε = (log y − E log y) / sd(log y) of the gamma variates y that z is made of.
  case standardizedLogarithm
  /// Marsaglia and Tsang's proposal, h(ε, a) = (a − ⅓)(1 + ε/√(9a − 3))³, at shape a + B of the gamma variates y that z
  /// is made of, and then B steps down in shape, each by a uniform: defined where a + B ≥ 1.
  case rejectionSampler(augmentation: Int)
}
