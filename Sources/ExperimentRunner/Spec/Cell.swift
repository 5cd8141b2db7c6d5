package import GradientEstimation
package import Randomness

/// One estimator of a cell.
package struct Entry: Sendable {
  package let estimator: any GradientEstimator
  package let text: String
  package let requirements: Requirements

  package init(estimator: any GradientEstimator, text: String, requirements: Requirements) {
    self.estimator = estimator
    self.text = text
    self.requirements = requirements
  }

  /// evaluations + 2 × gradient evaluations, of one estimate.
  package var cost: Double { requirements.evaluations + 2 * requirements.gradientEvaluations }
  /// Evaluations of the model of one step of an optimization, and gradients: an estimate, and what is learned from it.
  package var step: (evaluations: Double, gradients: Double) {
    (
      requirements.evaluations + requirements.learningEvaluations,
      requirements.gradientEvaluations + requirements.learningGradientEvaluations
    )
  }
}

/// One model × family × objective × sampling × point × K under one generator: what is compared on the same draws.
package struct Cell: Sendable {
  package let problem: Problem
  package let generator: Generator
  package let model, family, objective, sampling, point: String
  package let samples: Int
  /// λ, `[P]`.
  package let parameters: [Double]
  /// What is known exactly at λ.
  package let exact: ExactExpectation?
  package let entries: [Entry]
  /// How good an optimum λ is, where it was found as one.
  package var optimum: Optimum? = nil
  /// The greatest exact ELBO, for curves to be held against; of kind `elbo` alone.
  package var greatest: Optimum? = nil
  /// Weights w, `[P]`, of one figure beside the coordinates: Σ_p w_p ĝ_p is then row P of the moments.
  package var direction: [Double]? = nil
  /// w_p of the norm that variances are traces in, Σ_p w_p Var(g_p), `[P]`; nil for the Euclidean one.
  package var normWeights: [Double]? = nil
  /// Of a model of data with a latent variable each, what makes their λ: `parameters` are then φ. Of kind `variance` alone.
  package var amortization: Amortization? = nil

  /// Indices into the spec's algorithms, of those that it is trained by. Of kind `training` alone.
  package var algorithms: [Int] = []

  /// Indices into the spec's evidence estimators, of those that log p(x) is estimated by. Of kind `evaluation` alone.
  package var evidence: [Int] = []

  /// What its streams are named after.
  package var text: String {
    [model, family, objective, sampling, "at=\(point)", "samples=\(samples)"].joined(separator: " ")
  }
}
