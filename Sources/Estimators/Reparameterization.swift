public import GradientEstimation
public import Randomness

/// The reparameterization (pathwise) estimator: with z = g(ε, λ),
///
///     ĝ = (1/K) Σ_k ∇_λ f(g(ε_k, λ); λ)  + ∇_λ (closed-form terms)
///
/// the total derivative, log q's own dependence on λ included. With `kl=monte-carlo` this is SGVB-A, with
/// `kl=analytic` SGVB-B (id `analytic-kl`). Without the explicit dependence it would be the path derivative, which is
/// `stl`.
///
/// - Requires: a reparameterizable family, ∇_z of the model.
/// Of an objective of several draws it is Σ_k φ_k dℓ_k/dλ, with the log weights' total derivatives.
///
/// - Bias: none, for f continuous and piecewise smooth.
/// - Cost: K gradient evaluations.
/// - Control variate: `ControlVariateOptions`.
/// - Reference: Kingma and Welling (2014), equations (6) and (7); Rezende, Mohamed and Wierstra (2014); Mohamed et al.
///   (2020), section 5.
public struct Reparameterization: ControlledEstimator {
  public var split = Split.monteCarlo
  public var control = ControlVariateOptions()

  public init() {}
  public init(split: Split = .monteCarlo, control: ControlVariateOptions = .init()) {
    self.split = split
    self.control = control
  }

  public static let descriptor = Descriptor<Self>(
    id: "reparam",
    summary: "reparameterization (pathwise), the total derivative: SGVB-A; with kl=analytic SGVB-B",
    equation: "(1/K) Σ_k ∇_λ f(g(ε_k, λ); λ)",
    notes: [
      Note("Requires", "a reparameterizable family; ∇_z of the model."),
      Note("Bias", "none, for f continuous and piecewise smooth."),
      Note("Cost", "K gradient evaluations an estimate."),
      Note(
        "Implicit",
        "where z has no closed form in ε, as for gamma, beta and dirichlet, ∂z/∂λ is −(∂F/∂λ)/q with the distribution function F: implicit reparameterization. The id implicit is this estimator."
      ),
      Note(
        "kl",
        "monte-carlo is SGVB-A; analytic is SGVB-B, id analytic-kl; entropy is the same as monte-carlo, draw by draw, for location-scale families. The path derivative without the score term is another estimator: stl."
      ),
      ControlVariateOptions.note,
    ],
    references: [
      Reference("kingma2014", "equations (6), (7)"), Reference("rezende2014"), Reference("mohamed2020", "section 5"),
      Reference("figurnov2018", "equation (7)"),
      Reference("paisley2012", "section 3"), Reference("miller2017"), Reference("geffner2020", "section 3"),
    ],
    options: [.choice("kl", \.split, "which part of the ELBO is taken in closed form")] + controlOptions,
    aliases: [
      Alias("pathwise"), Alias("implicit"), Alias("analytic-kl", options: ["kl": "analytic"], isCanonical: true),
    ])

  public func check() throws(ComponentError) { try control.check(hasSlopes: true) }

  public func canonical(for problem: Problem) -> Self {
    let coincide = (problem.family as? any ReparameterizableFamily)?.pathwiseEntropyIsExact ?? false
    return split == .entropy && coincide ? Self(split: .monteCarlo, control: control) : self
  }

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try checkPathwise(problem)
    if let objective = problem.multiSample {
      try checkBound(objective)
      return Requirements(
        quantities: .bounds(of: problem.terms, gradients: problem.terms), minimumSamples: objective.minimumSamples,
        evaluations: Double(samples) * problem.dataShare, gradientEvaluations: Double(samples) * problem.dataShare)
    }
    try control.check(problem)
    let sampled = try problem.sampledTerms(split)
    return Requirements(
      quantities: Quantities(gradients: sampled.subtracting(.entropy)),
      gradientEvaluations: Double(samples) * problem.dataShare, claims: Claims.meanOfDraws.union(controlClaims))
  }

  private func checkBound(_ objective: any MultiSampleObjective) throws(EstimatorError) {
    guard split == .monteCarlo, control == .init() else {
      throw EstimatorError(
        "the objective takes the K draws of an estimate together: nothing of it is known in closed form; take reparam")
    }
    guard objective.rule == .gradient else {
      throw EstimatorError("the objective holds its weights fixed, and has no total derivative; take score or dreg")
    }
  }

  public func initialState(for problem: Problem, parameters: [Double]) -> ControlVariateState {
    ControlVariateState(control, of: expanded(problem), problem, parameters: parameters)
  }

  public func warmUp(for state: ControlVariateState) -> WarmUp? { state.warmUp }

  /// What draws are differentiated of.
  private func expanded(_ problem: Problem) -> Terms { problem.terms.subtracting(split.closedForm.union(.entropy)) }

  public struct Workspace {
    var variate: ControlVariateScratch
    var bound: WeightedCotangents
    var centers: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    let isBound = problem.multiSample != nil
    return Workspace(
      variate: ControlVariateScratch(control, shape), bound: WeightedCotangents(isBound ? shape : nil),
      centers: Array(repeating: 0, count: isBound ? shape.parameters : 0))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: ControlVariateState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any ReparameterizableFamily else { return }
    if problem.multiSample != nil {
      // dℓ_k/dλ = (∂z/∂λ)ᵀ ∇ℓ_k − ∇_λ log q(z_k).
      workspace.bound.takeSlopes(of: block)
      workspace.bound.pull(problem, family, block, into: &gradients)
      for i in workspace.bound.weights.indices { workspace.bound.weights[i].negate() }
      family.addScore(
        weights: workspace.bound.weights.span, centers: workspace.centers.span, at: block.draws, into: &gradients)
      return
    }
    let factor = 1 / Double(block.shape.samples)
    for part in expanded(problem).parts.members {
      family.addPullback(
        cotangents: block.evaluation.gradient(of: part).span, factor: factor, at: block.draws, into: &gradients)
    }
    if let quadratic = state.quadratic {
      quadratic.evaluate(
        at: block.draws.z, block.shape, values: &workspace.variate.values, gradient: &workspace.variate.gradient)
      workspace.variate.clear()
      pull(workspace.variate.gradient, factor, family, block, into: &workspace.variate.variate)
      workspace.variate.subtract(state, problem, block, from: &gradients)
    }
    if problem.terms.subtracting(split.closedForm).contains(.entropy) {
      family.addPathwiseEntropyGradient(factor: factor, at: block.draws, into: &gradients)
    }
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }

  private func pull(
    _ cotangents: [Double], _ factor: Double, _ family: any ReparameterizableFamily, _ block: borrowing DrawBlock,
    into sums: inout [Double]
  ) {
    var span = sums.mutableSpan
    family.addPullback(cotangents: cotangents.span, factor: factor, at: block.draws, into: &span)
  }

  public func adapt(
    _ state: inout ControlVariateState, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace
  ) {
    state.learn(from: workspace.variate, of: expanded(problem), problem, block)
  }
}

/// Throws unless draws can be differentiated and so can the model.
func checkPathwise(_ problem: Problem) throws(EstimatorError) {
  guard problem.family is any ReparameterizableFamily else {
    throw EstimatorError("needs a reparameterizable family, z = g(ε, λ)")
  }
  guard problem.model is any DifferentiableModel else {
    throw EstimatorError("needs the gradient of the model in z")
  }
}
