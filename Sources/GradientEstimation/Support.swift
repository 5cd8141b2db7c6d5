/// Where a density is positive, or a function of z is defined.
public enum Support: Hashable, Sendable {
  /// ℝ^D
  case real
  /// Every coordinate above 0.
  case positive
  /// Every coordinate in (0, 1).
  case unitInterval
  /// Coordinates above 0 that add up to 1; densities are those of the first D − 1.
  case simplex
  /// Every coordinate 0 or 1. What is differentiable there is so on [0, 1]^D, its relaxation.
  case binary
  /// One 1 and else 0 in each run of so many coordinates. What is differentiable there is so where each run is of numbers
  /// from 0 to 1 that add up to 1, its relaxation.
  case oneHot(categories: Int)

  /// What it is in words.
  public var description: String {
    switch self {
    case .real: "all of ℝ^D"
    case .positive: "positive z"
    case .unitInterval: "z between 0 and 1"
    case .simplex: "the simplex"
    case .binary: "z of 0 and 1"
    case .oneHot(let categories): "one of \(categories) categories, one-hot"
    }
  }

  /// Whether a point of this lies in `other` for certain.
  public func isWithin(_ other: Support) -> Bool {
    switch (self, other) {
    case _ where self == other: true
    case (_, .real), (.unitInterval, .positive), (.simplex, .positive), (.simplex, .unitInterval): true
    case (.oneHot, .binary): true
    default: false
    }
  }

  /// Whether it is of finitely many points.
  public var isDiscrete: Bool {
    switch self {
    case .binary, .oneHot: true
    case .real, .positive, .unitInterval, .simplex: false
    }
  }
}
