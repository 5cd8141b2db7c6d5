internal import GradientEstimation

/// What a rule is applied to beside f, for what is known of its expectation.
public enum ControlVariate: String, CaseIterable, Sendable {
  case none
  /// The second-order Taylor polynomial of f about the mean of q (the delta method).
  case delta
}

/// How much of a control variate is subtracted.
public enum ControlCoefficient: String, CaseIterable, Sendable {
  case one
  /// Cov(ĝ_p, c_p) / Var(c_p), for each parameter, from estimates made for that.
  case regressed
}

/// The options of an estimator that takes a control variate. With a rule that estimates ∇E f by ĝ(f), linear in f, and a
/// quadratic t,
///
///     ĝ_p(f) − a_p (ĝ_p(t) − ∂_p E t)
///
/// has the same expectation whatever a; its variance is 1 − ρ² times that of ĝ_p(f) at a = Cov/Var, ρ the correlation of
/// ĝ_p(f) and ĝ_p(t) (Paisley, Blei and Jordan 2012, section 3).
public struct ControlVariateOptions: Hashable, Sendable {
  public var variate = ControlVariate.none
  public var coefficient = ControlCoefficient.one

  public init(_ variate: ControlVariate = .none, coefficient: ControlCoefficient = .one) {
    self.variate = variate
    self.coefficient = coefficient
  }

  /// A Hessian is `[D × D]`.
  static let largestDimension = 2048

  /// How the coefficients are brought up.
  var warmUp: WarmUp? {
    variate == .none || coefficient == .one ? nil : WarmUp(lanes: 128, batches: 8)
  }

  func check() throws(ComponentError) {
    if variate == .none, coefficient != .one {
      throw ComponentError(option: "coefficient", "has no effect without a control_variate")
    }
  }

  /// - Throws: `EstimatorError` naming what the problem lacks for it.
  func check(_ problem: Problem) throws(EstimatorError) {
    guard variate != .none else { return }
    guard problem.model is any TwiceDifferentiableModel else {
      throw EstimatorError("control_variate=\(variate.rawValue) needs second derivatives of the model in z")
    }
    guard problem.family is any IndependentNormalFamily else {
      throw EstimatorError("control_variate=\(variate.rawValue) needs a family of independent normals")
    }
    guard problem.model.dimension <= Self.largestDimension else {
      throw EstimatorError(
        "control_variate=\(variate.rawValue) holds a Hessian and is offered up to dimension \(Self.largestDimension)")
    }
  }

  static let note = Note(
    "Control variate",
    "control_variate=delta applies the rule to t as well, the second-order Taylor polynomial of f about the mean of q, and adds what is known of it: ĝ(f) − a (ĝ(t) − ∇E t). Needs second derivatives of the model and a family of independent normals, and costs a Hessian on all data at each λ. coefficient: one, or regressed, Cov/Var for each parameter, learned on a stream of its own before a measurement at fixed λ and then frozen (in an optimization from the estimates of past steps, older ones counting less). For a quadratic f nothing is left with one: the estimate is the exact gradient."
  )
}

/// An estimator with these options.
protocol ControlledEstimator: GradientEstimator {
  var control: ControlVariateOptions { get set }
}

extension ControlledEstimator {
  static var controlOptions: [Option<Self>] {
    [
      .choice("control_variate", \.control.variate, "what the rule is applied to beside f, its gradient being known"),
      .choice("coefficient", \.control.coefficient, "how much of the control variate is subtracted"),
    ]
  }

  /// With all of it subtracted, nothing is left where f is quadratic, as it is where a normal q is the posterior.
  var controlClaims: Claims { control.variate != .none && control.coefficient == .one ? .zeroAtPosterior : [] }
}

/// The control variate at a λ, and its coefficients.
public struct ControlVariateState: Codable, Hashable, Sendable {
  /// t; nil without control variate.
  private(set) var expansion: QuadraticExpansion?
  /// a, `[P]`
  public private(set) var coefficients: [Double]
  /// λ of t
  private var parameters: [Double]
  private let learns: Bool
  private var count = 0.0
  /// Means of ĝ and c, and sums of (c − c̄)², (c − c̄)(ĝ − ḡ) and ĝ²; `[P]` each.
  private var plainMeans, variateMeans, squares, products, sizes: [Double]

  /// What older estimates still count after a step that has moved λ.
  private static let memory = 0.96

