public import GradientEstimation
public import Randomness

/// The theorems of Bonnet and Price: under independent normals with means m and variances v
///
///     ĝ = (∂m/∂λ)ᵀ (1/K) Σ_k ∇f(z_k) + (∂v/∂λ)ᵀ (1/2K) Σ_k diag ∇²f(z_k)  + ∇_λ (closed-form terms)
///
/// In the mean that is the pathwise gradient; in log σ it is the mean of σ² ∂²f/∂z_d², in place of σ ε ∂f/∂z_d.
/// With `kl=monte-carlo` f holds −log q, whose dependence on λ has expectation zero and is left out, as by `stl`.
///
/// - Requires: a family of independent normals; first and second derivatives of the model.
/// - Bias: none, for f with a continuous gradient whose second derivatives are piecewise continuous.
/// - Cost: K gradients and K diagonals of Hessians, counted as 2K gradient evaluations.
/// - Reference: Bonnet (1964); Price (1958); Opper and Archambeau (2009); Lin, Khan and Schmidt (2019).
public struct BonnetPrice: GradientEstimator {
  public var split = Split.monteCarlo

  public init() {}
  public init(split: Split) { self.split = split }

  public static let descriptor = Descriptor<Self>(
    id: "bonnet-price",
    summary: "Bonnet's and Price's theorems: ∇f for the mean of a normal, ∂²f/∂z² for its variance",
    equation: "mean: (1/K) Σ_k ∇f(z_k);  log σ_d: (1/K) Σ_k σ_d² ∂²f/∂z_d²(z_k)",
    notes: [
      Note("Requires", "a family of independent normals; ∇_z and ∂²/∂z_d² of the model."),
      Note(
        "Bias",
        "none, for f with a continuous gradient; f that has kinks, such as a ReLU network, loses what they bend."),
      Note("Cost", "K gradients and K Hessian diagonals an estimate, together counted as 2K gradient evaluations."),
      Note(
        "kl",
        "monte-carlo samples −log q too, by its derivatives in z alone, and the estimate is zero where q is the posterior; entropy and analytic take closed forms."
      ),
      Note(
        "Variance",
        "zero in log σ for a quadratic f. Elsewhere it can exceed the pathwise one, where f″ varies more than f′: cos(k z) at large k."
      ),
    ],
    references: [
      Reference("bonnet1964"), Reference("price1958"), Reference("opper2009"), Reference("lin2019"),
    ],
    options: [.choice("kl", \.split, "which part of the ELBO is taken in closed form")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard problem.family is any IndependentNormalFamily else {
      throw EstimatorError("needs a family of independent normals, such as 'mean-field-normal'")
    }
    guard problem.model is any TwiceDifferentiableModel else {
      throw EstimatorError("needs second derivatives of the model in z")
    }
    let sampled = try problem.sampledTerms(split)
    return Requirements(
      quantities: Quantities(gradients: sampled, diagonalHessians: sampled.subtracting(.entropy)),
      gradientEvaluations: Double(2 * samples) * problem.dataShare,
      claims: sampled.contains(.entropy) ? [.meanOfDraws, .zeroAtPosterior] : .meanOfDraws)
  }

  /// Cotangents of mean and variance, and the moments; `[D × B]` each.
  public struct Workspace {
    var slopes, curvatures, mean, variance: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    let zeros = [Double](repeating: 0, count: shape.dimension * shape.lanes)
    return Workspace(slopes: zeros, curvatures: zeros, mean: zeros, variance: zeros)
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any IndependentNormalFamily else { return }
    let sampled = problem.terms.subtracting(split.closedForm), factor = 1 / Double(block.shape.samples)
    storeMoments(family, at: block.draws, &workspace.mean, &workspace.variance)
    for i in workspace.slopes.indices {
      workspace.slopes[i] = 0
      // −log q has second derivative 1/v at every draw.
      workspace.curvatures[i] = sampled.contains(.entropy) ? 0.5 / workspace.variance[i] : 0
    }
    for part in sampled.parts.members {
      addMean(of: block.evaluation.gradient(of: part), factor, to: &workspace.slopes)
    }
    for term in sampled.subtracting(.entropy).members {
      addMean(of: block.evaluation.diagonalHessian(of: term), 0.5 * factor, to: &workspace.curvatures)
    }
    family.addMomentPullback(
      mean: workspace.slopes.span, variance: workspace.curvatures.span, at: block.draws, into: &gradients)
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }

  /// sums += factor · Σ_k rows_k, `[K × D × B]` to `[D × B]`.
  private func addMean(of rows: [Double], _ factor: Double, to sums: inout [Double]) {
    var start = 0
    while start < rows.count {
      for i in sums.indices { sums[i] += factor * rows[start + i] }
      start += sums.count
    }
  }
}

/// m and v of each lane, `[D × B]` each, into arrays of one workspace, two of whose spans cannot be had at once.
private func storeMoments(
  _ family: any IndependentNormalFamily, at draws: borrowing Draws, _ mean: inout [Double], _ variance: inout [Double]
) {
  var means = mean.mutableSpan
  var variances = variance.mutableSpan
  family.moments(at: draws, mean: &means, variance: &variances)
}
