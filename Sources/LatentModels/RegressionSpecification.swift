internal import GradientEstimation

/// The options that all regression models have.
public struct RegressionOptions: Hashable, Sendable {
  public var data: String
  public var target = ""
  public var standardize = true
  public var intercept = true
  public var minibatch: Int?
  public var priorScale = 1.0
}

/// A regression model by its options: those of `RegressionOptions`, and what its response adds.
protocol RegressionSpecification: IntegrandSpecification {
  var options: RegressionOptions { get set }
  var response: any Response { get }
}

extension RegressionSpecification {
  /// In the order of canonical text.
  static var sharedOptions: [Option<Self>] {
    [
      .text(
        "data", \.options.data, "the name of a shipped data set, or the path of a CSV file, from the working directory"),
      .text("target", \.options.target, "name of the target column; empty: the last"),
      .flag("standardize", \.options.standardize, standardizeSummary),
      .flag("intercept", \.options.intercept, "add a column of ones"),
      .integer("minibatch", \.options.minibatch, in: 1...1_000_000_000, "M data an estimate, without replacement"),
      .real(
        "prior_scale", \.options.priorScale, in: RealBounds(lower: 1e-6, upper: 1e6),
        "standard deviation of every coefficient a priori"),
    ]
  }

  private static var standardizeSummary: String {
    "give every column\(type(of: Self().response).target.isStandardized ? ", the target too," : "") mean 0 and standard deviation 1"
  }

  public var inputFiles: [String] { NumericTable.inputFiles(options.data) }

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let response = response
    let data = try RegressionData(
      try NumericTable.load(options.data), target: options.target, in: type(of: response).target,
      standardize: options.standardize, intercept: options.intercept)
    if let minibatch = options.minibatch, minibatch > data.target.count {
      throw ComponentError(option: "minibatch", "is \(minibatch), and the data have \(data.target.count) rows")
    }
    return Regression(response, data: data, priorScale: options.priorScale, minibatch: options.minibatch)
  }
}
