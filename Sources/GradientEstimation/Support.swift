/// Where a density is positive, or a function of z is defined.
public enum Support: String, Hashable, Sendable {
  /// ℝ^D
  case real
  /// Every coordinate above 0.
  case positive
  /// Every coordinate in (0, 1).
  case unitInterval = "unit-interval"
  /// Coordinates above 0 that add up to 1; densities are those of the first D − 1.
  case simplex

  /// What it is in words.
  public var description: String {
    switch self {
    case .real: "all of ℝ^D"
    case .positive: "positive z"
    case .unitInterval: "z between 0 and 1"
    case .simplex: "the simplex"
    }
  }

  /// Whether a point of this lies in `other` for certain.
  public func isWithin(_ other: Support) -> Bool {
    switch (self, other) {
    case _ where self == other: true
    case (_, .real), (.unitInterval, .positive), (.simplex, .positive), (.simplex, .unitInterval): true
    default: false
    }
  }
}
