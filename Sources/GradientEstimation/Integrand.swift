internal import CKernels

/// A function of the latent variable z whose expectation under q_λ an objective takes: a model, or a cost.
///
/// Conformers are immutable values shared by all threads.
public protocol Integrand: Sendable {
  /// D, the dimension of z.
  var dimension: Int { get }
  /// The terms that it can be asked for.
  var terms: Terms { get }
  /// The z that it is defined for; of a model, where its posterior is positive. All by default.
  var support: Support { get }
  /// Whether `evaluate` may be asked for the gradient of a sum of terms at once, rather than of single terms that are then
  /// added up: worth it where the sum costs no more than a term. False by default.
  var servesSums: Bool { get }
  /// Stores each quantity that `needed` names in the arrays of `evaluation`, every element of them, and touches no other.
  /// What stands there before is of no meaning.
  ///
  /// Called once a block. `needed` names only terms of `terms`, gradients only of a `DifferentiableModel`, diagonal
  /// Hessians only of a `TwiceDifferentiableModel`, and coordinate values only of a `FactorizedModel`. Values that overflow are left not finite: the harness counts them.
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation)
}

extension Integrand {
  public var servesSums: Bool { false }
  public var support: Support { .real }
}

/// A probabilistic model p(x, z) = p(z) p(x | z) with its data x.
public protocol LatentModel: Integrand {
  /// log p(x), where it is known.
  var logEvidence: Double? { get }
  /// How many states `logEvidence` goes through whenever it is asked for; 1, the default, where it does not.
  var evidenceStates: Int { get }
  /// p(z), where closed forms may use it.
  var prior: (any Prior)? { get }
  /// Distributions over z by which a point λ can be named, such as `prior` and `posterior`.
  var namedDistributions: [String: any Prior] { get }
}

extension LatentModel {
  public var terms: Terms { [.prior, .likelihood] }
  public var logEvidence: Double? { nil }
  public var evidenceStates: Int { 1 }
  /// log p(x), where it is known and goes through no more than so many states.
  public func logEvidence(within states: Int) -> Double? { evidenceStates <= states ? logEvidence : nil }
  public var prior: (any Prior)? { nil }
  public var namedDistributions: [String: any Prior] { [:] }
}

/// The f of E_q[f(z)]: the toy costs of the literature.
public protocol CostFunction: Integrand {
  /// Whether the literature minimises or maximises it. Gradients are those of E[f] either way.
  var sense: Sense { get }
}

extension CostFunction {
  public var terms: Terms { .cost }
}

public enum Sense: String, Sendable { case minimize, maximize }

/// An integrand whose `evaluate` also serves ∇_z.
public protocol DifferentiableModel: Integrand {}

/// An integrand of discrete z whose formula extends to the relaxation of its `support` (see `Support`): its `evaluate` also
/// serves values and ∇_z of its terms there, at points between the z that it is of. It says so because a value alone does
/// not: a table of states, or a log density that is −∞ but at the states, is none.
public protocol RelaxableModel: DifferentiableModel {}

/// An integrand whose second derivatives in z are known: its `evaluate` also serves `diagonalHessians`, ∂²/∂z_d² of its
/// terms one by one, of a minibatch where `values` and gradients are.
public protocol TwiceDifferentiableModel: DifferentiableModel {
  /// ∇²_z of `term` at one z `[D]`, with all data: `[D × D]`, symmetric. Called at few points, where an estimator expands
  /// the integrand.
  func hessian(of term: Term, at z: [Double]) -> [Double]
}

/// An integrand some of whose terms are sums over the coordinates of z, f(z) = Σ_d f_d(z_d), served one by one.
public protocol FactorizedModel: Integrand {
  var factorizedTerms: Terms { get }
}

/// An integrand over N data that can be estimated from M of them, without replacement and weighted by N / M.
public protocol SubsampledModel: Integrand {
  /// N
  var dataCount: Int { get }
  /// M, or nil for all data.
  var minibatch: Int? { get }
  /// The same model reading all its data in each evaluation: its `minibatch` is nil, and each of its expectations is the
  /// one that minibatches estimate.
  var withAllData: any SubsampledModel { get }
}

/// A distribution over z that closed forms know.
public protocol Prior: Sendable {}

/// N(mean, diag(scale²)).
public struct DiagonalNormal: Prior, Hashable {
  /// One reference, so that an `any Prior` holds it without a box of its own.
  private let storage: Storage

  private final class Storage: Sendable {
    let mean, scale, precision, logNormalizer: [Double]

    init(mean: [Double], scale: [Double], precision: [Double]) {
      self.mean = mean
      self.scale = scale
      self.precision = precision
      logNormalizer = precision.map { 0.5 * (wb_log($0) - 1.8378770664093454836) }
    }
  }

  public var mean: [Double] { storage.mean }
  public var scale: [Double] { storage.scale }
  /// 1 / scale²
  public var precision: [Double] { storage.precision }
  /// ½ log(precision / 2π)
  public var logNormalizer: [Double] { storage.logNormalizer }

  public init(mean: [Double], scale: [Double]) {
    precondition(mean.count == scale.count && scale.allSatisfy { $0 > 0 }, "DiagonalNormal: scales must be positive")
    storage = Storage(mean: mean, scale: scale, precision: scale.map { 1 / ($0 * $0) })
  }

  public init(mean: [Double], precision: [Double]) {
    precondition(
      mean.count == precision.count && precision.allSatisfy { $0 > 0 }, "DiagonalNormal: precisions must be positive")
    storage = Storage(mean: mean, scale: precision.map { (1 / $0).squareRoot() }, precision: precision)
  }

  public static func == (a: DiagonalNormal, b: DiagonalNormal) -> Bool { a.mean == b.mean && a.scale == b.scale }
  public func hash(into hasher: inout Hasher) {
    hasher.combine(mean)
    hasher.combine(scale)
  }

  /// N(0, I).
  public static func standard(_ dimension: Int) -> DiagonalNormal {
    DiagonalNormal(
      mean: Array(repeating: 0, count: dimension), scale: Array(repeating: 1, count: dimension))
  }
}
