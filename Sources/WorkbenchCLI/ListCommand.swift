import ArgumentParser
internal import ExperimentRunner
internal import GradientEstimation
internal import Randomness

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract:
      "Lists estimators, models, families, objectives, samplings, optimizers, algorithms, evidence estimators or generators."
  )

  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case estimators, models, families, objectives, samplings, optimizers, algorithms, evidence, generators
  }

  @Argument(help: "One kind only. (default: all but generators)")
  var kind: Kind?

  func run() throws {
    let kinds = kind.map { [$0] } ?? Kind.allCases.filter { $0 != .generators }
    let parts = kinds.map {
      (kinds.count > 1 ? "\($0.rawValue)\n" : "") + rows($0, indent: kinds.count > 1 ? "  " : "")
    }
    print(parts.joined(separator: "\n\n"))
  }

  private func rows(_ kind: Kind, indent: String) -> String {
    let registry = Session.registry
    let entries: [(String, String)] =
      switch kind {
      case .estimators: about(registry.estimators)
      case .models: about(registry.models, mark: \.listedGradientMark)
      case .families: about(registry.families)
      case .objectives: about(registry.objectives)
      case .samplings: about(registry.samplings)
      case .optimizers: about(registry.optimizers)
      case .algorithms: about(registry.algorithms)
      case .evidence: about(registry.evidence)
      case .generators:
        Generator.all.map { ($0.name, "\($0.streamCount) streams\($0.remark.isEmpty ? "" : "; " + $0.remark)") }
      }
    let width = entries.map(\.0.count).max() ?? 0
    return entries.map { id, summary in
      indent + id + String(repeating: " ", count: width - id.count + 2) + summary
    }.joined(separator: "\n")
  }

  private func about<Product>(
    _ table: ComponentTable<Product>, mark: (ComponentEntry<Product>) -> String? = { _ in nil }
  ) -> [(String, String)] {
    table.entries.flatMap { entry in
      [(entry.about.id, entry.about.summary + (mark(entry).map { "; \($0)" } ?? ""))]
        + entry.about.aliases.map { alias in
          let options = alias.options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
          return (alias.id, "the same as \(entry.about.id)\(options.isEmpty ? "" : ":" + options)")
        }
    }
  }
}

extension ComponentEntry where Product == any IntegrandSpecification {
  /// What is to be said of the gradient of the model with its defaults, or nil. A model that is made of a specification,
  /// which may read files, is told by `describe` alone.
  fileprivate var listedGradientMark: String? { mark(make([]) as? any Integrand) }
  fileprivate var gradientMark: String? {
    guard let specification = make([]) else { return nil }
    return mark(specification as? any Integrand ?? (try? specification.makeIntegrand()))
  }

  private func mark(_ model: (any Integrand)?) -> String? {
    model is any NumericallyDifferentiatedModel ? "numerical gradient, by central differences" : nil
  }
}

