/// A summand of the integrand f of an objective E_q[f(z)].
public enum Term: Int, CaseIterable, Sendable {
  /// log p(z)
  case prior
  /// log p(x | z), or its minibatch estimate
  case likelihood
  /// −log q_λ(z)
  case entropy
  /// the f(z) of a cost function
  case cost
}

/// A set of terms; as an integrand, their sum.
public struct Terms: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  public init(_ term: Term) { rawValue = 1 << UInt8(term.rawValue) }

  public static let prior = Terms(.prior)
  public static let likelihood = Terms(.likelihood)
  public static let entropy = Terms(.entropy)
  public static let cost = Terms(.cost)

  public func contains(_ term: Term) -> Bool { contains(Terms(term)) }
  /// The members, in the order of `Term.allCases`.
  public var members: Members { Members(rest: rawValue) }

  /// A sequence that allocates nothing: it is gone through for every block.
  public struct Members: Sequence, IteratorProtocol, Sendable {
    fileprivate var rest: UInt8
    public mutating func next() -> Term? {
      while rest != 0 {
        let bit = rest.trailingZeroBitCount
        rest &= rest - 1
        if let term = Term(rawValue: bit) { return term }
      }
      return nil
    }
  }
}

/// How the ELBO is split into what is sampled and what is known in closed form. Orthogonal to the rule.
///
/// | split | sampled f(z) | closed form |
/// |---|---|---|
/// | `monte-carlo` | log p(x, z) − log q(z) | nothing |
/// | `entropy` | log p(x, z) | H[q] |
/// | `analytic` | log p(x \| z) | −KL(q ‖ p(z)) |
///
/// Kingma and Welling (2014), equations (6) (SGVB-A, `monte-carlo`) and (7) (SGVB-B, `analytic`).
public enum Split: String, CaseIterable, Sendable {
  case monteCarlo = "monte-carlo"
  case entropy
  case analytic

  /// The terms that this split takes in closed form.
  public var closedForm: Terms {
    switch self {
    case .monteCarlo: []
    case .entropy: .entropy
    case .analytic: [.entropy, .prior]
    }
  }
}

/// What is needed at the draws of a block. Each quantity is computed at most once.
public struct Quantities: Hashable, Sendable {
  /// Terms whose value is needed, `[K × B]`.
  public var values: Terms
  /// Terms whose gradient in z is needed, `[K × D × B]`.
  public var gradients: Terms
  /// Terms whose value is needed coordinate by coordinate, `[K × D × B]`.
  public var coordinateValues: Terms

  public init(values: Terms = [], gradients: Terms = [], coordinateValues: Terms = []) {
    self.values = values
    self.gradients = gradients
    self.coordinateValues = coordinateValues
  }

  public func union(_ other: Quantities) -> Quantities {
    Quantities(
      values: values.union(other.values), gradients: gradients.union(other.gradients),
      coordinateValues: coordinateValues.union(other.coordinateValues))
  }

  /// The part that concerns `terms`.
  public func restricted(to terms: Terms) -> Quantities {
    Quantities(
      values: values.intersection(terms), gradients: gradients.intersection(terms),
      coordinateValues: coordinateValues.intersection(terms))
  }
}
