internal import CKernels
public import GradientEstimation

/// Bayesian linear regression with known noise
///
///     z ~ N(0, prior_scale² I_D),   y_n | z ~ N(x_n·z, noise²),   n = 1…N
///
/// - Options: those of `Regression`; `noise`, a standard deviation. `standardize` standardises the target too, and
///   noise is then in its standard deviations.
/// - Exact: ELBO and gradient under a mean-field normal; evidence and posterior, a normal with the dense precision
///   I/prior_scale² + XᵀX/noise², which no mean-field normal is unless the columns are orthogonal.
/// - Minibatches, cost: those of `Regression`.
public struct LinearRegression: RegressionSpecification {
  public var options = RegressionOptions(data: "diabetes")
  public var noise = 1.0
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "linear-regression", summary: "Bayesian linear regression with known noise and a normal prior",
    equation: "z ~ N(0, prior_scale² I_D),  y_n | z ~ N(x_n·z, noise²)",
    notes: [
      Note(
        "Data",
        "diabetes is shipped (442 × 10, and the intercept: D = 11); else the path of a CSV file with a header, numeric columns and a numeric target. standardize=true standardises the target too: noise is then in its standard deviations."
      ),
      Note(
        "Exact",
        "ELBO and gradient; evidence and posterior up to D = \(ConjugateRegression.largestDimension). The posterior is correlated: mean-field-normal has no member that is it."
      ),
      Note("Serves", "values, gradients and Hessians of prior and likelihood; the prior factorises over coordinates."),
    ],
    references: [Reference("efron2004")],
    options: sharedOptions + [
      .real(
        "noise", \.noise, in: RealBounds(lower: 1e-6, upper: 1e6), "standard deviation of y given its predictor")
    ],
    examples: [
      [:], ["data": "iris", "target": "petal_width", "minibatch": "30", "noise": "2", "prior_scale": "0.5"],
    ].map {
      Example(
        options: $0, normals: [NormalPoint(mean: 0.5, scale: 0.5), NormalPoint(mean: -1, scale: 0.9)])
    })

  var response: any Response { NormalResponse(noise: noise) }
}

/// g(η) = log N(y; η, noise²).
struct NormalResponse: Response {
  let noise: Double

  static var target: TargetDomain { .numbers }
  var kernel: wb_response { WB_NORMAL }
  var precision: Double { 1 / (noise * noise) }
  func offset(_ y: Double) -> Double { 0.5 * (wb_log(precision) - 1.8378770664093454836) }

  func replaceByCurvature(_ predictors: UnsafeMutableBufferPointer<Double>) { predictors.update(repeating: -precision) }

  func moments(
    _ y: Double, center: Double, variance: Double
  ) -> (value: Double, first: Double, second: Double, fourth: Double) {
    let residual = y - center
    return (
      offset(y) - 0.5 * precision * (residual * residual + variance), precision * residual, -precision, 0
    )
  }

  func conjugate(_ data: RegressionData, prior: DiagonalNormal) -> ConjugateRegression? {
    ConjugateRegression(data, response: self, prior: prior)
  }
}

/// Posterior and evidence of linear regression: A = diag(prior precision) + XᵀX/noise², A ẑ = Xᵀy/noise².
///
/// - Cost: O(N D² + D³), once.
struct ConjugateRegression: Sendable {
  let posterior: MultivariateNormal
  let logEvidence: Double

  static let largestDimension = NormalPosterior.largestDimension

  /// Nil beyond the largest dimension, or where A is not positive definite in floating point.
  init?(_ data: RegressionData, response: NormalResponse, prior: DiagonalNormal) {
    let d = prior.mean.count, rows = data.target.count, precision = response.precision
    guard d <= Self.largestDimension else { return nil }
    var matrix = BandedMatrix(dimension: d, width: d - 1), right = prior.mean
    for n in 0..<rows {
      for i in 0..<d {
        let x = precision * data.design[n * d + i]
        right[i] += x * data.target[n]
        for j in 0...i { matrix[i, j] += x * data.design[n * d + j] }
      }
    }
    guard
      let normal = NormalPosterior(
        precision: matrix.adding(diagonal: prior.precision), mean: { solve in solve(right) }),
      let distribution = normal.distribution
    else { return nil }
    var joint = prior.hermiteMoments(mean: normal.mean, scale: normal.mean.map { _ in 0 }).value
    for n in 0..<rows {
      let center = (0..<d).reduce(0.0) { $0 + data.design[n * d + $1] * normal.mean[$1] }
      joint += response.moments(data.target[n], center: center, variance: 0).value
    }
    logEvidence = normal.logEvidence(jointAtMean: joint)
    posterior = distribution
  }
}
