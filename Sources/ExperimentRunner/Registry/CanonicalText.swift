package import GradientEstimation

/// The one text of a component: its id, then the options that differ from the defaults, in declared order and with
/// shortest numbers: `score:baseline=leave-one-out`. Where a canonical alias says the same, the alias's name is used:
/// `analytic-kl`.
package func canonicalText<C: Component>(_ component: C) -> String {
  let descriptor = C.descriptor, defaults = C()
  let alias = descriptor.aliases.first { alias in
    alias.isCanonical
      && alias.options.allSatisfy { name, text in
        descriptor.options.contains { $0.name == name && optionText($0.value(in: component)) == text }
      }
  }
  let set = descriptor.options.filter {
    $0.value(in: component) != $0.value(in: defaults) && alias?.options[$0.name] == nil
  }
  let id = alias?.id ?? descriptor.id
  guard !set.isEmpty else { return id }
  return id + ":" + set.map { "\($0.name)=\(optionText($0.value(in: component)))" }.joined(separator: ",")
}

/// An option's value as the command line takes it.
package func optionText(_ value: OptionValue) -> String {
  switch value {
  case .flag(let x): String(x)
  case .integer(let x): String(x)
  case .none: "none"
  case .real(let x): numberText(x)
  case .reals(let list): list.map(numberText).joined(separator: "x")
  case .text(let text):
    text.contains(where: { ",\"\\=".contains($0) || $0.isNewline })
      ? JSONOutput.string(text).serialized() : text
  }
}

/// The component that `ID:KEY=VALUE,KEY=VALUE` names, as the JSON that would say the same with every value a string.
///
/// It splits at the first colon, then at commas that a `KEY=` follows; a value may be JSON-quoted.
package func componentNode(fromText text: String) -> JSONNode {
  func node(_ value: JSONValue) -> JSONNode { JSONNode(value: value, line: 0, column: 0) }
  guard let colon = text.firstIndex(of: ":") else { return node(.string(text)) }
  let options = assignments(text[text.index(after: colon)...]).map { key, value in
    JSONMember(key: key, keyLine: 0, keyColumn: 0, node: node(.string(value)))
  }
  return node(
    .object([
      JSONMember(key: "id", keyLine: 0, keyColumn: 0, node: node(.string(String(text[..<colon])))),
      JSONMember(key: "options", keyLine: 0, keyColumn: 0, node: node(.object(options))),
    ]))
}

/// `KEY=VALUE,KEY=VALUE`, split at commas that a `KEY=` follows. What has no `=` is a key with an empty value.
package func assignments(_ text: Substring) -> [(key: String, value: String)] {
  var pieces: [String] = []
  for part in text.split(separator: ",", omittingEmptySubsequences: false) {
    let key = part.prefix { $0 != "=" }
    let isInQuotes = pieces.last.map { $0.drop { $0 != "=" }.hasPrefix("=\"") && quoted($0) == nil } ?? false
    let startsOption =
      !isInQuotes && key.count < part.count && !key.isEmpty
      && key.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }
    if startsOption || pieces.isEmpty {
      pieces.append(String(part))
    } else {
      pieces[pieces.count - 1] += "," + part
    }
  }
  return pieces.map { piece in
    let key = piece.prefix { $0 != "=" }
    return (String(key), quoted(piece) ?? String(piece.dropFirst(key.count + 1)))
  }
}

/// What the JSON string after the first `=` of `piece` says; nil if there is none, or it has no end yet.
private func quoted(_ piece: String) -> String? {
  let value = piece.drop { $0 != "=" }.dropFirst()
  guard value.hasPrefix("\""), case .string(let text)? = (try? JSONNode.parse(Array(value.utf8)))?.value
  else { return nil }
  return text
}
