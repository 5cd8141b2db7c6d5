package import ExperimentRunner
package import GradientEstimation

/// The components of a grid, each in the configurations that it is checked in.
struct Selection {
  var estimators: [Configured<any GradientEstimator>] = []
  var models: [Checked<any IntegrandSpecification>] = []
  var families: [Checked<any FamilySpecification>] = []
  var objectives: [Checked<any Objective>] = []
  var samplings: [Configured<any SamplingScheme>] = []
  /// Whether not everything is taken.
  let isPart: Bool
  /// Whether not all models are taken.
  let namesModels: Bool
  /// Whether not all families are taken.
  let namesFamilies: Bool
  /// Whether not all sampling schemes are taken.
  let namesSamplings: Bool

  /// A configuration, and where in λ it is checked.
  struct Checked<Product: Sendable> {
    let configured: Configured<Product>
    var normals: [NormalPoint] = []
    var points: [String] = []
    /// Of a family or an objective, ids of the models that it is checked on where none is named; empty for all.
    var models: [String] = []
    /// Of a model, ids of the families that it is checked under where neither is named; empty for all.
    var families: [String] = []
  }

  /// - Parameter ids: components or configurations; of a kind that none names, all are taken.
  /// - Throws: `ConformanceError` with a line for each id that is unknown or wrong.
  init(_ registry: Registry, ids: [String]) throws(ConformanceError) {
    var reader = SpecReader(registry: registry, source: .commandLine)
    var named: [String: [String]] = [:]
    var faults: [String] = []
    let kinds: [(kind: String, names: [String])] = [
      ("estimator", registry.estimators.names), ("model", registry.models.names), ("family", registry.families.names),
      ("objective", registry.objectives.names), ("sampling", registry.samplings.names),
    ]
    for text in ids {
      let id = String(text.prefix { $0 != ":" })
      if let kind = kinds.first(where: { $0.names.contains(id) })?.kind {
        named[kind, default: []].append(text)
      } else {
        let hint = nearestName(to: id, among: kinds.flatMap(\.names)).map { "did you mean '\($0)'?" }
        faults.append("check: unknown id '\(id)'; \(hint ?? "see 'workbench list'")")
      }
    }
    isPart = !ids.isEmpty
    namesModels = named["model"] != nil
    namesFamilies = named["family"] != nil
    namesSamplings = named["sampling"] != nil
    estimators = Self.chosen(registry.estimators, named, &reader, everyWay: true).map(\.configured)
    models = Self.chosen(registry.models, named, &reader, everyWay: false)
    families = Self.chosen(registry.families, named, &reader, everyWay: true)
    objectives = Self.chosen(registry.objectives, named, &reader, everyWay: true)
    samplings = Self.chosen(registry.samplings, named, &reader, everyWay: true).map(\.configured)
    faults += reader.faults.map { "check: \($0.message)" }
    guard faults.isEmpty else { throw ConformanceError(faults) }
  }

  /// The named components of a table, or all.
  private static func chosen<Product>(
    _ table: ComponentTable<Product>, _ named: [String: [String]], _ reader: inout SpecReader, everyWay: Bool
  ) -> [Checked<Product>] {
    let texts = named[table.kind] ?? table.entries.map(\.about.id)
    var found: [Checked<Product>] = []
    for text in texts {
      guard let (entry, presets) = table[String(text.prefix { $0 != ":" })] else { continue }
      let examples = entry.about.examples
      if text.contains(":") || !presets.isEmpty {
        // One configuration, at all the points of its component.
        guard let one = reader.component(componentNode(fromText: text), table.kind, table) else { continue }
        found.append(
          Checked(
            configured: one, normals: examples.flatMap(\.normals), points: examples.flatMap(\.points),
            models: examples.flatMap(\.models), families: examples.flatMap(\.families)))
        continue
      }
      if everyWay {
        // At the points of the examples that set no options, if there are such.
        let plain = examples.filter(\.options.isEmpty), own = plain.isEmpty ? examples : plain
        found += everyConfiguration(of: entry).map {
          Checked(
            configured: $0, normals: own.flatMap(\.normals), points: own.flatMap(\.points),
            models: own.flatMap(\.models))
        }
      }
      for example in everyWay ? examples.filter({ !$0.options.isEmpty }) : examples.isEmpty ? [Example()] : examples {
        let node = componentNode(fromText: self.text(entry.about, example.options))
        guard let one = reader.component(node, table.kind, table) else { continue }
        found.append(
          Checked(
            configured: one, normals: example.normals, points: example.points, models: example.models,
            families: example.families))
      }
    }
    var seen: Set<String> = []
    return found.filter { seen.insert($0.configured.text).inserted }
  }

  /// All combinations of a component's choices and flags that agree with each other.
  private static func everyConfiguration<Product>(of entry: ComponentEntry<Product>) -> [Configured<Product>] {
    var assignments: [[(Int, OptionValue)]] = [[]]
    for (index, option) in entry.about.options.enumerated() {
      let values: [OptionValue] =
        switch option.kind {
        case .choice(let names): names.map(OptionValue.text)
        case .flag: [.flag(false), .flag(true)]
        default: [option.defaultValue]
        }
      assignments = assignments.flatMap { done in values.map { done + [(index, $0)] } }
    }
    return assignments.compactMap { entry.make($0) }
      .filter { product in
        do {
          try (product as? any Component)?.check()
          return true
        } catch { return false }
      }.map { Configured($0) }
  }

  /// Whether `family` is checked on `model` under `sampling`: with independent draws always; under other schemes one that
  /// names its models is checked on the first of them. A model that names its families is checked under those. What the ids that were given name is combined in full.
  func combines(
    _ family: Checked<any FamilySpecification>, _ model: Checked<any IntegrandSpecification>,
    _ sampling: Configured<any SamplingScheme>
  ) -> Bool {
    if !namesModels, !namesFamilies, !model.families.isEmpty, !model.families.contains(Self.id(family)) { return false }
    if namesModels || namesSamplings || family.models.isEmpty || sampling.product.drawsAreIndependent { return true }
    return family.models.first == Self.id(model)
  }

  /// Whether `objective` is checked on `model`: one that names its models on those, unless a model was named.
  func combines(_ objective: Checked<any Objective>, _ model: Checked<any IntegrandSpecification>) -> Bool {
    namesModels || objective.models.isEmpty || objective.models.contains(Self.id(model))
  }

  /// Whether `objective` is checked closely on `model`: one that names its models on the first of them.
  func leads(_ objective: Checked<any Objective>, _ model: Checked<any IntegrandSpecification>) -> Bool {
    objective.models.first.map { $0 == Self.id(model) } ?? true
  }

  private static func id<Product>(_ component: Checked<Product>) -> String {
    String(component.configured.text.prefix { $0 != ":" })
  }

  private static func text(_ about: ComponentDescription, _ options: [String: String]) -> String {
    let given = options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    return given.isEmpty ? about.id : "\(about.id):\(given)"
  }
}

extension Registry {
  /// Every estimator in every configuration that it is checked in, with canonical texts.
  package func checkedEstimators() throws(ConformanceError) -> [(estimator: any GradientEstimator, text: String)] {
    try Selection(self, ids: []).estimators.map { ($0.product, $0.text) }
  }
}

/// What is wrong with what was asked to be checked, a line each.
public struct ConformanceError: Error, CustomStringConvertible {
  public let lines: [String]
  public var description: String { lines.joined(separator: "\n") }
  init(_ lines: [String]) { self.lines = lines }
}
