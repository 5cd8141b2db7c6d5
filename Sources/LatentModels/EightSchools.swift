internal import CKernels
public import GradientEstimation

/// Eight schools, a hierarchical model of the effects of coaching, Rubin (1981)
///
///     mu ~ N(0, 5²),   tau ~ half-Cauchy(5),   theta_j ~ N(mu, tau²),   y_j ~ N(theta_j, s_j²),   j = 1…8
///
/// - `parametrisation=centred`: z = (mu, log tau, theta_1…8); `non-centred`: z = (mu, log tau, eta_1…8) with
///   theta = mu + tau eta, eta ~ N(0, 1). The density is that of z, the Jacobian of log tau included.
/// - Exact: ELBO and gradient under a mean-field normal, from the moments of the log-normal tau and, for the half-Cauchy
///   density, those of a softplus by quadrature; the evidence, by quadrature over log tau.
/// - Cost: three exponentials and one logarithm an evaluation.
public struct EightSchools: LatentModel, TwiceDifferentiableModel, NormalExpectations, IntegrandSpecification {
  public enum Parametrisation: String, CaseIterable, Sendable {
    case centred
    case nonCentred = "non-centred"
  }

  public var parametrisation = Parametrisation.centred
  public init() {}

  static let effects: [Double] = [28, 8, -3, 7, -1, 1, 18, 12]
  /// Their standard errors s.
  static let errors: [Double] = [15, 10, 16, 11, 9, 11, 10, 18]
  static let precisions = errors.map { 1 / ($0 * $0) }
  /// Standard deviation of mu and scale of tau a priori.
  static let hyperscale = 5.0
  /// log 5² : log(1 + tau²/5²) is the softplus of 2 log tau less this.
  static let logSquare = 2 * wb_log(hyperscale)
  /// log 2/(5 π), of the half-Cauchy density, and ½ log 1/(2π 5²), of the normal one.
  static let hyperpriorConstant = wb_log(2 / (hyperscale * Double.pi)) - 0.5 * (logTwoPi + logSquare)
  /// Σ_j ½ log(1/(2π s_j²))
  static let likelihoodConstant = precisions.reduce(0) { $0 + 0.5 * (wb_log($1) - logTwoPi) }

  public var dimension: Int { 2 + Self.effects.count }
  public var logEvidence: Double? { EightSchoolsMarginal.logEvidence }

