package import GradientEstimation

/// Reads option values and says what was expected where they do not fit.
enum OptionReader {
  /// The value of kind `kind` that `node` holds, or a message.
  ///
  /// - Parameter isText: whether values are command-line texts, to be read by kind.
  static func read(_ node: JSONNode, as kind: OptionKind, isText: Bool) -> Result<OptionValue, Message> {
    let value: OptionValue? =
      if isText, case .string(let text) = node.value { parse(text, as: kind) } else { convert(node.value, to: kind) }
    guard let value else {
      return .failure(Message("expects \(expectation(kind)), found \(shown(node, isText))\(suggestion(node, kind))"))
    }
    guard kind.accepts(value) else {
      return .failure(Message("expects \(expectation(kind)), found \(shown(node, isText))\(suggestion(node, kind))"))
    }
    return .success(value)
  }

  struct Message: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  private static func parse(_ text: String, as kind: OptionKind) -> OptionValue? {
    switch kind {
    case .flag: return text == "true" ? .flag(true) : text == "false" ? .flag(false) : nil
    case .integer: return integer(text).map { .integer($0) }
    case .optionalInteger: return text == "none" ? OptionValue.none : integer(text).map { .integer($0) }
    case .real: return Double(text).map { .real($0) }
    case .reals:
      let parts = text.split(separator: "x", omittingEmptySubsequences: false).map { Double($0) }
      let numbers = parts.compactMap(\.self)
      return numbers.count == parts.count ? .reals(numbers) : nil
    case .choice, .text, .sizes: return .text(text)
    }
  }

  private static func convert(_ value: JSONValue, to kind: OptionKind) -> OptionValue? {
    switch (kind, value) {
    case (.flag, .bool(let x)): return .flag(x)
    case (.integer, .number(let text)), (.optionalInteger, .number(let text)):
      return integer(text).map { .integer($0) }
    case (.optionalInteger, .null), (.optionalInteger, .string("none")): return OptionValue.none
    case (.real, .number(let text)): return Double(text).map { .real($0) }
    case (.reals, .number(let text)): return Double(text).map { .reals([$0]) }
    case (.reals, .array(let nodes)):
      let numbers = nodes.compactMap { node -> Double? in
        guard case .number(let text) = node.value else { return nil }
        return Double(text)
      }
      return numbers.count == nodes.count ? .reals(numbers) : nil
    case (.choice, .string(let text)), (.text, .string(let text)), (.sizes, .string(let text)): return .text(text)
    case (.sizes, .number(let text)): return integer(text).map { .text(String($0)) }
    case (.sizes, .array(let nodes)):
      let numbers = nodes.compactMap { node -> Int? in
        guard case .number(let text) = node.value else { return nil }
        return integer(text)
      }
      return numbers.count == nodes.count ? .text(numbers.map(String.init).joined(separator: "x")) : nil
    default: return nil
    }
  }

  /// A whole number, written as such or like 1e4.
  static func integer(_ text: String) -> Int? { Int(text) ?? Double(text).flatMap { Int(exactly: $0) } }

  /// What a kind takes, for messages and `describe`.
  static func expectation(_ kind: OptionKind) -> String {
    switch kind {
    case .flag: "true or false"
    case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
    case .optionalInteger(let range): "an integer from \(range.lowerBound) to \(range.upperBound), or none"
    case .real(let bounds): "a number\(limits(bounds))"
    case .reals(let bounds): "a number or a list of numbers\(limits(bounds))"
    case .choice(let names): names.joined(separator: " | ")
    case .text: "a text"
    case .sizes: "a size or a list of sizes such as 200x100"
    }
  }

  private static func limits(_ bounds: RealBounds) -> String {
    switch (bounds.lower, bounds.upper) {
    case (nil, nil): ""
    case (let low?, nil): bounds.excludesLower ? " above \(numberText(low))" : " of at least \(numberText(low))"
    case (nil, let high?): " of at most \(numberText(high))"
    case (let low?, let high?): " from \(numberText(low)) to \(numberText(high))"
    }
  }

  /// A value as messages show it.
  static func shown(_ node: JSONNode, _ isText: Bool) -> String {
    switch node.value {
    case .string(let text): isText && !text.isEmpty ? "'\(text)'" : "the text '\(text)'"
    case .number(let text): text
    case .bool(let x): String(x)
    default: node.kind
    }
  }

  private static func suggestion(_ node: JSONNode, _ kind: OptionKind) -> String {
    guard case .choice(let names) = kind, case .string(let text) = node.value,
      let name = nearestName(to: text, among: names)
    else { return "" }
    return "; did you mean '\(name)'?"
  }
}

/// What an option of `kind` takes, in words.
package func optionExpectation(_ kind: OptionKind) -> String { OptionReader.expectation(kind) }
