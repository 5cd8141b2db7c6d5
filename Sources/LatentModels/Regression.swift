internal import CKernels
public import GradientEstimation

/// A generalised linear regression: N data, each by its linear predictor,
///
///     z ~ N(0, prior_scale² I_D),   y_n | z ~ p(y_n | η_n),   η_n = x_n·z,   n = 1…N
///
/// What p is, a `Response` says: `LogisticRegression`, `LinearRegression` and `PoissonRegression` are this model.
///
/// - Exact: ELBO and gradient under a mean-field normal, where the predictor is normal and the expectation a sum of N
///   one-dimensional ones; evidence and posterior where the response is conjugate.
/// - `minibatch=M` estimates the log likelihood from M data without replacement, weighted N/M; an evaluation then
///   counts M/N, and what is exact stays the full data's.
/// - Cost: O(N D) an evaluation.
public struct Regression: LatentModel, TwiceDifferentiableModel, FactorizedModel, SubsampledModel, NormalExpectations {
  public let data: RegressionData
  public let minibatch: Int?
  let response: any Response
  let normalPrior: DiagonalNormal
  private let conjugate: ConjugateRegression?
  /// The parts of log p(y_n | η_n) without η_n, `[N]`; empty where there are none.
  private let offsets: [Double]
  /// The data as the kernel wants them where draws are few; empty for minibatches, which it picks from the rows.
  private let panels: [Double]

  /// - Parameter minibatch: M; N or nil uses all data.
  init(_ response: any Response, data: RegressionData, priorScale: Double = 1, minibatch: Int? = nil) {
    self.data = data
    self.response = response
    self.minibatch = minibatch == data.target.count ? nil : minibatch
    normalPrior = DiagonalNormal(
      mean: data.columns.map { _ in 0 }, scale: data.columns.map { _ in priorScale })
    conjugate = response.conjugate(data, prior: normalPrior)
    offsets = response.hasOffsets ? data.target.map { response.offset($0) } : []
    panels = self.minibatch == nil ? Self.panels(data, offsets) : []
  }

  private init(_ model: Regression, minibatch: Int?) {
    (data, response, normalPrior) = (model.data, model.response, model.normalPrior)
    (conjugate, offsets, panels) = (model.conjugate, model.offsets, model.panels)
    self.minibatch = minibatch
  }

  private static func panels(_ data: RegressionData, _ offsets: [Double]) -> [Double] {
    let (n, d) = (data.target.count, data.columns.count)
    var panels = [Double](repeating: 0, count: wb_regression_panels_size(n, d))
    wb_regression_panels(data.design, data.target, offsets.isEmpty ? nil : offsets, n, d, &panels)
    return panels
  }

  public var dimension: Int { data.columns.count }
  public var dataCount: Int { data.target.count }
  public var withAllData: any SubsampledModel { Regression(self, minibatch: nil) }
  public var prior: (any Prior)? { normalPrior }
  public var factorizedTerms: Terms { .prior }
  public var logEvidence: Double? { conjugate?.logEvidence }

  public var namedDistributions: [String: any Prior] {
    guard let conjugate else { return ["prior": normalPrior] }
    return ["prior": normalPrior, "posterior": conjugate.posterior]
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    normalPrior.store(.prior, needed, at: draws, into: &evaluation)
    if needed.diagonalHessians.contains(Term.likelihood) { storeDiagonalHessian(at: draws, into: &evaluation) }
    let values = needed.values.contains(.likelihood), gradient = needed.gradients.contains(.likelihood)
    guard values || gradient else { return }
    let shape = draws.shape
    draws.z.withUnsafeBufferPointer { z in
      draws.dataIndices.withUnsafeBufferPointer { indices in
        // A quantity that was not asked for has an empty array, whose address is not to be written to.
        evaluation.withValuesAndGradient(of: .likelihood) { valueRow, gradientRows in
          wb_regression(
            response.kernel, response.precision, data.design, data.target, offsets,
            panels.isEmpty ? nil : panels, dataCount, indices.isEmpty ? nil : indices.baseAddress,
            indices.count / shape.lanes, z.baseAddress,
            values ? valueRow.baseAddress : nil, gradient ? gradientRows.baseAddress : nil, shape.samples, dimension,
            shape.lanes)
        }
      }
    }
  }

