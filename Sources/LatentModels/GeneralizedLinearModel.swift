public import GradientEstimation

/// A Bayesian generalised linear model of a user's file
///
///     z ~ N(0, prior_scale² I_D),   y_n | z ~ p(y_n | x_n·z),   n = 1…N
///
/// The three regressions under one id, p by the option `response`: `bernoulli` is `LogisticRegression`, `normal`
/// `LinearRegression` and `poisson` `PoissonRegression`, each with its canonical link and the same arithmetic.
///
/// - Exact, minibatches, cost: those of `Regression`.
public struct GeneralizedLinearModel: RegressionSpecification {
  public enum ResponseName: String, CaseIterable, Sendable { case bernoulli, normal, poisson }

  public var options = RegressionOptions(data: "diabetes")
  public var responseName = ResponseName.normal
  public var noise = 1.0
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "glm", summary: "a Bayesian generalised linear model of a CSV file",
    equation: "z ~ N(0, prior_scale² I_D),  y_n | z ~ Bernoulli, normal or Poisson with linear predictor x_n·z",
    notes: [
      Note(
        "Data",
        "data=PATH, a CSV file with a header and numeric columns, or the name of a shipped data set; target=COLUMN. The target is of 0 and 1 for response=bernoulli, of numbers for normal, of counts for poisson. standardize=true standardises a normal target too: noise is then in its standard deviations."
      ),
      Note(
        "Relation",
        "the machinery of the three regressions: glm:response=bernoulli,data=FILE.csv is logistic-regression:data=FILE.csv, response=normal is linear-regression, response=poisson is poisson-regression. Only the random numbers are others, for they are told apart by the model's name."
      ),
      Note("Exact", "ELBO and gradient; evidence and posterior of response=normal."),
      Note("Serves", "values, gradients and Hessians of prior and likelihood; the prior factorises over coordinates."),
    ],
    options: sharedOptions + [
      .choice(
        "response", \.responseName, "what the target is given its predictor x_n·z; links are logit, identity, log"),
      .real(
        "noise", \.noise, in: RealBounds(lower: 1e-6, upper: 1e6),
        "response=normal: standard deviation of y given its predictor"),
    ],
    examples: [
      Example(
        options: ["data": "warpbreaks", "response": "normal", "noise": "0.4", "minibatch": "27"],
        normals: [NormalPoint(mean: 0.5, scale: 0.5), NormalPoint(mean: -1, scale: 0.9)],
        families: ["mean-field-normal", "full-rank-normal"])
    ])

  public func check() throws(ComponentError) {
    if noise != 1, responseName != .normal {
      throw ComponentError(option: "noise", "has no effect with response=\(responseName.rawValue)")
    }
  }

  var response: any Response {
    switch responseName {
    case .bernoulli: BernoulliResponse()
    case .normal: NormalResponse(noise: noise)
    case .poisson: PoissonResponse()
    }
  }
}
