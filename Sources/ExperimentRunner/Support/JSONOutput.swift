/// A JSON document under construction; the keys of its objects keep their order.
///
/// Literals stand for themselves: `["name": "reinforce", "samples": 1000, "seed": .unsigned(seed)]`.
package indirect enum JSONOutput: Sendable {
  /// `null`
  case null
  /// `true` or `false`
  case bool(Bool)
  /// An integer.
  case integer(Int)
  /// An integer that may exceed `Int.max`, such as a seed.
  case unsigned(UInt64)
  /// A number by its shortest text that reads back exactly; the strings "inf", "-inf" and "nan",
  /// where JSON has no number.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case array([JSONOutput])
  /// An object, whose members are written in this order.
  case object([(key: String, value: JSONOutput)])

  /// The document as text without a line break at its end.
  ///
  /// Each level is indented by `indent` spaces. An array of scalars stands on one line where this
  /// takes at most 72 characters.
  package func serialized(indent: Int = 2) -> String {
    text(margin: "\n", step: String(repeating: " ", count: max(0, indent)))
  }

  /// The value as text, where `margin` is a line break and the indentation of the current level.
  private func text(margin: String, step: String) -> String {
    switch self {
    case .null: return "null"
    case .bool(let value): return String(value)
    case .integer(let value): return String(value)
    case .unsigned(let value): return String(value)
    case .number(let value): return value.isFinite ? numberText(value) : quoted(numberText(value))
    case .string(let value): return quoted(value)
    case .array(let elements):
      let items = elements.map { $0.text(margin: margin + step, step: step) }
      let line = "[\(items.joined(separator: ", "))]"
      if elements.allSatisfy(\.isScalar), line.count <= 72 { return line }
      return lines(of: items, in: ("[", "]"), margin: margin, step: step)
    case .object(let members):
      if members.isEmpty { return "{}" }
      let items = members.map { key, value in
        "\(quoted(key)): \(value.text(margin: margin + step, step: step))"
      }
      return lines(of: items, in: ("{", "}"), margin: margin, step: step)
    }
  }

  private var isScalar: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }

  private func lines(
    of items: [String], in brackets: (String, String), margin: String, step: String
  ) -> String {
    let inner = margin + step
    return brackets.0 + inner + items.joined(separator: "," + inner) + margin + brackets.1
  }

  private func quoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case ..<" ":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}

extension JSONOutput: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringInterpolation,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// `null`
  package init(nilLiteral: ()) { self = .null }
  /// A Boolean.
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An integer.
  package init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  package init(floatLiteral value: Double) { self = .number(value) }
  /// A string.
  package init(stringLiteral value: String) { self = .string(value) }
  /// An array.
  package init(arrayLiteral elements: JSONOutput...) { self = .array(elements) }
  /// An object, whose members are written in this order.
  package init(dictionaryLiteral elements: (String, JSONOutput)...) {
    self = .object(elements.map { (key: $0.0, value: $0.1) })
  }
}
