internal import CKernels
public import GradientEstimation

/// Probabilistic principal component analysis, its parameters at their maximum likelihood
///
///     z_n ~ N(0, I_k),   x_n | z_n ~ N(W z_n + μ, σ² I_d)
///
/// Tipping and Bishop (1999), equations (7) and (8): with λ the eigenvalues of the data's covariance and U its
/// eigenvectors, σ² is the mean of the eigenvalues beyond the k-th, and W = U_k (Λ_k − σ² I)^½. The components of z_n
/// are those of one datum, or of all of them, one after the other.
///
/// - Exact: ELBO and gradient under a mean-field normal; evidence; posterior. In this rotation WᵀW is diagonal, and the
///   posterior N(W ᵀ(x − μ)/λ, σ²/λ) is a mean-field normal.
/// - Cost: O(D) an evaluation: of x only its projections matter, and a constant.
public struct ProbabilisticPCA: LatentModel, TwiceDifferentiableModel, FactorizedModel, NormalExpectations {
  public var data = "iris"
  public var label = ""
  public var standardize = false
  public var components = 2
  public var datum: Int? = 1

  private var standard = DiagonalNormal.standard(2)
  /// log p(x | z) is this density's logarithm, and a constant for each coordinate.
  private var likelihood = DiagonalNormal.standard(2)
  private var constants: [Double] = [0, 0]
  /// Proportional to the product of prior and likelihood.
  private var joint = DiagonalNormal.standard(2)
  private var evidence = 0.0

  public init() {}

  public var dimension: Int { standard.mean.count }
  public var prior: (any Prior)? { standard }
  public var servesSums: Bool { true }
  public var factorizedTerms: Terms { [.prior, .likelihood] }
  public var logEvidence: Double? { evidence }
  public var namedDistributions: [String: any Prior] { ["prior": standard, "posterior": joint] }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    standard.store(.prior, needed, at: draws, into: &evaluation)
    likelihood.store(.likelihood, needed, at: draws, into: &evaluation, constants: constants)
    joint.storeGradient(of: [.prior, .likelihood], needed, at: draws, into: &evaluation)
  }

  public func hessian(of term: Term, at z: [Double]) -> [Double] {
    term == .prior ? standard.hessian : likelihood.hessian
  }

  public func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    switch term {
    case .prior: standard.covarianceMoments(mean: mean, covariance: covariance)
    case .likelihood: likelihood.covarianceMoments(mean: mean, covariance: covariance, constants: constants)
    default: nil
    }
  }

  public func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    switch term {
    case .prior: standard.hermiteMoments(mean: mean, scale: scale)
    case .likelihood: likelihood.hermiteMoments(mean: mean, scale: scale, constants: constants)
    default: nil
    }
  }

  /// With the projections a_i of x_n − μ on the axes and w_i = (λ_i − σ²)^½, log p(x_n | z_n) = Σ_i log N(a_i; w_i z_i, σ²)
  /// and log N(r; 0, σ² I) of the rest r of x_n, of dimension d − k; and as functions of z_i,
  /// log N(a_i; w_i z_i, σ²) = log N(z_i; a_i/w_i, σ²/w_i²) − log w_i.
  private mutating func fit(_ found: PrincipalComponents, rows: [Double], chosen: [Int]) throws(ComponentError) {
    let d = found.mean.count, k = components
    let variance = found.variances[k...].reduce(0, +) / Double(d - k)
    guard variance > 0, found.variances[k - 1] - variance > 1e-9 * found.variances[0] else {
      throw ComponentError(
        option: "components", "the data have no \(k) principal components that stand out of noise in the others")
    }
    let weights = (0..<k).map { (found.variances[$0] - variance).squareRoot() }, logVariance = wb_log(variance)
    var means: [Double] = [], constants: [Double] = []
    evidence = 0
    for n in chosen {
      let deviation = (0..<d).map { rows[n * d + $0] - found.mean[$0] }
      let projections = (0..<d).map { i in (0..<d).reduce(0.0) { $0 + found.axes[i * d + $1] * deviation[$1] } }
      let rest = projections[k...].reduce(0) { $0 + $1 * $1 } / variance
      let restDensity = -0.5 * (Double(d - k) * (logTwoPi + logVariance) + rest)
      evidence += restDensity
      for i in 0..<k {
        means.append(projections[i] / weights[i])
        // ½ log(w²/2πσ²) of the density in z less log w.
        constants.append(-0.5 * (logTwoPi + logVariance) + restDensity / Double(k))
        evidence -=
          0.5 * (logTwoPi + wb_log(found.variances[i]) + projections[i] * projections[i] / found.variances[i])
      }
    }
    let scales = (0..<means.count).map { variance.squareRoot() / weights[$0 % k] }
    standard = .standard(means.count)
    likelihood = DiagonalNormal(mean: means, scale: scales)
    joint = standard.product(with: likelihood)
    self.constants = constants
  }
}