struct DescribeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Says what a component is: equation, requirements, bias, cost, options.")

  @Argument(help: ArgumentHelp("Id of a component or generator.", valueName: "id"))
  var id: String

  func run() throws {
    let registry = Session.registry
    let kinds: [(kind: String, about: [ComponentDescription])] = [
      ("estimator", registry.estimators.entries.map(\.about)), ("model", registry.models.entries.map(\.about)),
      ("family", registry.families.entries.map(\.about)), ("objective", registry.objectives.entries.map(\.about)),
      ("sampling", registry.samplings.entries.map(\.about)), ("optimizer", registry.optimizers.entries.map(\.about)),
      ("algorithm", registry.algorithms.entries.map(\.about)),
      ("evidence estimator", registry.evidence.entries.map(\.about)),
    ]
    for (kind, components) in kinds {
      if let about = components.first(where: { about in about.id == id || about.aliases.contains { $0.id == id } }) {
        let mark = kind == "model" ? registry.models[about.id]?.entry.gradientMark : nil
        print(text(about, kind, gradient: mark))
        return
      }
    }
    if let generator = Generator.named(id) {
      print(
        """
        \(generator.name), \(generator.origin == .workbench ? "the workbench's own generator" : "a generator of GSL")
          integers        \(generator.range.lowerBound) to \(generator.range.upperBound)
          streams         \(generator.streamCount), of seeds \(generator.firstSeed) + \(generator.seedStep) i
          thrown away     the first \(generator.discard) outputs of a stream
          normals         by the \(generator.normalMethod.rawValue) method
          remark          \(generator.remark.isEmpty ? "none" : generator.remark)
        """)
      return
    }
    let names = kinds.flatMap { $0.about.flatMap { [$0.id] + $0.aliases.map(\.id) } } + Generator.all.map(\.name)
    let hint = nearestName(to: id, among: names).map { "did you mean '\($0)'?" } ?? "see 'workbench list'"
    throw Failure(.content, ["describe: unknown id '\(id)'; \(hint)"])
  }

  private func text(_ about: ComponentDescription, _ kind: String, gradient: String?) -> String {
    var lines = ["\(about.id), \("aeiou".contains(kind.prefix(1)) ? "an" : "a") \(kind): \(about.summary)"]
    if !about.equation.isEmpty { lines += ["", "  " + about.equation] }
    for alias in about.aliases {
      let options = alias.options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
      lines += ["", "Alias", "  \(alias.id)\(options.isEmpty ? "" : " = \(about.id):\(options)")"]
    }
    for note in about.notes { lines += ["", note.title] + wrapped(note.text) }
    if let gradient {
      lines += ["", "Gradient"] + wrapped("\(gradient): 2D evaluations each, and counted as such.")
    }
    if !about.options.isEmpty {
      lines += ["", "Options"]
      for option in about.options {
        lines.append("  \(option.name)=\(optionText(option.defaultValue))")
        lines += wrapped("\(option.summary); \(optionExpectation(option.kind))", indent: "      ")
      }
    }
    if !about.references.isEmpty {
      lines += ["", "References (workbench cite \(about.id))"]
      lines += about.references.map { "  \($0.key)\($0.place.isEmpty ? "" : ", " + $0.place)" }
    }
    return lines.joined(separator: "\n")
  }

  /// `text` in lines of at most 100 characters.
  private func wrapped(_ text: String, indent: String = "  ") -> [String] {
    var lines: [String] = []
    var line = indent
    for word in text.split(separator: " ") {
      if line.count + word.count + 1 > 100, line.count > indent.count {
        lines.append(line)
        line = indent
      }
      line += (line.count > indent.count ? " " : "") + word
    }
    return lines + [line]
  }
}

struct CiteCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cite", abstract: "Prints the BibTeX of components, or of keys.")

  @Argument(help: ArgumentHelp("Ids of components, or BibTeX keys.", valueName: "id"))
  var ids: [String]

  func run() throws {
    let registry = Session.registry
    let components =
      registry.estimators.entries.map(\.about) + registry.models.entries.map(\.about)
      + registry.families.entries.map(\.about) + registry.objectives.entries.map(\.about)
      + registry.samplings.entries.map(\.about) + registry.optimizers.entries.map(\.about)
      + registry.algorithms.entries.map(\.about) + registry.evidence.entries.map(\.about)
    var keys: [String] = []
    var faults: [String] = []
    for id in ids {
      if let about = components.first(where: { about in about.id == id || about.aliases.contains { $0.id == id } }) {
        let cited = about.references.map(\.key)
        if cited.isEmpty { Workbench.report("note: '\(id)' has no reference of its own") }
        keys += cited
      } else if Bibliography.standard[id] != nil {
        keys.append(id)
      } else {
        let names = components.flatMap { [$0.id] + $0.aliases.map(\.id) } + Bibliography.standard.keys
        let hint = nearestName(to: id, among: names).map { "did you mean '\($0)'?" } ?? "see 'workbench list'"
        faults.append("cite: unknown id '\(id)'; \(hint)")
      }
    }
    guard faults.isEmpty else { throw Failure(.content, faults) }
    let entries = keys.enumerated().filter { !keys[..<$0.offset].contains($0.element) }
      .compactMap { Bibliography.standard[$0.element] }
    if !entries.isEmpty { print(entries.joined(separator: "\n\n")) }
  }
}