  /// With slopes a = x_n ⊙ s the predictor is N(x_n·m, |a|²), and ∂ʲ/∂ε_dʲ of a function of it is a_dʲ times its j-th
  /// derivative.
  public func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    if term == .prior { return normalPrior.hermiteMoments(mean: mean, scale: scale) }
    guard term == .likelihood else { return nil }
    let d = dimension, zeros = [Double](repeating: 0, count: d)
    var moments = HermiteMoments(value: 0, first: zeros, second: zeros, fourth: zeros)
    var slopes = zeros
    for n in 0..<dataCount {
      var center = 0.0, variance = 0.0
      for i in 0..<d {
        let x = data.design[n * d + i]
        slopes[i] = x * scale[i]
        center += x * mean[i]
        variance += slopes[i] * slopes[i]
      }
      let row = response.moments(data.target[n], center: center, variance: variance)
      moments.value += row.value
      for i in 0..<d {
        let square = slopes[i] * slopes[i]
        moments.first[i] += slopes[i] * row.first
        moments.second[i] += square * row.second
        moments.fourth[i] += square * square * row.fourth
      }
    }
    return moments
  }

  /// The predictor is N(x_n·m, x_nᵀ Σ x_n): E ∇ and E ∇² of a function of it are x_n E g′ and x_n x_nᵀ E g″.
  public func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    if term == .prior { return normalPrior.covarianceMoments(mean: mean, covariance: covariance) }
    guard term == .likelihood else { return nil }
    let d = dimension
    var moments = CovarianceMoments(
      value: 0, gradient: Array(repeating: 0, count: d), hessian: Array(repeating: 0, count: d * d))
    data.design.withUnsafeBufferPointer { design in
      covariance.withUnsafeBufferPointer { covariance in
        moments.hessian.withUnsafeMutableBufferPointer { hessian in
          for n in 0..<dataCount {
            let x = UnsafeBufferPointer(rebasing: design[n * d..<(n + 1) * d])
            var center = 0.0, variance = 0.0
            for i in 0..<d {
              center += x[i] * mean[i]
              var sum = 0.0
              for j in 0..<i { sum += covariance[i * d + j] * x[j] }
              variance += x[i] * (2 * sum + covariance[i * d + i] * x[i])
            }
            let row = response.moments(data.target[n], center: center, variance: max(variance, 0))
            moments.value += row.value
            for i in 0..<d {
              moments.gradient[i] += x[i] * row.first
              let factor = x[i] * row.second
              for j in 0...i { hessian[i * d + j] += factor * x[j] }
            }
          }
          for i in 0..<d { for j in 0..<i { hessian[j * d + i] = hessian[i * d + j] } }
        }
      }
    }
    return moments
  }
}

/// How a datum y follows from its linear predictor η: g(η) = log p(y | η).
protocol Response: Sendable {
  /// What y may be.
  static var target: TargetDomain { get }
  /// How the kernels know it.
  var kernel: wb_response { get }
  /// The precision of y given η, where it is a parameter.
  var precision: Double { get }
  /// Whether g has parts without η, and that of y.
  var hasOffsets: Bool { get }
  func offset(_ y: Double) -> Double
  /// Puts g″(η), which no y enters, in the place of each η.
  func replaceByCurvature(_ predictors: UnsafeMutableBufferPointer<Double>)
  /// E g and E dʲg/dηʲ, j = 1, 2, 4, under η ~ N(center, variance).
  func moments(
    _ y: Double, center: Double, variance: Double
  ) -> (value: Double, first: Double, second: Double, fourth: Double)
  /// Posterior and evidence in closed form, or nil where there are none.
  func conjugate(_ data: RegressionData, prior: DiagonalNormal) -> ConjugateRegression?
}

extension Response {
  var precision: Double { 1 }
  var hasOffsets: Bool { true }
  func conjugate(_ data: RegressionData, prior: DiagonalNormal) -> ConjugateRegression? { nil }
}
