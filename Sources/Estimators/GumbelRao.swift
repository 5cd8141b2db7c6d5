public import GradientEstimation
public import Randomness

/// The straight-through gradient, Rao-Blackwellised: with z the discrete draw and S relaxations drawn given z,
///
///     ĝ = (1/K) Σ_k [(1/S) Σ_s ∂x_ks/∂λ]ᵀ ∇f(z_k)  + ∇_λ (closed-form terms)
///
/// ∂x/∂λ is that of the relaxation with its noise held, at noise drawn given z. The expectation is that of
/// `concrete:straight_through=true`, and the variance what z leaves of its plus 1/S of the rest: the same at S = 1, and never
/// larger.
///
/// - Requires: as `concrete`.
/// - Bias: E (∂x/∂λ)ᵀ ∇f(z), whatever S.
/// - Cost: K gradient evaluations, at the draws, whatever S.
/// - Reference: Paulus, Maddison and Krause (2021), section 3.
public struct GumbelRao: GradientEstimator {
  /// τ
  public var temperature = 0.5
  /// S
  public var inner = 10
  public var split = Split.monteCarlo

  public init() {}
  public init(temperature: Double, inner: Int) {
    self.temperature = temperature
    self.inner = inner
  }

  public static let descriptor = Descriptor<Self>(
    id: "gumbel-rao", summary: "straight-through gradient, averaged over relaxations drawn given the discrete draw",
    equation: "(1/K) Σ_k [(1/S) Σ_s ∂x_ks/∂λ]ᵀ ∇f(z_k),  x_ks | z_k",
    notes: [
      Concrete.requires,
      Note(
        "Bias", "that of concrete:straight_through=true, whatever S: its expectation is E (∂x/∂λ)ᵀ ∇f(z)."),
      Note("Cost", "K gradient evaluations an estimate, at the draws, whatever S; S relaxations a draw."),
      Note(
        "Variance",
        "V + W/S, where V + W is that of concrete:straight_through=true and V what is left of it when only z is random."
      ),
    ],
    references: [Reference("paulus2021", "section 3")],
    options: [
      .real("temperature", \.temperature, in: Concrete.temperatureBounds, "τ, at which draws are relaxed"),
      .integer("inner", \.inner, in: 1...10_000, "S, relaxations of a draw"),
      .choice("kl", \.split, "which part of the ELBO is taken in closed form"),
    ])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try RelaxedDraws.check(problem)
    return Requirements(
      quantities: Quantities(gradients: try problem.sampledTerms(split)),
      bias: .biased("E (∂x/∂λ)ᵀ ∇f(z), x the relaxation of z"),
      gradientEvaluations: Double(samples) * problem.dataShare, usesRandomNumbers: true, claims: .meanOfDraws)
  }

  /// Scratch: v, `[K × D × B]`.
  public struct Workspace {
    var relaxed: RelaxedDraws
    var uniforms: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    Workspace(
      relaxed: try RelaxedDraws(problem, shape), uniforms: Array(repeating: 0, count: shape.elementCount))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    let sampled = problem.terms.subtracting(split.closedForm)
    workspace.relaxed.take(block.draws)
    for _ in 0..<inner {
      var span = workspace.uniforms.mutableSpan
      random.fillUniforms(&span)
      workspace.relaxed.perturb(given: block.draws, workspace.uniforms)
      workspace.relaxed.relax(temperature)
      for part in sampled.parts.members {
        workspace.relaxed.pull(
          block.evaluation.gradient(of: part), factor: 1 / Double(block.shape.samples * inner), temperature,
          given: block.draws, conditional: false)
      }
    }
    workspace.relaxed.addPulled(block.draws, into: &gradients)
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }

  /// Known of one bit, by quadrature.
  public func expectedGradient(of problem: Problem, samples: Int, parameters: [Double]) -> [Double]? {
    guard split == .monteCarlo else { return nil }
    return relaxedExpectation(
      of: problem.terms, problem, parameters: parameters, temperature: temperature, straightThrough: true)
  }
}
