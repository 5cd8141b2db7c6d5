internal import ShippedData

/// The entries of References.bib by key.
struct Bibliography: Sendable {
  private let entries: [(key: String, text: String)]

  static let standard: Bibliography = {
    var length = 0
    let start = wb_references_bib(&length)
    return Bibliography(String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self))
  }()

  /// Splits BibTeX at the lines that begin with `@`.
  init(_ text: String) {
    var found: [(key: String, text: String)] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("@"), let brace = line.firstIndex(of: "{") {
        found.append((String(line[line.index(after: brace)...].prefix { $0 != "," }), String(line)))
      } else if !found.isEmpty, !line.isEmpty {
        found[found.count - 1].text += "\n" + line
      }
    }
    entries = found
  }

  subscript(key: String) -> String? { entries.first { $0.key == key }?.text }
  var keys: [String] { entries.map(\.key) }
}