extension ProbabilisticPCA: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "probabilistic-pca", summary: "probabilistic principal component analysis, fitted; its latent z",
    equation: "z_n ~ N(0, I_k),  x_n | z_n ~ N(W z_n + μ, σ² I_d),  W, μ and σ² at their maximum likelihood",
    notes: [
      Note(
        "Data",
        "iris (150 × 4) and wine (178 × 13) are shipped; else the path of a CSV file with a header and numeric columns. One column is a label and left out. All rows make W, μ and σ²; z is of one datum, or of all with datum=none: D = k or N k."
      ),
      Note(
        "Exact", "ELBO, gradient, evidence, posterior; points prior and posterior. The family contains the posterior."),
      Note("Serves", "values, gradients and Hessians of prior and likelihood; both factorise over coordinates."),
    ],
    references: [
      Reference("tipping1999", "equations (7) and (8)"), Reference("fisher1936"), Reference("aeberhard1992"),
    ],
    options: [
      .text(
        "data", \.data, "the name of a shipped data set, or the path of a CSV file, from the working directory"),
      .text("label", \.label, "name of the column that is left out; empty: the last; none: all are data"),
      .flag("standardize", \.standardize, "give every column mean 0 and standard deviation 1"),
      .integer("components", \.components, in: 1...1000, "k, fewer than the columns"),
      .integer("datum", \.datum, in: 1...1_000_000_000, "the row whose z it is, from 1; none: those of all rows"),
    ],
    examples: [
      Example(
        options: ["datum": "107"],
        normals: [NormalPoint(mean: [2, -1], scale: [0.5]), NormalPoint(mean: [-1], scale: [0.4, 0.8])])
    ])

  public var inputFiles: [String] { NumericTable.inputFiles(data) }

  /// - Throws: `ComponentError` for a file that cannot be read, a row or column that it has not, more components than
  ///   columns leave room for, or data that are constant in the directions beyond the k-th.
  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let table = try NumericTable.load(data)
    let dropped = label == "none" && !table.columns.contains("none") ? nil : try table.index(of: label, option: "label")
    let columns = table.columns.indices.filter { $0 != dropped }
    guard components < columns.count else {
      throw ComponentError(
        option: "components", "is \(components), and must be less than the number of columns, \(columns.count)")
    }
    if let datum, datum > table.rowCount {
      throw ComponentError(option: "datum", "is \(datum), and the data have \(table.rowCount) rows")
    }
    var rows = [Double](repeating: 0, count: table.rowCount * columns.count)
    for (place, column) in columns.enumerated() {
      let values = standardize ? try table.standardizedColumn(column) : table.column(column)
      for n in values.indices { rows[n * columns.count + place] = values[n] }
    }
    guard let found = PrincipalComponents(rows, dimension: columns.count) else {
      throw ComponentError(option: "data", "\(table.source): the eigenvalues of its covariance cannot be had")
    }
    var model = self
    try model.fit(found, rows: rows, chosen: datum.map { [$0 - 1] } ?? Array(0..<table.rowCount))
    return model
  }
}
