internal import CKernels
public import GradientEstimation

/// Bayesian Poisson regression with the canonical link
///
///     z ~ N(0, prior_scale² I_D),   y_n | z ~ Poisson(e^{x_n·z}),   n = 1…N
///
/// log p(y | η) = y η − e^η − log y!, constant included.
///
/// - Exact: ELBO and gradient under a mean-field normal: the predictor is N(c, v), and E e^η = e^{c + v/2}.
/// - Where q is wide, e^η is log-normal: its variance e^{2c + v}(e^v − 1) may be more than any number of replicates
///   can show. Beyond η = 709 the values are infinite, and counted as such.
/// - Options, minibatches, cost: those of `Regression`.
public struct PoissonRegression: RegressionSpecification {
  public var options = RegressionOptions(data: "warpbreaks")
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "poisson-regression", summary: "Bayesian Poisson regression with a normal prior",
    equation: "z ~ N(0, prior_scale² I_D),  y_n | z ~ Poisson(exp(x_n·z))",
    notes: [
      Note(
        "Data",
        "warpbreaks is shipped (54 × 5, wool × tension as dummy variables, and the intercept: D = 6); else the path of a CSV file with a header, numeric columns and a target of counts."
      ),
      Note("Exact", "ELBO and gradient; point prior."),
      Note(
        "Tails",
        "exp(x_n·z) is log-normal under q: at a wide q, such as initial, sample variances say little. Prefer standardize=false with 0/1 columns, and optimum."
      ),
      Note("Serves", "values, gradients and Hessians of prior and likelihood; the prior factorises over coordinates."),
    ],
    references: [Reference("tippett1950")],
    options: sharedOptions,
    examples: [[:], ["minibatch": "9"]].map {
      Example(options: $0, normals: [NormalPoint(mean: [2, -2], scale: [0.15]), NormalPoint(mean: 2, scale: 0.2)])
    })

  var response: any Response { PoissonResponse() }
}

/// g(η) = y η − e^η − log y!, y a count.
struct PoissonResponse: Response {
  static var target: TargetDomain { .counts }
  var kernel: wb_response { WB_POISSON }
  func offset(_ y: Double) -> Double { -logFactorial(y) }

  func replaceByCurvature(_ predictors: UnsafeMutableBufferPointer<Double>) {
    for i in predictors.indices { predictors[i] = -wb_exp(predictors[i]) }
  }

  func moments(
    _ y: Double, center: Double, variance: Double
  ) -> (value: Double, first: Double, second: Double, fourth: Double) {
    let rate = wb_exp(center + 0.5 * variance)
    return (y * center - rate + offset(y), y - rate, -rate, -rate)
  }
}

/// log y! of a count: the logarithm of the product while a double holds it exactly, then Stirling's series, whose first
/// term left out is below 10⁻¹⁵.
///
/// Not `lgamma`, which has other bits on other processors.
func logFactorial(_ y: Double) -> Double {
  if y <= 22 { return wb_log(stride(from: 2, through: y, by: 1).reduce(1, *)) }
  let inverse = 1 / y, square = inverse * inverse
  let series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680)))
  return (y + 0.5) * wb_log(y) - y + 0.5 * 1.8378770664093454836 + series
}