  public func makeIntegrand() throws(ComponentError) -> any Integrand { self }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let lanes = draws.shape.lanes
    let isCentred = parametrisation == .centred
    evaluation.store(.prior, needed, at: draws) { z, values, gradient in
      storeHyperprior(z, values, gradient, lanes)
      if isCentred {
        addCentredPrior(z, values, gradient, lanes)
      } else {
        addStandardNormals(z, values, gradient, lanes)
      }
    }
    evaluation.store(.likelihood, needed, at: draws) { z, values, gradient in
      if let values { for lane in 0..<lanes { values[lane] = Self.likelihoodConstant } }
      if let gradient { for i in 0..<2 * lanes { gradient[i] = 0 } }
      if isCentred {
        addCentredLikelihood(z, values, gradient, lanes)
      } else {
        addNonCentredLikelihood(z, values, gradient, lanes)
      }
    }
    storeDiagonalHessians(needed, at: draws, into: &evaluation)
  }

  private typealias Input = UnsafePointer<Double>
  private typealias Output = UnsafeMutablePointer<Double>?

  /// log N(mu; 0, 5²) + log p(log tau) and its two derivatives.
  private func storeHyperprior(_ z: Input, _ values: Output, _ gradient: Output, _ lanes: Int) {
    let precision = 1 / (Self.hyperscale * Self.hyperscale)
    for lane in 0..<lanes {
      let mu = z[lane], logScale = z[lanes + lane], t = 2 * logScale - Self.logSquare
      let small = wb_exp(-abs(t))
      if let values {
        let softplus = max(t, 0) + wb_log(1 + small)
        values[lane] = Self.hyperpriorConstant - 0.5 * precision * (mu * mu) + logScale - softplus
      }
      if let gradient {
        gradient[lane] = -precision * mu
        gradient[lanes + lane] = 1 - 2 * (t > 0 ? 1 / (1 + small) : small / (1 + small))
      }
    }
  }

  /// Σ_j log N(theta_j; mu, tau²)
  private func addCentredPrior(_ z: Input, _ values: Output, _ gradient: Output, _ lanes: Int) {
    let count = Self.effects.count
    withUnsafeTemporaryAllocation(of: Double.self, capacity: lanes) { precision in
      for lane in 0..<lanes { precision[lane] = wb_exp(-2 * z[lanes + lane]) }
      if let values {
        for lane in 0..<lanes { values[lane] -= Double(count) * (0.5 * logTwoPi + z[lanes + lane]) }
      }
      if let gradient { for lane in 0..<lanes { gradient[lanes + lane] -= Double(count) } }
      for j in 2..<2 + count {
        for lane in 0..<lanes {
          let distance = z[j * lanes + lane] - z[lane], pull = precision[lane] * distance
          if let values { values[lane] -= 0.5 * pull * distance }
          if let gradient {
            gradient[lane] += pull
            gradient[lanes + lane] += pull * distance
            gradient[j * lanes + lane] = -pull
          }
        }
      }
    }
  }

  /// Σ_j log N(eta_j; 0, 1)
  private func addStandardNormals(_ z: Input, _ values: Output, _ gradient: Output, _ lanes: Int) {
    for j in 2..<dimension {
      for lane in 0..<lanes {
        let eta = z[j * lanes + lane]
        if let values { values[lane] -= 0.5 * (logTwoPi + eta * eta) }
        if let gradient { gradient[j * lanes + lane] = -eta }
      }
    }
  }

  /// Σ_j log N(y_j; theta_j, s_j²) but its constant.
  private func addCentredLikelihood(_ z: Input, _ values: Output, _ gradient: Output, _ lanes: Int) {
    for (j, effect) in Self.effects.enumerated() {
      let precision = Self.precisions[j], row = (2 + j) * lanes
      for lane in 0..<lanes {
        let residual = effect - z[row + lane]
        if let values { values[lane] -= 0.5 * precision * (residual * residual) }
        if let gradient { gradient[row + lane] = precision * residual }
      }
    }
  }

  /// Σ_j log N(y_j; mu + tau eta_j, s_j²) but its constant.
  private func addNonCentredLikelihood(_ z: Input, _ values: Output, _ gradient: Output, _ lanes: Int) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: lanes) { tau in
      for lane in 0..<lanes { tau[lane] = wb_exp(z[lanes + lane]) }
      for (j, effect) in Self.effects.enumerated() {
        let precision = Self.precisions[j], row = (2 + j) * lanes
        for lane in 0..<lanes {
          let deviation = tau[lane] * z[row + lane], residual = effect - z[lane] - deviation
          let pull = precision * residual
          if let values { values[lane] -= 0.5 * pull * residual }
          if let gradient {
            gradient[lane] += pull
            gradient[lanes + lane] += pull * deviation
            gradient[row + lane] = pull * tau[lane]
          }
        }
      }
    }
  }

  public static let descriptor = Descriptor<Self>(
    id: "eight-schools", summary: "a hierarchical normal model of eight small trials, its scale unknown",
    equation: "mu ~ N(0, 5²),  tau ~ half-Cauchy(5),  theta_j ~ N(mu, tau²),  y_j | theta_j ~ N(theta_j, s_j²)",
    notes: [
      Note(
        "Data",
        "y = 28, 8, −3, 7, −1, 1, 18, 12 and s = 15, 10, 16, 11, 9, 11, 10, 18: the effects of coaching and their standard errors."
      ),
      Note(
        "Coordinates",
        "D = 10. centred: z = (mu, log tau, theta_1…8), whose posterior narrows with tau as a funnel does; non-centred: z = (mu, log tau, eta_1…8), theta = mu + tau eta. The density is that of z."
      ),
      Note(
        "Exact", "ELBO and gradient; evidence −31.311, by quadrature over log tau, the same for both parametrisations."),
      Note("Serves", "values, gradients and Hessians of prior and likelihood."),
    ],
    references: [
      Reference("rubin1981", "table 1"), Reference("gelman2013", "section 5.5"), Reference("betancourt2015"),
    ],
    options: [
      .choice(
        "parametrisation", \.parametrisation, "whether z holds the effects theta, or their standardised deviations eta")
    ],
    examples: [
      Example(
        options: ["parametrisation": "centred"],
        normals: [
          NormalPoint(
            mean: [-8, 0.7, 6, 2, -4, 1, -3, 0, 4, 3], scale: [1.5, 0.25, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]),
          NormalPoint(mean: [6, 1, 2, 9, 5, 1, 7, 3, 2, 8], scale: [1, 0.3, 1.2, 1, 1, 1.2, 1, 1, 1.2, 1]),
        ], families: checkedFamilies),
      Example(
        options: ["parametrisation": "non-centred"],
        normals: [
          NormalPoint(
            mean: [8, 2.5, 3, -3, 1.5, 3, -3, 3, 3, 0], scale: [2, 0.35, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]),
          NormalPoint(mean: [9, 2.5, 1, -1.5], scale: [1.5, 0.25, 0.8, 0.6]),
        ], families: checkedFamilies),
    ])

  /// Not mixtures, whose draws cost much in ten dimensions.
  private static let checkedFamilies = [
    "mean-field-normal", "full-rank-normal", "low-rank-normal", "student-t", "affine-coupling",
  ]
}
