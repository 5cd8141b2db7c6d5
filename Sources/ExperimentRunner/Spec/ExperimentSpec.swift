package import EstimatorStatistics
package import GradientEstimation
package import Randomness

/// A component with its options, and its canonical text.
package struct Configured<Product: Sendable>: Sendable {
  package let product: Product
  package let text: String
  /// Where the spec names it.
  package let path: String
  package let line: Int
  /// Where it sets its options.
  var optionLines: [String: Int] = [:]

  init(product: Product, text: String, path: String, line: Int, optionLines: [String: Int] = [:]) {
    self.product = product
    self.text = text
    self.path = path
    self.line = line
    self.optionLines = optionLines
  }

  /// One that no spec names, with its canonical text.
  package init(_ product: Product) {
    let text = (product as? any Component).map { canonicalText($0) } ?? ""
    self.init(product: product, text: text, path: "estimators", line: 0)
  }
}

/// What an experiment measures.
package enum ExperimentKind: String, CaseIterable, Sendable {
  /// The variance of gradients at points λ.
  case variance
  /// The ELBO along optimisations.
  case elbo
  /// The bounds along the training of a model of data with latents of their own.
  case training
  /// log p(x), at points.
  case evaluation
}

/// What a spec asks for, read and checked as far as it can be without loading data.
package struct ExperimentSpec: Sendable {
  package var kind = ExperimentKind.variance
  package var name = ""
  package var question = ""
  package var references: [String] = []
  package var seed: UInt64 = 1
  package var generators: [Generator] = []
  package var models: [Configured<any IntegrandSpecification>] = []
  package var families: [Configured<any FamilySpecification>] = []
  /// Empty: the model's own, `elbo` or `expectation`.
  package var objectives: [Configured<any Objective>] = []
  package var samplings: [Configured<any SamplingScheme>] = []
  package var points: [(point: Point, path: String, line: Int)] = []
  package var samples: [Int] = [1]
  /// R; where `relativeError` is given, the most that a cell may take.
  package var replicates = 10_000
  /// Of `"replicates": "auto"`: the half-width wished of every interval, relative to its variance.
  package var relativeError: Double?
  /// The norm that variances are traces in.
  package var norm = GradientNorm.euclidean
  /// What is measured beside variances.
  package var diagnostics = DiagnosticRequest()
  package var estimators: [Configured<any GradientEstimator>] = []
  /// Whether `estimators` is every registered one: then those that do not fit are left out with a note.
  package var comparesAll = false
  /// The most evaluations of the model a draw of what `all` takes; nil for no limit.
  package var mostEvaluations: Double?
  /// What kind `elbo` adds.
  package var training = TrainingSpec()
  /// What kind `training` adds.
  package var modelTraining = ModelTrainingSpec()
  /// What kind `evaluation` asks for.
  package var evidence = EvidenceRequest()
  /// Where each key stands; empty for the command line.
  package var lines: [String: Int] = [:]

  package init() {}

  /// Limits that are stated in the schema and in messages.
  package enum Limit {
    /// Fewer replicates give no interval worth the name.
    package static let replicates = 100...1_000_000_000
    package static let samples = 1...100_000
    package static let relativeError = RealBounds(lower: 1e-4, upper: 1)
    /// K·D of a cell.
    package static let elements = 4_000_000
  }
}

extension ExperimentSpec {
  /// What `"replicates": "auto"` means where nothing is said of it.
  package enum Automatic {
    package static let relativeError = 0.01
    package static let maximum = 1_000_000
  }

  /// When a cell has replicates enough.
  package var rule: StoppingRule { StoppingRule(relativeError: relativeError, maximum: replicates) }

  /// Whether `name` can name a directory under results/: no separators, nothing hidden, not too long.
  package static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 100 && name.first != "."
      && name.unicodeScalars.allSatisfy {
        $0.isASCII
          && ($0.properties.isAlphabetic || $0.properties.numericType != nil || "-_.".unicodeScalars.contains($0))
      }
  }
}

extension JSONNode {
  /// The tree of command-line options, every value a text; a list where it says so.
  package init(commandLine options: [(key: String, values: [String], isList: Bool)]) {
    func node(_ value: JSONValue) -> JSONNode { JSONNode(value: value, line: 0, column: 0) }
    self = node(
      .object(
        options.map { key, values, isList in
          let texts = values.map { node(.string($0)) }
          return JSONMember(
            key: key, keyLine: 0, keyColumn: 0, node: isList || texts.count != 1 ? node(.array(texts)) : texts[0])
        }))
  }

