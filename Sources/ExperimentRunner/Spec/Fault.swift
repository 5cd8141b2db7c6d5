/// Something wrong with a spec: where, what, and what to do. One line.
package struct Fault: Error, Hashable, Comparable, CustomStringConvertible {
  /// `file:line`, a file, or a command-line option; empty where there is nothing to name.
  package let place: String
  package let line: Int
  /// Path within the document, such as `estimators[1].options.baseline`; may be empty.
  package let path: String
  package let message: String

  package init(place: String, line: Int = 0, path: String = "", message: String) {
    self.place = place
    self.line = line
    self.path = path
    self.message = message
  }

  package var description: String {
    [line > 0 ? "\(place):\(line)" : place, path, message].filter { !$0.isEmpty }.joined(separator: ": ")
  }

  package static func < (a: Fault, b: Fault) -> Bool { (a.place, a.line) < (b.place, b.line) }
}

/// Where a spec came from.
package enum SpecSource: Hashable, Sendable {
  case file(String)
  /// The command line, and what stands in for absent options, by key: `GSL_RNG_TYPE` for `rng`.
  case options(standIns: [String: String])

  package static let commandLine = SpecSource.options(standIns: [:])

  var isCommandLine: Bool { if case .options = self { true } else { false } }

  /// What to say of a node at `path`. On the command line the first key of the path is an option's name.
  func fault(_ path: String, line: Int, _ message: String) -> Fault {
    switch self {
    case .file(let name): return Fault(place: name, line: line, path: path, message: message)
    case .options(let standIns):
      let key = Self.key(ofPath: path)
      let names = ["estimators": "estimator", "evaluate.draws": "evaluation-draws"]
      let option = (names[path] ?? names[key] ?? (key == "stop" ? path : key)).replacing("_", with: "-")
        .replacing(".", with: "-")
      return Fault(place: standIns[key] ?? (key.isEmpty ? "" : "--\(option)"), message: message)
    }
  }
  /// The key of the document that `path` begins with.
  static func key(ofPath path: String) -> String { String(path.prefix { $0 != "." && $0 != "[" }) }
}
