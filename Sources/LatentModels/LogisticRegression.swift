internal import CKernels
public import GradientEstimation

/// Bayesian logistic regression
///
///     z ~ N(0, prior_scale² I_D),   y_n | z ~ Bernoulli(1 / (1 + e^{−x_n·z})),   n = 1…N
///
/// - Exact: ELBO and gradient under a mean-field normal. The predictor x_n·z is normal, so the expectations are N
///   one-dimensional integrals. They are done by the trapezoidal rule with a step that resolves the poles of the
///   logistic function, to rounding. (Gauss–Hermite quadrature converges slowly where x_n·z has a wide distribution:
///   on the breast-cancer data at q = prior 80 nodes are off by 0.13 nat in the ELBO.)
/// - Options, minibatches, cost: those of `Regression`.
public struct LogisticRegression: RegressionSpecification {
  public var options = RegressionOptions(data: "breast-cancer")
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "logistic-regression", summary: "Bayesian logistic regression with a normal prior",
    equation: "z ~ N(0, prior_scale² I_D),  y_n | z ~ Bernoulli(1/(1 + exp(−x_n·z)))",
    notes: [
      Note(
        "Data",
        "breast-cancer is shipped (569 × 30, and the intercept: D = 31); else the path of a CSV file with a header, numeric columns and a target of 0 and 1."
      ),
      Note("Exact", "ELBO and gradient, by one-dimensional quadrature; point prior."),
      Note("Serves", "values, gradients and Hessians of prior and likelihood; the prior factorises over coordinates."),
    ],
    references: [Reference("wolberg1995"), Reference("mohamed2020")],
    options: sharedOptions,
    examples: [[:], ["minibatch": "64"]].map {
      Example(
        options: $0, normals: [NormalPoint(mean: 0, scale: 0.6), NormalPoint(mean: [1, -1], scale: [0.9])],
        families: ["mean-field-normal", "full-rank-normal", "low-rank-normal"])
    })

  var response: any Response { BernoulliResponse() }
}

/// g(η) = y η − log(1 + e^η), y of 0 and 1.
struct BernoulliResponse: Response {
  static var target: TargetDomain { .labels }
  var kernel: wb_response { WB_LOGISTIC }
  var hasOffsets: Bool { false }
  func offset(_ y: Double) -> Double { 0 }

  /// −p (1 − p), p = 1/(1 + e^{−η}), without loss in either tail.
  func replaceByCurvature(_ predictors: UnsafeMutableBufferPointer<Double>) {
    for i in predictors.indices {
      let u = wb_exp(-abs(predictors[i]))
      predictors[i] = -u / ((1 + u) * (1 + u))
    }
  }

  func moments(
    _ y: Double, center: Double, variance: Double
  ) -> (value: Double, first: Double, second: Double, fourth: Double) {
    var softplus = InlineArray<4, Double>(repeating: 0), span = softplus.mutableSpan
    span.withUnsafeMutableBufferPointer { wb_softplus_moments(center, variance.squareRoot(), $0.baseAddress) }
    return (y * center - softplus[0], y - softplus[1], -softplus[2], -softplus[3])
  }
}