  /// Adds the object `key` of the options that are given, if any is.
  package mutating func add(_ key: String, _ options: [(key: String, value: String?)]) {
    let given = options.compactMap { key, value in value.map { (key: key, values: [$0], isList: false) } }
    guard !given.isEmpty, case .object(let members) = value else { return }
    let member = JSONMember(key: key, keyLine: 0, keyColumn: 0, node: JSONNode(commandLine: given))
    value = .object(members + [member])
  }
}

extension ExperimentSpec {
  /// The spec as a file would give it, for the manifest of a run from the command line: what is left out of `all` is
  /// not named.
  package func json(of plan: Plan) -> JSONOutput {
    func oneOrMore<T>(_ items: [T], _ one: (T) -> JSONOutput) -> JSONOutput {
      items.count == 1 ? one(items[0]) : .array(items.map(one))
    }
    func component<Product>(_ item: Configured<Product>) -> JSONOutput {
      (item.product as? any Component).map { componentJSON($0) } ?? .string(item.text)
    }
    var members: [(key: String, value: JSONOutput)] = [
      (key: "name", value: .string(name)), (key: "kind", value: .string(kind.rawValue)),
      (key: "seed", value: .unsigned(seed)),
      (key: "rng", value: oneOrMore(generators) { .string($0.name) }),
      (key: "model", value: oneOrMore(models, component)), (key: "family", value: oneOrMore(families, component)),
    ]
    if !objectives.isEmpty { members.append((key: "objective", value: oneOrMore(objectives, component))) }
    members += [
      (key: "sampling", value: oneOrMore(samplings, component)),
      (key: "at", value: oneOrMore(points) { .string($0.point.text) }),
      (key: "samples", value: oneOrMore(samples) { .integer($0) }),
    ]
    if kind == .evaluation {
      members.append((key: "data", value: .integer(evidence.data)))
      members.append((key: "estimators", value: .array(evidence.estimators.map(component))))
      return .object(members.filter { $0.key != "objective" && $0.key != "sampling" })
    }
    if kind == .training {
      members += modelTraining.manifestMembers
    } else if kind == .elbo {
      members.append((key: "optimizer", value: oneOrMore(training.optimizers, component)))
      members += training.members
    } else if let relativeError {
      members += [
        (key: "replicates", value: "auto"), (key: "relative_error", value: .number(relativeError)),
        (key: "max_replicates", value: .integer(replicates)),
      ]
    } else {
      members.append((key: "replicates", value: .integer(replicates)))
    }
    if diagnostics.parts { members.append((key: "diagnostics", value: true)) }
    if diagnostics.correlations { members.append((key: "correlations", value: true)) }
    if norm != .euclidean { members.append((key: "norm", value: .string(norm.rawValue))) }
    members += [
      (
        key: "estimators",
        value: .array(comparesAll ? plan.estimators.map { componentJSON($0) } : estimators.map(component))
      )
    ]
    return .object(members)
  }
}

/// What the canonical text of `component` says, values typed.
private func componentJSON<C: Component>(_ component: C) -> JSONOutput {
  let text = canonicalText(component)
  guard case .object(let members) = componentNode(fromText: text).value, members.count == 2,
    case .object(let given) = members[1].node.value
  else { return .string(text) }
  let options = C.descriptor.options.filter { option in given.contains { $0.key == option.name } }
  return .object([
    (key: "id", value: .string(String(text.prefix { $0 != ":" }))),
    (key: "options", value: .object(options.map { (key: $0.name, value: JSONOutput($0.value(in: component))) })),
  ])
}

extension JSONOutput {
  /// An option's value as a spec gives it.
  init(_ value: OptionValue) {
    switch value {
    case .flag(let x): self = .bool(x)
    case .integer(let x): self = .integer(x)
    case .none: self = .null
    case .real(let x): self = .number(x)
    case .reals(let list): self = list.count == 1 ? .number(list[0]) : .array(list.map(JSONOutput.number))
    case .text(let text): self = .string(text)
    }
  }
}
