public import Randomness

/// A named run of parameters, such as `mean` or `log_scale`.
public struct ParameterBlock: Hashable, Sendable {
  public let name: String
  public let range: Range<Int>
  public init(name: String, range: Range<Int>) {
    self.name = name
    self.range = range
  }
}

/// A family of distributions q_λ(z).
///
/// The laws: every lane of `sample` is distributed as q_λ for that lane's λ, independently of the other lanes;
/// `addScore` is ∇_λ log q_λ(z); E_q of the score is zero.
public protocol VariationalFamily: Sendable {
  /// D
  var dimension: Int { get }
  /// E, the numbers of noise that a draw is made from; D by default.
  var noiseDimension: Int { get }
  /// Where q is positive. All of ℝ^D by default.
  var support: Support { get }
  /// The blocks of λ, in order and without gaps.
  var parameterBlocks: [ParameterBlock] { get }
  /// λ where optimisation starts, `[P]`.
  var initialParameters: [Double] { get }
  /// λ at which q_λ is `distribution`, or nil if there is none.
  func parameters(of distribution: any Prior) -> [Double]?

  /// Fills `draws.noise` and `draws.z`.
  func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream)
  /// Stores −log q (values `[K × B]`, coordinate values and gradients in z `[K × D × B]`) in `evaluation`.
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation)
  /// gradients_p += Σ_k (w_k − c_p) ∂_{λ_p} log q_λ(z_k), with weights w `[K × B]` and centers c `[P]`.
  func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>)

  /// The terms whose expectation has a closed-form gradient, cheap enough for every step, given this model.
  func analyticTerms(for model: any Integrand) -> Terms
  /// gradients += ∇_λ E_q[Σ terms] for each lane's λ. `terms` is within `analyticTerms`.
  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>)
  /// The exact expectation of Σ terms and its gradient at λ `[P]`, by closed form or quadrature; nil if not known.
  func exactExpectation(of terms: Terms, for model: any Integrand, parameters: [Double]) -> ExactExpectation?
}

extension VariationalFamily {
  public var noiseDimension: Int { dimension }
  public var support: Support { .real }
  /// P
  public var parameterCount: Int { parameterBlocks.last?.range.upperBound ?? 0 }
}

/// A family that moves with its parameters: z = g(ε, λ) with ε free of λ.
public protocol ReparameterizableFamily: VariationalFamily {
  /// gradients_p += factor · Σ_k c_kᵀ ∂z_k/∂λ_p for cotangents c `[K × D × B]`.
  func addPullback(
    cotangents: Span<Double>, factor: Double, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>)
  /// gradients_p += factor · Σ_k d/dλ_p [−log q_λ(g(ε_k, λ))], the total derivative.
  func addPathwiseEntropyGradient(
    factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>)
  /// Whether that total derivative is ∇_λ H[q] for every ε, as in location-scale families: then sampling the
  /// entropy pathwise and taking it in closed form are one estimator.
  var pathwiseEntropyIsExact: Bool { get }
}

/// A family that factorises over coordinates, q(z) = Π_d q_d(z_d), each parameter belonging to one coordinate.
public protocol FactorizedFamily: VariationalFamily {
  /// The coordinate of parameter p.
  func coordinate(ofParameter p: Int) -> Int
  /// gradients_p += Σ_k (w_kd − c_p) ∂_{λ_p} log q(z_k), d the coordinate of p, with weights `[K × D × B]`.
  func addCoordinateScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>)
}

/// A family whose draws are a function of their noise, z = g(ε, λ): they can be had again at another λ.
public protocol TransformedFamily: VariationalFamily {
  /// Fills `draws.z` with g(ε, λ), from `draws.noise` and `draws.parameters`.
  func transform(_ draws: inout Draws)
}

/// A family whose log q and score can be had at any z that it has mass at, whatever z was drawn from.
public protocol PointwiseFamily: VariationalFamily {
  /// Makes `draws.noise` fit `draws.z` at `draws.parameters`, as far as density and score look at it.
  func recoverNoise(_ draws: inout Draws)
}

