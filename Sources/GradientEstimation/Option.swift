/// What an option may hold.
public enum OptionKind: Hashable, Sendable {
  case flag
  case integer(ClosedRange<Int>)
  /// An integer, or `none`.
  case optionalInteger(ClosedRange<Int>)
  /// A finite number within the bounds; a bound is excluded where it says so.
  case real(RealBounds)
  /// One number or a list of them, each within the bounds.
  case reals(RealBounds)
  case choice([String])
  case text
  /// Whole numbers such as 200x100, as a text; the component says which words stand for none.
  case sizes
}

/// Bounds of a real-valued option.
public struct RealBounds: Hashable, Sendable {
  public let lower: Double?
  public let excludesLower: Bool
  public let upper: Double?

  public static let any = RealBounds(lower: nil)
  public static let positive = RealBounds(lower: 0, excludesLower: true)

  public init(lower: Double?, excludesLower: Bool = false, upper: Double? = nil) {
    self.lower = lower
    self.excludesLower = excludesLower
    self.upper = upper
  }

  public func contains(_ x: Double) -> Bool {
    guard x.isFinite else { return false }
    if let lower, excludesLower ? x <= lower : x < lower { return false }
    if let upper, x > upper { return false }
    return true
  }
}

/// The value of an option.
public enum OptionValue: Hashable, Sendable {
  case flag(Bool)
  case integer(Int)
  case none
  case real(Double)
  case reals([Double])
  case text(String)
}

/// An option of a component: its name, what it holds, and where it is stored.
public struct Option<C>: Sendable {
  /// snake_case
  public let name: String
  public let kind: OptionKind
  /// One sentence.
  public let summary: String
  private let get: @Sendable (C) -> OptionValue
  private let set: @Sendable (inout C, OptionValue) -> Bool

  public func value(in component: C) -> OptionValue { get(component) }

  /// Stores `value`; false if it is of another kind or out of range.
  public func store(_ value: OptionValue, in component: inout C) -> Bool {
    kind.accepts(value) && set(&component, value)
  }

  public static func flag(
    _ name: String, _ path: any WritableKeyPath<C, Bool> & Sendable, _ summary: String
  ) -> Option {
    Option(name: name, kind: .flag, summary: summary) {
      .flag($0[keyPath: path])
    } set: {
      guard case .flag(let x) = $1 else { return false }
      $0[keyPath: path] = x
      return true
    }
  }

  public static func integer(
    _ name: String, _ path: any WritableKeyPath<C, Int> & Sendable, in range: ClosedRange<Int>, _ summary: String
  ) -> Option {
    Option(name: name, kind: .integer(range), summary: summary) {
      .integer($0[keyPath: path])
    } set: {
      guard case .integer(let x) = $1 else { return false }
      $0[keyPath: path] = x
      return true
    }
  }

  public static func integer(
    _ name: String, _ path: any WritableKeyPath<C, Int?> & Sendable, in range: ClosedRange<Int>, _ summary: String
  ) -> Option {
    Option(name: name, kind: .optionalInteger(range), summary: summary) {
      $0[keyPath: path].map(OptionValue.integer) ?? .none
    } set: {
      switch $1 {
      case .integer(let x): $0[keyPath: path] = x
      case .none: $0[keyPath: path] = nil
      default: return false
      }
      return true
    }
  }

  public static func real(
    _ name: String, _ path: any WritableKeyPath<C, Double> & Sendable, in bounds: RealBounds, _ summary: String
  ) -> Option {
    Option(name: name, kind: .real(bounds), summary: summary) {
      .real($0[keyPath: path])
    } set: {
      guard case .real(let x) = $1 else { return false }
      $0[keyPath: path] = x
      return true
    }
  }

  public static func reals(
    _ name: String, _ path: any WritableKeyPath<C, [Double]> & Sendable, in bounds: RealBounds, _ summary: String
  ) -> Option {
    Option(name: name, kind: .reals(bounds), summary: summary) {
      .reals($0[keyPath: path])
    } set: {
      guard case .reals(let x) = $1 else { return false }
      $0[keyPath: path] = x
      return true
    }
  }

  public static func choice<Value: RawRepresentable & CaseIterable & SendableMetatype>(
    _ name: String, _ path: any WritableKeyPath<C, Value> & Sendable, _ summary: String
  ) -> Option where Value.RawValue == String {
    Option(name: name, kind: .choice(Value.allCases.map(\.rawValue)), summary: summary) {
      .text($0[keyPath: path].rawValue)
    } set: {
      guard case .text(let x) = $1, let value = Value(rawValue: x) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }

  public static func text(
    _ name: String, _ path: any WritableKeyPath<C, String> & Sendable, _ summary: String
  ) -> Option {
    Option(name: name, kind: .text, summary: summary) {
      .text($0[keyPath: path])
    } set: {
      guard case .text(let x) = $1 else { return false }
      $0[keyPath: path] = x
      return true
    }
  }

  public static func sizes(
    _ name: String, _ path: any WritableKeyPath<C, String> & Sendable, _ summary: String
  ) -> Option {
    let text = Option.text(name, path, summary)
    return Option(name: name, kind: .sizes, summary: summary, get: text.get, set: text.set)
  }
}

extension OptionKind {
  /// Whether `value` is of this kind and in range.
  public func accepts(_ value: OptionValue) -> Bool {
    switch (self, value) {
    case (.flag, .flag), (.text, .text), (.sizes, .text), (.optionalInteger, .none): true
    case (.integer(let range), .integer(let x)), (.optionalInteger(let range), .integer(let x)): range.contains(x)
    case (.real(let bounds), .real(let x)): bounds.contains(x)
    case (.reals(let bounds), .reals(let list)): !list.isEmpty && list.allSatisfy(bounds.contains)
    case (.choice(let names), .text(let x)): names.contains(x)
    default: false
    }
  }
}
