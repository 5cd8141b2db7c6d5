public import GradientEstimation

/// `conjugate-regression`: linear regression with unknown noise.
public struct ConjugateRegressionSpecification: IntegrandSpecification {
  public var data = "diabetes"
  public var target = ""
  public var standardize = true
  public var intercept = true
  public var priorScale = 1.0
  public var shape = 1.0
  public var rate = 1.0
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "conjugate-regression", summary: "Bayesian linear regression with unknown noise and its conjugate prior",
    equation: "τ ~ Gamma(shape, rate),  w | τ ~ N(0, prior_scale²/τ I_D),  y_n | w, τ ~ N(x_n·w, 1/τ),  z = (w, log τ)",
    notes: [
      Note(
        "Data",
        "diabetes is shipped (442 × 10, and the intercept: D = 11, and z has 12 coordinates); else the path of a CSV file with a header, numeric columns and a numeric target. standardize=true standardises the target too."
      ),
      Note("Exact", "ELBO and gradient; evidence. The posterior is a normal-gamma: no family of normals has it."),
      Note("Serves", "values, gradients and Hessians of prior and likelihood."),
      Note("Coordinate ascent", "q(w) q(τ), a normal of any covariance and a gamma, each in closed form."),
    ],
    references: [
      Reference("murphy2012", "section 7.6.3"), Reference("drugowitsch2013"), Reference("efron2004"),
    ],
    options: [
      .text(
        "data", \.data, "the name of a shipped data set, or the path of a CSV file, from the working directory"),
      .text("target", \.target, "name of the target column; empty: the last"),
      .flag("standardize", \.standardize, "give every column, the target too, mean 0 and standard deviation 1"),
      .flag("intercept", \.intercept, "add a column of ones"),
      .real(
        "prior_scale", \.priorScale, in: RealBounds(lower: 1e-6, upper: 1e6),
        "standard deviation of every coefficient a priori, in that of the noise"),
      .real("shape", \.shape, in: RealBounds(lower: 1e-6, upper: 1e6), "of the gamma prior of τ"),
      .real("rate", \.rate, in: RealBounds(lower: 1e-6, upper: 1e6), "of the gamma prior of τ"),
    ],
    examples: [
      Example(
        options: ["data": "iris", "target": "petal_width", "prior_scale": "0.5"],
        normals: [NormalPoint(mean: 0.3, scale: 0.3), NormalPoint(mean: -0.5, scale: 0.5)],
        families: ["mean-field-normal"])
    ])

  public var inputFiles: [String] { NumericTable.inputFiles(data) }

  /// - Throws: `ComponentError` for data that cannot be read.
  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let table = try NumericTable.load(data)
    let data = try RegressionData(
      table, target: target, in: .numbers, standardize: standardize, intercept: intercept)
    let model = NormalGammaRegression(data, shape: shape, rate: rate, priorScale: priorScale)
    guard model.mean.allSatisfy(\.isFinite) else {
      throw ComponentError(option: "data", "\(table.source): the regression has no solution in floating point")
    }
    return model
  }
}
