internal import GradientEstimation
internal import Optimization
internal import Randomness

/// Reads a spec from a JSON tree and collects every fault.
package struct SpecReader {
  package let registry: Registry
  package let source: SpecSource
  package private(set) var faults: [Fault] = []
  /// Keys whose values could not be read whole.
  private(set) var faultyKeys: Set<String> = []

  package init(registry: Registry, source: SpecSource) {
    self.registry = registry
    self.source = source
  }

  /// The keys of a spec of that kind, in canonical order.
  package static func keys(_ kind: ExperimentKind) -> [String] {
    ["$schema", "name", "kind", "question", "references", "seed", "rng", "model", "family"]
      + (kind == .evaluation ? [] : ["objective", "sampling"]) + (kind == .training ? [] : ["at"]) + ["samples"]
      + ownKeys(kind) + ["estimators"]
  }
  /// Those that it alone has.
  package static func ownKeys(_ kind: ExperimentKind) -> [String] {
    switch kind {
    case .variance: ["replicates", "relative_error", "max_replicates", "norm", "diagnostics", "correlations"]
    case .elbo: ["optimizer", "learning_rate", "steps", "runs", "evaluate", "save_parameters", "stop"]
    case .training:
      [
        "algorithm", "optimizer", "learning_rate", "epochs", "runs", "evaluate", "save_parameters", "outputs",
        "evidence",
      ]
    case .evaluation: ["data"]
    }
  }

  var isText: Bool { source.isCommandLine }

  /// Reads a file's bytes.
  package mutating func read(_ bytes: [UInt8]) -> ExperimentSpec {
    do {
      return read(try JSONNode.parse(bytes))
    } catch {
      faultyKeys.insert("")
      faults.append(source.fault("", line: error.line, "not valid JSON: \(error.message) (column \(error.column))"))
      return ExperimentSpec()
    }
  }

  /// Reads a tree.
  package mutating func read(_ root: JSONNode) -> ExperimentSpec {
    var spec = ExperimentSpec()
    spec.kind = Self.statedKind(root)
    let allowed = Self.keys(spec.kind)
    guard let members = members(of: root, path: "", allowed: allowed, what: "key", elsewhere: keysOfOthers(spec.kind))
    else { return spec }
    func at(_ key: String) -> JSONNode? { members[key] }
    spec.lines = members.mapValues(\.line)
    checkKind(at("kind"), root)

    if let node = at("$schema") { _ = string(node, "$schema") }
    if let node = at("name"), let name = string(node, "name") {
      if ExperimentSpec.isName(name) {
        spec.name = name
      } else {
        fault("name", node, "'\(name)' cannot name a directory: use letters, digits, '-', '_' and '.', not first")
      }
    } else if at("name") == nil, !isText {
      fault("name", root, "is missing")
    }
    if let node = at("question") { spec.question = string(node, "question") ?? "" }
    if let node = at("references") {
      if case .array(let items) = node.value {
        spec.references = items.enumerated().compactMap { string($1, "references[\($0)]") }
      } else {
        fault("references", node, "expects an array of BibTeX keys, found \(node.kind)")
      }
    }
    if let node = at("seed") { spec.seed = seed(node) ?? 1 }
    spec.generators = generators(at("rng"))
    spec.models = components(at("model"), "model", registry.models, fallback: "gaussian")
    spec.families = components(at("family"), "family", registry.families, fallback: "mean-field-normal")
    spec.objectives = at("objective").map { components($0, "objective", registry.objectives, fallback: nil) } ?? []
    spec.samplings = components(at("sampling"), "sampling", registry.samplings, fallback: "iid")
    spec.points = points(at("at"))
    if let node = at("samples") {
      spec.samples = counts(node, "samples")
    } else if spec.kind == .evaluation {
      spec.samples = EvidenceRequest().samples
    }
    switch spec.kind {
    case .variance:
      readReplicates(members, &spec)
      readDiagnostics(members, &spec)
    case .elbo: readTraining(members, &spec)
    case .training: readModelTraining(members, &spec)
    case .evaluation: readEvaluation(members, root, &spec)
    }
    if spec.kind == .evaluation { return spec }
    readEstimators(at("estimators"), root, &spec)
    return spec
  }

  // MARK: Pieces

  /// The kind that a document says it is of; `variance` where it says none that there is.
  private static func statedKind(_ root: JSONNode) -> ExperimentKind {
    guard case .object(let members) = root.value,
      case .string(let text)? = members.first(where: { $0.key == "kind" })?.node.value
    else { return .variance }
    return ExperimentKind(rawValue: text) ?? .variance
  }

  /// The keys that other kinds have, and what to say of them.
  private func keysOfOthers(_ kind: ExperimentKind) -> [String: String] {
    let own = Self.keys(kind), others = ExperimentKind.allCases.filter { $0 != kind }
    var messages: [String: String] = [:]
    for key in others.flatMap({ Self.keys($0) }) where !own.contains(key) {
      let owners = others.filter { Self.keys($0).contains(key) }.map { "'\($0.rawValue)'" }.joined(separator: " or ")
      messages[key] = "belongs to experiments of kind \(owners), and this is of kind '\(kind.rawValue)'"
    }
    return messages
  }

  private mutating func checkKind(_ node: JSONNode?, _ root: JSONNode) {
    guard let node else {
      if !isText {
        fault("kind", root, "is missing; write \"kind\": \"variance\", \"elbo\", \"training\" or \"evaluation\"")
      }
      return
    }
    if let text = string(node, "kind"), ExperimentKind(rawValue: text) == nil {
      let names = ExperimentKind.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
      fault("kind", node, "unknown kind '\(text)'; this version knows \(names)")
    }
  }

  private mutating func readEstimators(_ node: JSONNode?, _ root: JSONNode, _ spec: inout ExperimentSpec) {
    guard let node else {
      if spec.kind == .training, !spec.modelTraining.takes(.estimator) { return }
      fault("estimators", root, isText ? "name at least one estimator, or 'all'" : "is missing")
      return
    }
    if isText, case .array(let items) = node.value, items.contains(where: { $0.value == .string("all") }) {
      spec.comparesAll = true
      spec.mostEvaluations = 32
      spec.estimators = everyEstimator()
      if items.count > 1 { fault("estimators", node, "'all' leaves nothing to add: give it alone") }
      return
    }
    guard case .array = node.value else {
      fault("estimators", node, "expects an array, found \(node.kind)")
      return
    }
    spec.estimators = components(node, "estimators", registry.estimators, fallback: nil)
  }

  /// Every estimator with its defaults, its canonical aliases and its variants.
  private mutating func everyEstimator() -> [Configured<any GradientEstimator>] {
    registry.estimators.entries.flatMap { entry in
      let aliases = entry.about.aliases.filter(\.isCanonical).map(\.options)
      return ([[:]] + aliases + entry.about.variants).compactMap { options -> Configured<any GradientEstimator>? in
        let id = ([entry.about.id] + options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
        let text = id.count == 1 ? id[0] : id[0] + ":" + id.dropFirst().joined(separator: ",")
        return component(componentNode(fromText: text), "estimators", registry.estimators)
      }
    }
  }

  mutating func components<Product>(
    _ node: JSONNode?, _ path: String, _ table: ComponentTable<Product>, fallback: String?
  ) -> [Configured<Product>] {
    guard let node else {
      return fallback.flatMap { component(componentNode(fromText: $0), path, table) }.map { [$0] } ?? []
    }
    checkNotEmpty(node, path, table.kind)
    let found = items(node).enumerated().compactMap { index, item in
      component(item, itemPath(node, path, index), table)
    }
    return unique(found.map { ($0, $0.text, $0.path, $0.line) })
  }

  package mutating func component<Product>(
    _ node: JSONNode, _ path: String, _ table: ComponentTable<Product>
  ) -> Configured<Product>? {
    let node = expanded(node)
    var id: String?, options: JSONNode?
    switch node.value {
    case .string(let text): id = text
    case .object:
      guard let members = members(of: node, path: path, allowed: ["id", "options"], what: "key") else { return nil }
      guard let idNode = members["id"] else {
        fault(path, node, "has no \"id\"")
        return nil
      }
      id = string(idNode, "\(path).id")
      options = members["options"]
    default: fault(path, node, "expects an id or {\"id\": …, \"options\": {…}}, found \(node.kind)")
    }
    guard let id else { return nil }
    guard let (entry, presets) = table[id] else {
      let nearest = nearestName(to: id, among: table.names).map { "; did you mean '\($0)'?" }
      let options = id.contains(":") ? "; options are written {\"id\": …, \"options\": {…}}" : nil
      let hint = nearest ?? options ?? "; known: \(table.ids.joined(separator: ", "))"
      fault(path, node, "unknown \(table.kind) '\(id)'\(hint)")
      return nil
    }
    var assigned: [(Int, OptionValue)] = []
    for (name, text) in presets {
      guard let index = entry.about.options.firstIndex(where: { $0.name == name }) else { continue }
      let preset = JSONNode(value: .string(text), line: 0, column: 0)
      if case .success(let value) = OptionReader.read(preset, as: entry.about.options[index].kind, isText: true) {
        assigned.append((index, value))
      }
    }
    var isGood = true
    if let options {
      let names = entry.about.options.map(\.name)
      guard let given = members(of: options, path: "\(path).options", allowed: names, what: "option", of: id)
      else { return nil }
      isGood = faultCount(under: "\(path).options") == 0
      for (index, option) in entry.about.options.enumerated() {
        guard let value = given[option.name] else { continue }
        if presets[option.name] != nil {
          fault(
            "\(path).options.\(option.name)", value, "'\(id)' already sets '\(option.name)': use '\(entry.about.id)'")
          isGood = false
          continue
        }
        switch OptionReader.read(value, as: option.kind, isText: isText) {
        case .success(let value): assigned.append((index, value))
        case .failure(let message):
          fault(
            "\(path).options.\(option.name)", value,
            isText ? "option '\(option.name)' of '\(id)' \(message.text)" : message.text)
          isGood = false
        }
      }
    }
    guard isGood, let product = entry.make(assigned) else { return nil }
    do throws(ComponentError) {
      try (product as? any Component)?.check()
    } catch {
      let option = error.option.map { "option '\($0)': " } ?? ""
      fault(
        error.option.map { "\(path).options.\($0)" } ?? path, node, (isText ? option : "") + error.description)
      return nil
    }
    var lines: [String: Int] = [:]
    if case .object(let members)? = options?.value {
      for member in members { lines[member.key] = member.node.line }
    }
    return Configured(product: product, text: text(of: product), path: path, line: node.line, optionLines: lines)
  }

  private func text<Product>(of product: Product) -> String {
    (product as? any Component).map { canonicalText($0) } ?? ""
  }

  private func faultCount(under path: String) -> Int { faults.count { $0.path.hasPrefix(path) } }

  private mutating func generators(_ node: JSONNode?) -> [Generator] {
    guard let node else { return Generator.named(Generator.standardName).map { [$0] } ?? [] }
    checkNotEmpty(node, "rng", "generator")
    let names = Generator.all.map(\.name)
    let found = items(node).enumerated().compactMap { index, item -> Generator? in
      let path = itemPath(node, "rng", index)
      guard let name = string(item, path) else { return nil }
      guard let generator = Generator.named(name) else {
        let hint =
          nearestName(to: name, among: names).map { "did you mean '\($0)'?" } ?? "see 'workbench list generators'"
        fault(path, item, "unknown generator '\(name)'; \(hint)")
        return nil
      }
      return generator
    }
    if faultyKeys.contains("rng") { return found }
    return unique(found.enumerated().map { ($1, $1.name, itemPath(node, "rng", $0), node.line) })
  }

  private mutating func seed(_ node: JSONNode) -> UInt64? {
    // As a whole number may be written 1e3 or 5.0, as far as that is exact.
    func exact(_ x: Double) -> UInt64? { x < 0x1p53 ? UInt64(exactly: x) : nil }
    if let text = numberOrText(node), let seed = UInt64(text) ?? Double(text).flatMap(exact) { return seed }
    fault("seed", node, "expects an integer from 0 to 18446744073709551615, found \(OptionReader.shown(node, isText))")
    return nil
  }

  mutating func integer(
    _ node: JSONNode, _ path: String, _ range: ClosedRange<Int>, or other: String? = nil
  ) -> Int? {
    if let text = numberOrText(node), let count = OptionReader.integer(text), range.contains(count) { return count }
    let expected = OptionReader.expectation(.integer(range)) + (other.map { ", or \($0)" } ?? "")
    fault(path, node, "expects \(expected), found \(OptionReader.shown(node, isText))")
    return nil
  }

  /// The digits of a number; on the command line every value is a text.
  func numberOrText(_ node: JSONNode) -> String? {
    switch node.value {
    case .number(let text): text
    case .string(let text): isText ? text : nil
    default: nil
    }
  }

  mutating func string(_ node: JSONNode, _ path: String) -> String? {
    guard case .string(let text) = node.value else {
      fault(path, node, "expects a text, found \(node.kind)")
      return nil
    }
    return text
  }

  /// The members by key, after faults for unknown and repeated keys; nil if `node` is not an object.
  mutating func members(
    of node: JSONNode, path: String, allowed: [String]?, what: String, of owner: String? = nil,
    elsewhere: [String: String] = [:]
  ) -> [String: JSONNode]? {
    guard case .object(let members) = node.value else {
      fault(path, node, "expects an object, found \(node.kind)")
      return nil
    }
    var found: [String: JSONNode] = [:]
    for member in members {
      let memberPath = path.isEmpty ? member.key : "\(path).\(member.key)"
      let place = JSONNode(value: .null, line: member.keyLine, column: member.keyColumn)
      if let message = elsewhere[member.key] {
        fault(memberPath, place, message)
      } else if let allowed, !allowed.contains(member.key) {
        let nearest = nearestName(to: member.key, among: allowed).map { "; did you mean '\($0)'?" }
        let known = allowed.isEmpty ? "; it has none" : "; known: \(allowed.joined(separator: ", "))"
        let subject = owner.map { "unknown \(what) '\(member.key)' of '\($0)'" } ?? "unknown \(what) '\(member.key)'"
        fault(memberPath, place, subject + (nearest ?? known))
      } else if found[member.key] != nil {
        fault(memberPath, place, (isText ? "option '\(member.key)' " : "") + "is given twice; keep one")
      } else {
        found[member.key] = member.node
      }
    }
    return found
  }

  /// The first of each text, after faults for the others.
  mutating func unique<T>(_ items: [(item: T, text: String, path: String, line: Int)]) -> [T] {
    var seen: Set<String> = []
    return items.compactMap { item, text, path, line in
      if seen.insert(text).inserted { return item }
      faults.append(source.fault(path, line: line, Self.repeated("'\(text)'")))
      return nil
    }
  }

  /// What to say of a thing that a spec names once more, perhaps in another spelling.
  static func repeated(_ what: String) -> String { "\(what) is given already, in this or another spelling; keep one" }

  mutating func checkNotEmpty(_ node: JSONNode, _ path: String, _ what: String) {
    if case .array(let items) = node.value, items.isEmpty {
      fault(path, node, "is empty: name at least one \(what)")
    }
  }

  mutating func fault(_ path: String, _ node: JSONNode, _ message: String) {
    faultyKeys.insert(SpecSource.key(ofPath: path))
    faults.append(source.fault(path, line: node.line, message))
  }

  /// Faults found later, such as those of the plan.
  package mutating func add(_ fault: Fault) { faults.append(fault) }

  func items(_ node: JSONNode) -> [JSONNode] {
    if case .array(let items) = node.value { return items }
    return [node]
  }

  func itemPath(_ node: JSONNode, _ path: String, _ index: Int) -> String {
    if case .array = node.value { return "\(path)[\(index)]" }
    return path
  }

  /// On the command line a component is `ID:KEY=VALUE,…`.
  private func expanded(_ node: JSONNode) -> JSONNode {
    guard isText || node.line == 0, case .string(let text) = node.value else { return node }
    return componentNode(fromText: text)
  }
}
