internal import CKernels
public import GradientEstimation
internal import Randomness

/// The linear Gaussian state-space model with one state and known parameters
///
///     z_1 ~ N(0, initial_scale²),   z_t ~ N(coefficient z_{t−1}, transition_noise²),   y_t ~ N(z_t, noise²),   t = 1…T
///
/// an autoregression, or at `coefficient=1` a random walk, that is observed with noise.
///
/// - Data: made from the model itself by `seed`; or a column of a CSV file, a row for each step.
/// - Exact: ELBO and gradient under a mean-field normal; evidence and posterior, a normal with the tridiagonal precision
///   that the prior's is plus I/noise², which no mean-field normal is.
/// - Cost: O(T) an evaluation.
public struct StateSpaceModel: LatentModel, TwiceDifferentiableModel, FactorizedModel, NormalExpectations {
  public var steps = 20
  public var coefficient = 0.9
  public var initialScale = 1.0
  public var transitionNoise = 0.5
  public var noise = 0.5
  public var seed = 1
  public var data = ""
  public var target = ""

  private var states = AutoregressiveNormal(mean: [0], precision: 1, correlation: 0)
  private var observations = DiagonalNormal.standard(1)
  private var posterior: NormalPosterior?

  public init() {}

  public var dimension: Int { states.mean.count }
  public var factorizedTerms: Terms { .likelihood }

  public var logEvidence: Double? {
    posterior.map { posterior in
      let likelihood = observations.hermiteMoments(mean: posterior.mean, scale: posterior.mean.map { _ in 0 }).value
      return posterior.logEvidence(jointAtMean: states.logDensity(posterior.mean) + likelihood)
    }
  }

  public var namedDistributions: [String: any Prior] {
    guard dimension <= NormalPosterior.largestDimension, let posterior = posterior?.distribution else { return [:] }
    return ["prior": MultivariateNormal(mean: states.mean, precision: states.precision.dense), "posterior": posterior]
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    states.store(.prior, needed, at: draws, into: &evaluation)
    observations.store(.likelihood, needed, at: draws, into: &evaluation)
  }

  public func hessian(of term: Term, at z: [Double]) -> [Double] {
    term == .prior ? states.hessian : observations.hessian
  }

  public func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    switch term {
    case .prior: states.covarianceMoments(mean: mean, covariance: covariance)
    case .likelihood: observations.covarianceMoments(mean: mean, covariance: covariance)
    default: nil
    }
  }

  public func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    switch term {
    case .prior: states.hermiteMoments(mean: mean, scale: scale)
    case .likelihood: observations.hermiteMoments(mean: mean, scale: scale)
    default: nil
    }
  }
}

extension StateSpaceModel: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "state-space", summary: "a linear Gaussian state-space model: an autoregression or a random walk with noise",
    equation:
      "z_1 ~ N(0, initial_scale²),  z_t ~ N(coefficient z_{t−1}, transition_noise²),  y_t | z_t ~ N(z_t, noise²)",
    notes: [
      Note(
        "Data",
        "made from the model by seed, for so many steps; else data=PATH, a CSV file with a header, whose column target is y, a row for each step. The parameters are known: nothing is learned of them."
      ),
      Note(
        "Exact",
        "ELBO and gradient; evidence; prior and posterior up to D = \(NormalPosterior.largestDimension), both correlated: mean-field-normal has no member that is either."
      ),
      Note(
        "Serves", "values, gradients and Hessians of prior and likelihood; the likelihood factorises over coordinates."),
    ],
    references: [Reference("kalman1960"), Reference("durbin2012", "section 2.1")],
    options: [
      .integer("steps", \.steps, in: 1...100_000, "T, the number of steps of data that are made"),
      .real(
        "coefficient", \.coefficient, in: RealBounds(lower: -1, upper: 1),
        "of a state in the next; 1: a random walk"),
      .real("initial_scale", \.initialScale, in: scales, "standard deviation of the first state"),
      .real("transition_noise", \.transitionNoise, in: scales, "standard deviation of a state given the one before"),
      .real("noise", \.noise, in: scales, "standard deviation of y given the state"),
      .integer("seed", \.seed, in: 0...1_000_000, "which data are made"),
      .text("data", \.data, "the path of a CSV file or the name of a shipped data set; empty: data are made"),
      .text("target", \.target, "name of the column that is y; empty: the last"),
    ],
    examples: [
      Example(
        options: ["steps": "4", "coefficient": "1", "noise": "0.7"],
        normals: [NormalPoint(mean: [2, -1], scale: [0.6]), NormalPoint(mean: [-1, -2], scale: [0.5, 0.8])])
    ])

  private static let scales = RealBounds(lower: 1e-6, upper: 1e6)

  public func check() throws(ComponentError) {
    let defaults = StateSpaceModel()
    if data.isEmpty {
      if !target.isEmpty { throw ComponentError(option: "target", "has no effect without data") }
    } else if steps != defaults.steps {
      throw ComponentError(option: "steps", "has no effect with data: there are as many as the file has rows")
    } else if seed != defaults.seed {
      throw ComponentError(option: "seed", "has no effect with data: none are made")
    }
  }

  public var inputFiles: [String] { NumericTable.inputFiles(data) }

  /// - Throws: `ComponentError` for a file that cannot be read or has no such column, and where states and noise differ
  ///   by so many orders of magnitude that the posterior cannot be had.
  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let y = data.isEmpty ? try madeData() : try NumericTable.load(data).target(target)
    var model = self
    let later = 1 / (transitionNoise * transitionNoise)
    model.states = AutoregressiveNormal(
      mean: y.map { _ in 0 }, firstPrecision: 1 / (initialScale * initialScale), innovationPrecision: later,
      coefficient: coefficient)
    model.observations = DiagonalNormal(mean: y, scale: y.map { _ in noise })
    let observed = model.observations.precision
    model.posterior = NormalPosterior(precision: model.states.precision.adding(diagonal: observed)) { solve in
      solve(zip(y, observed).map { $0 * $1 })
    }
    guard model.posterior != nil else {
      throw ComponentError(option: "noise", "is too far from transition_noise: the posterior is singular in rounding")
    }
    return model
  }

  /// States and observations of the model: the first T numbers of a stream make the states, the others the noise.
  private func madeData() throws(ComponentError) -> [Double] {
    var numbers = [Double](repeating: 0, count: 2 * steps)
    do {
      guard let generator = Generator.named("mt19937") else { throw RandomnessError("there is no generator mt19937") }
      var stream = try RandomStream(generator, index: UInt(seed)), span = numbers.mutableSpan
      stream.fillNormals(&span)
    } catch {
      throw ComponentError(option: "seed", "\(error)")
    }
    var state = initialScale * numbers[0]
    return (0..<steps).map { t in
      if t > 0 { state = coefficient * state + transitionNoise * numbers[t] }
      return state + noise * numbers[steps + t]
    }
  }
}

extension NumericTable {
  /// The column of that name; of an empty one, the last.
  func target(_ name: String) throws(ComponentError) -> [Double] {
    column(try index(of: name, option: "target"))
  }

  /// The index of the column of that name; of an empty one, the last.
  func index(of name: String, option: String) throws(ComponentError) -> Int {
    guard let index = name.isEmpty ? columns.count - 1 : columns.firstIndex(of: name) else {
      throw ComponentError(
        option: option, "\(source) has no column '\(name)'; it has \(columns.joined(separator: ", "))")
    }
    return index
  }
}
