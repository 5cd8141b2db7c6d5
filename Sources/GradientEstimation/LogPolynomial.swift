internal import CKernels

/// f(z) = Σ_d [constant_d + linear_d z_d + quadratic_d z_d² + logarithm_d log z_d + complement_d log(1 − z_d)].
///
/// Log densities of gammas, betas and Dirichlets are such sums, and so are the likelihoods that they are conjugate to: their
/// expectations under these families are closed forms. Five lists of D coefficients.
public struct LogPolynomial: Hashable, Sendable {
  public var constant, linear, quadratic, logarithm, complement: [Double]

  public var dimension: Int { constant.count }

  /// Lists that are left out are of zeros.
  public init(
    dimension: Int, constant: [Double]? = nil, linear: [Double]? = nil, quadratic: [Double]? = nil,
    logarithm: [Double]? = nil, complement: [Double]? = nil
  ) {
    func list(_ given: [Double]?) -> [Double] {
      precondition(given?.count ?? dimension == dimension, "LogPolynomial: lists must be of D coefficients")
      return given ?? Array(repeating: 0, count: dimension)
    }
    self.constant = list(constant)
    self.linear = list(linear)
    self.quadratic = list(quadratic)
    self.logarithm = list(logarithm)
    self.complement = list(complement)
  }

  /// Whether log(1 − z) is in it.
  public var hasComplement: Bool { complement.contains { $0 != 0 } }

  /// The part of coordinate d.
  public func value(_ z: Double, coordinate d: Int) -> Double {
    var sum = constant[d] + linear[d] * z + quadratic[d] * z * z
    if logarithm[d] != 0 { sum += logarithm[d] * wb_log(z) }
    if complement[d] != 0 { sum += complement[d] * wb_log(1 - z) }
    return sum
  }

  /// Its derivative.
  public func derivative(_ z: Double, coordinate d: Int) -> Double {
    var sum = linear[d] + 2 * quadratic[d] * z
    if logarithm[d] != 0 { sum += logarithm[d] / z }
    if complement[d] != 0 { sum -= complement[d] / (1 - z) }
    return sum
  }
}

/// An integrand some of whose terms are log polynomials: families of gammas, betas and Dirichlets know their expectations.
public protocol LogPolynomialModel: Integrand {
  /// The polynomial that `term` is, or nil.
  func logPolynomial(of term: Term) -> LogPolynomial?
}

/// A prior whose log density is a log polynomial.
public protocol LogPolynomialPrior: Prior {
  var logDensity: LogPolynomial { get }
}

/// Independent gammas, z_d ~ Gamma(shape_d, rate_d), of density b^a z^{a−1} e^{−bz} / Γ(a).
public struct IndependentGammas: LogPolynomialPrior, Hashable {
  private let storage: PriorStorage

  public var shape: [Double] { storage.first }
  public var rate: [Double] { storage.second }
  public var logDensity: LogPolynomial { storage.logDensity }

  public init(shape: [Double], rate: [Double]) {
    precondition(
      shape.count == rate.count && (shape + rate).allSatisfy { $0 > 0 },
      "IndependentGammas: parameters must be positive")
    storage = PriorStorage(
      shape, rate,
      LogPolynomial(
        dimension: shape.count, constant: zip(shape, rate).map { $0 * wb_log($1) - wb_log_gamma($0) },
        linear: rate.map { -$0 }, logarithm: shape.map { $0 - 1 }))
  }
}

/// Independent betas, z_d ~ Beta(a_d, b_d), of density z^{a−1} (1 − z)^{b−1} / B(a, b).
public struct IndependentBetas: LogPolynomialPrior, Hashable {
  private let storage: PriorStorage

  public var a: [Double] { storage.first }
  public var b: [Double] { storage.second }
  public var logDensity: LogPolynomial { storage.logDensity }

  public init(a: [Double], b: [Double]) {
    precondition(a.count == b.count && (a + b).allSatisfy { $0 > 0 }, "IndependentBetas: parameters must be positive")
    storage = PriorStorage(
      a, b,
      LogPolynomial(
        dimension: a.count, constant: zip(a, b).map { wb_log_gamma($0 + $1) - wb_log_gamma($0) - wb_log_gamma($1) },
        logarithm: a.map { $0 - 1 }, complement: b.map { $0 - 1 }))
  }
}

/// Dirichlet(concentration), of density Γ(Σα) Π_i z_i^{α_i−1} / Γ(α_i) in all coordinates but the last.
public struct Dirichlet: LogPolynomialPrior, Hashable {
  private let storage: PriorStorage

  public var concentration: [Double] { storage.first }
  public var logDensity: LogPolynomial { storage.logDensity }

  public init(concentration: [Double]) {
    precondition(
      !concentration.isEmpty && concentration.allSatisfy { $0 > 0 }, "Dirichlet: concentrations must be positive")
    var constant = concentration.map { -wb_log_gamma($0) }
    constant[0] += wb_log_gamma(concentration.reduce(0, +))
    storage = PriorStorage(
      concentration, [],
      LogPolynomial(
        dimension: concentration.count, constant: constant, logarithm: concentration.map { $0 - 1 }))
  }
}

/// Independent Bernoullis by their logits, P(z_d = 1) = σ(logit_d).
public struct IndependentBernoullis: LogPolynomialPrior, Hashable {
  private let storage: PriorStorage

  public var logit: [Double] { storage.first }
  public var logDensity: LogPolynomial { storage.logDensity }

  public init(logit: [Double]) {
    storage = PriorStorage(
      logit, [],
      LogPolynomial(dimension: logit.count, constant: logit.map { -wb_softplus($0) }, linear: logit))
  }
}

/// Independent categorical variables, one-hot, by their log probabilities, variable by variable.
public struct IndependentCategoricals: LogPolynomialPrior, Hashable {
  private let storage: PriorStorage
  /// C, of each variable.
  public let categories: Int

  public var logProbability: [Double] { storage.first }
  public var logDensity: LogPolynomial { storage.logDensity }

  public init(logProbability: [Double], categories: Int) {
    precondition(
      logProbability.count % categories == 0, "IndependentCategoricals: D must be a multiple of the categories")
    self.categories = categories
    storage = PriorStorage(
      logProbability, [], LogPolynomial(dimension: logProbability.count, linear: logProbability))
  }
}

/// One reference, so that an `any Prior` holds it without a box of its own.
private final class PriorStorage: Hashable, Sendable {
  let first, second: [Double]
  let logDensity: LogPolynomial

  init(_ first: [Double], _ second: [Double], _ logDensity: LogPolynomial) {
    (self.first, self.second, self.logDensity) = (first, second, logDensity)
  }

  static func == (a: PriorStorage, b: PriorStorage) -> Bool { a.first == b.first && a.second == b.second }
  func hash(into hasher: inout Hasher) {
    hasher.combine(first)
    hasher.combine(second)
  }
}
