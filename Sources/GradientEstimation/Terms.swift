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
  /// What the integrand serves of the sum, and what the family does: at most two parts, none of them empty.
  public var parts: TermSums { TermSums(subtracting(.entropy)).union(TermSums(intersection(.entropy))) }
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

/// A set of sums of terms.
public struct TermSums: OptionSet, Hashable, Sendable {
  /// Bit t stands for the sum over the terms of raw value t.
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue & ~1 }
  /// One sum; of no terms, none.
  public init(_ sum: Terms) { self.init(rawValue: 1 << UInt16(sum.rawValue & 15)) }

  public func contains(_ sum: Terms) -> Bool { isSuperset(of: TermSums(sum)) }
  /// The sums in a fixed order.
  public var members: Members { Members(rest: rawValue) }
  /// All terms of all sums.
  public var terms: Terms { members.reduce(into: []) { $0.formUnion($1) } }
  /// Each term of each sum on its own.
  var singleTerms: TermSums { terms.members.reduce(into: []) { $0.formUnion(TermSums(Terms($1))) } }
  /// The sums whose terms are all among `terms`.
  public func restricted(to terms: Terms) -> TermSums {
    members.reduce(into: []) { if terms.isSuperset(of: $1) { $0.formUnion(TermSums($1)) } }
  }

  /// A sequence that allocates nothing.
  public struct Members: Sequence, IteratorProtocol, Sendable {
    fileprivate var rest: UInt16
    public mutating func next() -> Terms? {
      guard rest != 0 else { return nil }
      let bit = rest.trailingZeroBitCount
      rest &= rest - 1
      return Terms(rawValue: UInt8(bit))
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
  /// Sums of terms whose gradient in z is needed, `[K × D × B]` each.
  public var gradients: TermSums
  /// Terms whose value is needed coordinate by coordinate, `[K × D × B]`.
  public var coordinateValues: Terms
  /// Terms of the model whose second derivatives ∂²/∂z_d² are needed, `[K × D × B]`.
  public var diagonalHessians: Terms
  /// Whether φ of each lane, its slopes and curvatures are needed, of an objective of several draws.
  public var bounds = false

  /// - Parameter gradients: a sum whose gradient is needed in its `parts`.
  public init(
    values: Terms = [], gradients: Terms = [], coordinateValues: Terms = [], diagonalHessians: Terms = []
  ) {
    self.init(
      values: values, gradientSums: gradients.parts, coordinateValues: coordinateValues,
      diagonalHessians: diagonalHessians)
  }

  /// What an objective of several draws is made of, beside the gradients of a sum of terms: their values, φ and its slopes.
  public static func bounds(of terms: Terms, gradients: Terms = []) -> Quantities {
    var quantities = Quantities(values: terms, gradients: gradients)
    quantities.bounds = true
    return quantities
  }

  public init(
    values: Terms, gradientSums: TermSums, coordinateValues: Terms, diagonalHessians: Terms = []
  ) {
    self.values = values
    gradients = gradientSums
    self.coordinateValues = coordinateValues
    self.diagonalHessians = diagonalHessians
  }

  public func union(_ other: Quantities) -> Quantities {
    var union = Quantities(
      values: values.union(other.values), gradientSums: gradients.union(other.gradients),
      coordinateValues: coordinateValues.union(other.coordinateValues),
      diagonalHessians: diagonalHessians.union(other.diagonalHessians))
    union.bounds = bounds || other.bounds
    return union
  }

  /// The part that concerns `terms`.
  public func restricted(to terms: Terms) -> Quantities {
    Quantities(
      values: values.intersection(terms), gradientSums: gradients.restricted(to: terms),
      coordinateValues: coordinateValues.intersection(terms),
      diagonalHessians: diagonalHessians.intersection(terms))
  }
}
