public import GradientEstimation
public import Randomness

/// The concrete relaxation (Gumbel-softmax): discrete draws are replaced by smooth ones, which are differentiated,
///
///     ĝ = (1/K) Σ_k (∂x_k/∂λ)ᵀ ∇f(x_k)  + ∇_λ (closed-form terms)
///
///     bits:     x = σ((φ + log u − log(1 − u))/τ)
///     one-hot:  x = softmax((log π − log(−log u))/τ)
///
/// with f = log p(x, ·) − log q_λ extended between its points, log q linearly, and held at one λ: log q has a derivative in λ of
/// its own, whose expectation is zero. With `straight_through` ∇f is taken at the discrete draw that x relaxes, and ∂x/∂λ is
/// as before.
///
/// - Requires: independent Bernoullis or categoricals; a model that can be differentiated between its points.
/// - Bias: the expectation is ∇_λ E f(x), and of `straight_through` E (∂x/∂λ)ᵀ ∇f(z). For a bit of probability θ and
///   f = (z − t)² it is off by −τ θ(1 − θ)(1 − 2θ) + o(τ), whatever t.
/// - Cost: K gradient evaluations, at points of its own; of `straight_through` at the draws.
/// - Reference: Maddison, Mnih and Teh (2017), section 3; Jang, Gu and Poole (2017), section 2.
public struct Concrete: GradientEstimator {
  /// τ
  public var temperature = 0.5
  public var straightThrough = false
  public var split = Split.monteCarlo

  public init() {}
  public init(temperature: Double = 0.5, straightThrough: Bool = false, split: Split = .monteCarlo) {
    self.temperature = temperature
    self.straightThrough = straightThrough
    self.split = split
  }

  /// Of everything that relaxes draws.
  static var temperatureBounds: RealBounds { RealBounds(lower: 1e-3, upper: 100) }
  static let requires = Note(
    "Requires",
    "a family of independent Bernoullis or categoricals; a model that can be evaluated and differentiated between its discrete points. log q is extended linearly there."
  )

  public static let descriptor = Descriptor<Self>(
    id: "concrete",
    summary: "concrete relaxation of discrete draws (Gumbel-softmax), differentiated; straight-through",
    equation: "(1/K) Σ_k (∂x_k/∂λ)ᵀ ∇f(x_k),  x = σ((φ + logit u)/τ), one-hot softmax((log π + Gumbel)/τ)",
    notes: [
      requires,
      Note(
        "Bias",
        "its expectation is the gradient of E f(x) of the relaxed x, and with straight_through E (∂x/∂λ)ᵀ ∇f(z), z the discrete draw. Of one bit, P(z = 1) = θ, and f = (z − t)² the bias is −τ θ(1 − θ)(1 − 2θ) but for smaller terms, whatever t: relative to the gradient −τ (1 − 2θ)/(1 − 2t)."
      ),
      Note("Cost", "K gradient evaluations an estimate, at points of its own; with straight_through at the draws."),
      Note("temperature", "τ: lower is less biased, and of larger variance, about as 1/τ."),
      Note(
        "ELBO",
        "f is held at one λ: the derivative of log q in λ, whose expectation is zero under q and not under the relaxation, is left out."
      ),
    ],
    references: [Reference("maddison2017", "section 3"), Reference("jang2017", "section 2")],
    options: [
      .real("temperature", \.temperature, in: temperatureBounds, "τ, at which draws are relaxed"),
      .flag("straight_through", \.straightThrough, "take the gradient of f at the discrete draw"),
      .choice("kl", \.split, "which part of the ELBO is taken in closed form"),
    ],
    aliases: [Alias("gumbel-softmax")],
    variants: [["straight_through": "true"]])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try RelaxedDraws.check(problem)
    let sampled = try problem.sampledTerms(split)
    return Requirements(
      quantities: straightThrough ? Quantities(gradients: sampled) : Quantities(),
      bias: .biased(
        straightThrough ? "E (∂x/∂λ)ᵀ ∇f(z), x the relaxation of z" : "the gradient of E f(x), x the relaxation of z"),
      gradientEvaluations: Double(samples) * problem.dataShare, claims: .meanOfDraws)
  }

  public struct Workspace {
    var relaxed: RelaxedDraws
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    Workspace(relaxed: try RelaxedDraws(problem, shape))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    let sampled = problem.terms.subtracting(split.closedForm), points = workspace.relaxed.points
    workspace.relaxed.take(block.draws)
    workspace.relaxed.perturb(block.draws)
    workspace.relaxed.relax(temperature)
    if !straightThrough { points.block.evaluate(Quantities(gradients: sampled), of: problem) }
    for part in sampled.parts.members {
      workspace.relaxed.pull(
        straightThrough ? block.evaluation.gradient(of: part) : points.block.evaluation.gradient(of: part),
        factor: 1 / Double(block.shape.samples), temperature, given: block.draws, conditional: false)
    }
    workspace.relaxed.addPulled(block.draws, into: &gradients)
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }

  /// Known of one bit, by quadrature.
  public func expectedGradient(of problem: Problem, samples: Int, parameters: [Double]) -> [Double]? {
    guard split == .monteCarlo else { return nil }
    return relaxedExpectation(
      of: problem.terms, problem, parameters: parameters, temperature: temperature, straightThrough: straightThrough)
  }
}