/// A family of normals with independent coordinates, q_λ(z) = Π_d N(z_d; m_d, v_d), by its moments.
///
/// By Bonnet's (1964) and Price's (1958) theorems an expectation's gradient in them is an expectation of derivatives,
/// ∇_m E f = E ∇f and ∂E f/∂v_d = ½ E ∂²f/∂z_d².
public protocol IndependentNormalFamily: VariationalFamily {
  /// Stores m and v of each lane, `[D × B]` each.
  func moments(
    at draws: borrowing Draws, mean: inout MutableSpan<Double>, variance: inout MutableSpan<Double>)
  /// gradients_p += Σ_d a_d ∂m_d/∂λ_p + b_d ∂v_d/∂λ_p, for cotangents a of the mean and b of the variance, `[D × B]`.
  func addMomentPullback(
    mean: Span<Double>, variance: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>)
}

/// A discrete family whose coordinates have logits φ that λ alone decides.
public protocol LogitFamily: EnumerableFamily, TransformedFamily {
  /// Stores φ of each lane, `[D × B]`.
  func storeLogits(at draws: borrowing Draws, into logits: inout MutableSpan<Double>)
  /// gradients_p += Σ_d c_d ∂φ_d/∂λ_p, for cotangents c of the logits, `[D × B]`.
  func addLogitPullback(
    _ cotangents: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>)
}

/// Independent Bernoullis, q_λ(z) = Π_d σ(φ_d)^{z_d} (1 − σ(φ_d))^{1 − z_d}.
///
/// The laws: the noise is u, uniform on (0, 1)^D, and z_d = 1 where u_d > 1 − σ(φ_d), so that z rises with u; at relaxed z in
/// [0, 1]^D log q is extended linearly, Σ_d z_d log σ(φ_d) + (1 − z_d) log(1 − σ(φ_d)), and so are its derivatives.
public protocol IndependentBernoulliFamily: LogitFamily {}

/// Independent categorical variables, D/C of them with C categories each, one-hot: q(z = e_c) = e^{φ_c} / Σ_j e^{φ_j}.
///
/// The laws: the noise is u, uniform on (0, 1)^D, and each variable's category that of the greatest φ_c − log(−log u_c), the
/// Gumbel-max form; at relaxed z on the simplex log q is extended linearly, Σ_c z_c log π_c, and so are its derivatives.
public protocol IndependentCategoricalFamily: LogitFamily {
  /// C
  var categories: Int { get }
}

/// A family each of whose parameters moves one coordinate's density, and moves mass from one density to another:
///
///     ∂q/∂λ_p = c_p (q⁺_p − q⁻_p)
///
/// with densities q⁺_p and q⁻_p that differ from q in that coordinate alone (the weak derivative; Pflug 1989).
public protocol WeaklyDifferentiableFamily: VariationalFamily {
  /// Turns draws of q into draws of q⁺_p and of q⁻_p, noise and z: what both come with is the same draws of q. With
  /// `coupled` the two share random numbers.
  func sampleParts(
    ofParameter p: Int, coupled: Bool, positive: inout Draws, negative: inout Draws, random: inout RandomStream)
  /// c_p of each lane, `[B]`.
  func partsFactor(ofParameter p: Int, at draws: borrowing Draws, into factors: inout MutableSpan<Double>)
}

/// What is known exactly of E_q[f].
public struct ExactExpectation: Sendable {
  /// E_q f
  public var value: Double
  /// ∇_λ E_q f, `[P]`
  public var gradient: [Double]
  /// For each coordinate, E of what is left of f when the other coordinates' terms are dropped; `[D]`.
  public var coordinateValues: [Double]
  /// E[f s_p²] / E[s_p²] − E f for the score s, `[P]`; the same for f and for what is left of it. Nil if not known.
  public var optimalShift: [Double]?
  /// ∇_θ E_q f, `[Q]`; nil if not known.
  public var modelGradient: [Double]?

  public init(
    value: Double, gradient: [Double], coordinateValues: [Double], optimalShift: [Double]?,
    modelGradient: [Double]? = nil
  ) {
    self.value = value
    self.gradient = gradient
    self.coordinateValues = coordinateValues
    self.optimalShift = optimalShift
    self.modelGradient = modelGradient
  }
}
