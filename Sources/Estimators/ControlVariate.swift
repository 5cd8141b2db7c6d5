public import GradientEstimation

/// What a rule is applied to beside f, for what is known of its expectation.
public enum ControlVariate: String, CaseIterable, Sendable {
  case none
  /// The second-order Taylor polynomial of f about the mean of q (the delta method).
  case delta
  /// A quadratic learned from ∇f at draws.
  case quadratic
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
/// ĝ_p(f) and ĝ_p(t) (Paisley, Blei and Jordan 2012, section 3). t is f expanded (Miller et al. 2017) or learned (Geffner and
/// Domke 2020).
public struct ControlVariateOptions: Hashable, Sendable {
  public var variate = ControlVariate.none
  public var coefficient = ControlCoefficient.one

  public init(_ variate: ControlVariate = .none, coefficient: ControlCoefficient = .one) {
    self.variate = variate
    self.coefficient = coefficient
  }

  /// A Hessian is `[D × D]`.
  static let largestExpansion = 2048

  /// - Parameter hasSlopes: whether the estimator is one of ∇_z f, from which a quadratic can be learned.
  func check(hasSlopes: Bool = false) throws(ComponentError) {
    if variate == .none, coefficient != .one {
      throw ComponentError(option: "coefficient", "has no effect without a control_variate")
    }
    if variate == .quadratic, !hasSlopes {
      throw ComponentError(
        option: "control_variate",
        "quadratic is learned from the gradient of the model in z, which only 'reparam' takes; use delta")
    }
  }

  /// - Throws: `EstimatorError` naming what the problem lacks for it.
  func check(_ problem: Problem) throws(EstimatorError) {
    let name = "control_variate=\(variate.rawValue)", dimension = problem.model.dimension
    switch variate {
    case .none: break
    case .delta:
      guard problem.model is any TwiceDifferentiableModel else {
        throw EstimatorError("\(name) needs second derivatives of the model in z")
      }
      guard problem.family is any IndependentNormalFamily else {
        throw EstimatorError("\(name) needs a family of independent normals")
      }
      guard dimension <= Self.largestExpansion else {
        throw EstimatorError("\(name) holds a Hessian and is offered up to dimension \(Self.largestExpansion)")
      }
    case .quadratic:
      guard let family = problem.family as? any QuadraticExpectations, family.hasCovariance else {
        throw EstimatorError("\(name) needs a family of known mean and covariance, such as 'full-rank-normal'")
      }
      guard dimension <= QuadraticRegression.largestDimension else {
        throw EstimatorError(
          "\(name) learns a matrix and is offered up to dimension \(QuadraticRegression.largestDimension)")
      }
    }
  }

  static let note = Note(
    "Control variate",
    "applies the rule to a quadratic t as well, and adds what is known of it: ĝ(f) − a (ĝ(t) − ∇E t). control_variate=delta: the second-order Taylor polynomial of f about the mean of q; needs second derivatives of the model and a family of independent normals, and costs a Hessian on all data at each λ. control_variate=quadratic, of reparam: ∇t is the linear regression of ∇f on z, with a symmetric matrix; needs a family of known mean and covariance. coefficient: one, or regressed, Cov/Var for each parameter. What is learned is learned on a stream of its own before a measurement at fixed λ and then frozen (in an optimization from the draws of past steps, older ones counting less). For a quadratic f nothing is left with one: the estimate is the exact gradient."
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
  var controlClaims: Claims { control.variate == .delta && control.coefficient == .one ? .zeroAtPosterior : [] }
}

/// The control variate at a λ, and its coefficients.
public struct ControlVariateState: Codable, Hashable, Sendable {
  /// t; nil without control variate, or where it is not learned yet.
  public private(set) var quadratic: Quadratic?
  /// a, `[P]`; empty where it is 1.
  public var coefficients: [Double] { regressed?.coefficients ?? [] }
  private var learned: QuadraticRegression?
  private var regressed: CoefficientRegression?
  /// λ of the last batch.
  private var parameters: [Double] = []

  /// What older estimates still count in a coefficient after a step that has moved λ.
  private static let memory = 0.96

  init(_ options: ControlVariateOptions, of terms: Terms, _ problem: Problem, parameters: [Double]) {
    switch options.variate {
    case .none: break
    case .delta: quadratic = Quadratic(expanding: terms, of: problem, parameters: parameters)
    case .quadratic: learned = QuadraticRegression(dimension: problem.model.dimension)
    }
    if options.variate != .none, options.coefficient == .regressed {
      regressed = CoefficientRegression(parameterCount: problem.parameterCount)
    }
    if warmUp != nil { self.parameters = parameters }
  }

  /// How it is brought up at a fixed λ; nil where there is nothing to learn.
  var warmUp: WarmUp? { learned?.warmUp ?? regressed.map { _ in WarmUp(lanes: 128, batches: 8) } }

  /// Learns t and its coefficients from a batch, and expands anew where λ has moved.
  mutating func learn(
    from scratch: ControlVariateScratch, of terms: Terms, _ problem: Problem, _ block: borrowing DrawBlock
  ) {
    guard warmUp != nil else { return }
    // Of the t that was subtracted, which has not seen these draws.
    if quadratic != nil { regressed?.add(plain: scratch.plain, variate: scratch.variate, lanes: block.shape.lanes) }
    // Lanes with a λ each have none that could stay.
    let isShared = block.draws.sharesParameters, hasMoved = !isShared || block.draws.parameters != parameters
    if hasMoved {
      if isShared { parameters = block.draws.parameters }
      regressed?.forget(keeping: Self.memory)
      if isShared, learned == nil { quadratic = Quadratic(expanding: terms, of: problem, parameters: parameters) }
    }
    guard learned != nil, terms != [] else { return }
    learned?.add(block.draws.z, block.evaluation.gradient(of: terms), block.shape)
    if hasMoved { learned?.forget() }
    if let (anew, kept) = learned?.refit() {
      regressed?.forget(keeping: kept)
      quadratic = anew
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

  init(_ options: ControlVariateOptions, _ shape: Shape) {
    let isUsed = options.variate != .none
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: isUsed ? count : 0) }
    values = room(shape.drawCount)
    gradient = room(shape.elementCount)
    variate = room(shape.parameters * shape.lanes)
    plain = variate
  }

  mutating func clear() { for i in variate.indices { variate[i] = 0 } }

  /// gradients_p −= a_p (ĝ_p(t) − ∂_p E t), with ĝ(t) in `variate`.
  mutating func subtract(
    _ state: ControlVariateState, _ problem: Problem, _ block: borrowing DrawBlock,
    from gradients: inout MutableSpan<Double>
  ) {
    guard let t = state.quadratic, let family = problem.family as? any QuadraticExpectations else { return }
    var sums = variate.mutableSpan
    family.addGradient(of: t, factor: -1, at: block.draws, into: &sums)
    let lanes = block.shape.lanes, coefficients = state.coefficients
    for i in plain.indices {
      plain[i] = gradients[i]
      gradients[i] -= (coefficients.isEmpty ? 1 : coefficients[i / lanes]) * variate[i]
    }
  }
}