  init(_ options: ControlVariateOptions, of terms: Terms, _ problem: Problem, parameters: [Double]) {
    expansion = options.variate == .none ? nil : QuadraticExpansion(of: terms, problem, parameters: parameters)
    learns = options.warmUp != nil
    self.parameters = learns ? parameters : []
    coefficients = expansion == nil ? [] : Array(repeating: 1, count: problem.parameterCount)
    plainMeans = learns ? coefficients.map { _ in 0 } : []
    (variateMeans, squares, products, sizes) = (plainMeans, plainMeans, plainMeans, plainMeans)
  }

  /// Learns the coefficients from estimates, and expands anew where λ has moved.
  mutating func learn(
    from scratch: ControlVariateScratch, of terms: Terms, _ problem: Problem, _ block: borrowing DrawBlock
  ) {
    guard learns else { return }
    let lanes = block.shape.lanes
    for lane in 0..<lanes {
      count += 1
      for p in coefficients.indices {
        let plain = scratch.plain[p * lanes + lane] - plainMeans[p]
        let variate = scratch.variate[p * lanes + lane] - variateMeans[p]
        plainMeans[p] += plain / count
        variateMeans[p] += variate / count
        squares[p] += variate * (scratch.variate[p * lanes + lane] - variateMeans[p])
        products[p] += variate * (scratch.plain[p * lanes + lane] - plainMeans[p])
        sizes[p] += scratch.plain[p * lanes + lane] * scratch.plain[p * lanes + lane]
      }
    }
    // Antithetic draws may leave nothing of c but rounding, which must not be divided by.
    for p in coefficients.indices {
      coefficients[p] = squares[p] > 0x1p-80 * sizes[p] ? products[p] / squares[p] : 1
    }
    guard block.draws.sharesParameters, block.draws.parameters != parameters else { return }
    parameters = block.draws.parameters
    expansion = QuadraticExpansion(of: terms, problem, parameters: parameters)
    count *= Self.memory
    for p in coefficients.indices {
      squares[p] *= Self.memory
      products[p] *= Self.memory
      sizes[p] *= Self.memory
    }
  }
}

/// What is computed of a control variate in a block. Empty arrays without one.
struct ControlVariateScratch {
  /// t of each draw, `[K × B]`, and ∇t, `[K × D × B]`.
  var values, gradient: [Double]
  /// ĝ(t), then ĝ(t) − ∇E t, `[P × B]`.
  var variate: [Double]
  /// ĝ(f), `[P × B]`.
  private(set) var plain: [Double]
  private var mean, variance, slopes: [Double]

  init(_ options: ControlVariateOptions, _ shape: Shape) {
    let isUsed = options.variate != .none
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: isUsed ? count : 0) }
    values = room(shape.drawCount)
    gradient = room(shape.elementCount)
    variate = room(shape.parameters * shape.lanes)
    plain = variate
    mean = room(shape.dimension * shape.lanes)
    (variance, slopes) = (mean, mean)
  }

  mutating func clear() { for i in variate.indices { variate[i] = 0 } }

  /// gradients_p −= a_p (ĝ_p(t) − ∂_p E t), with ĝ(t) in `variate`.
  mutating func subtract(
    _ state: ControlVariateState, _ problem: Problem, _ block: borrowing DrawBlock,
    from gradients: inout MutableSpan<Double>
  ) {
    guard let expansion = state.expansion, let family = problem.family as? any IndependentNormalFamily else { return }
    storeMoments(family, at: block.draws, &mean, &variance)
    expansion.negateExpectedSlopes(means: mean, slopes: &slopes, curvatures: &variance, block.shape.lanes)
    addMoments(family, slopes, variance, block.draws, to: &variate)
    let lanes = block.shape.lanes
    for i in plain.indices {
      plain[i] = gradients[i]
      gradients[i] -= state.coefficients[i / lanes] * variate[i]
    }
  }
}

/// m and v of each lane, `[D × B]` each, into arrays of one workspace, two of whose spans cannot be had at once.
func storeMoments(
  _ family: any IndependentNormalFamily, at draws: borrowing Draws, _ mean: inout [Double], _ variance: inout [Double]
) {
  var means = mean.mutableSpan
  var variances = variance.mutableSpan
  family.moments(at: draws, mean: &means, variance: &variances)
}

private func addMoments(
  _ family: any IndependentNormalFamily, _ slopes: [Double], _ curvatures: [Double], _ draws: borrowing Draws,
  to sums: inout [Double]
) {
  var span = sums.mutableSpan
  family.addMomentPullback(mean: slopes.span, variance: curvatures.span, at: draws, into: &span)
}
