public import GradientEstimation
public import Optimization

/// The components that specs can name. The standard ones and a plug-in's enter by the same door.
public struct Registry: Sendable {
  package private(set) var estimators = ComponentTable<any GradientEstimator>(kind: "estimator")
  package private(set) var models = ComponentTable<any IntegrandSpecification>(kind: "model")
  package private(set) var families = ComponentTable<any FamilySpecification>(kind: "family")
  package private(set) var objectives = ComponentTable<any Objective>(kind: "objective")
  package private(set) var samplings = ComponentTable<any SamplingScheme>(kind: "sampling")
  package private(set) var optimizers = ComponentTable<any Optimizer>(kind: "optimizer")
  package private(set) var algorithms = ComponentTable<any LearningAlgorithm>(kind: "algorithm")
  package private(set) var evidence = ComponentTable<any EvidenceEstimator>(kind: "evidence estimator")

  public init() {}

  /// - Throws: `RegistryError` if an id is malformed or taken; the same for every `register`.
  public mutating func register<E: GradientEstimator>(estimator: E.Type) throws(RegistryError) {
    try estimators.add(estimator) { $0 }
  }

  public mutating func register<M: IntegrandSpecification>(model: M.Type) throws(RegistryError) {
    try models.add(model) { $0 }
  }

  public mutating func register<F: FamilySpecification>(family: F.Type) throws(RegistryError) {
    try families.add(family) { $0 }
  }

  public mutating func register<O: Objective>(objective: O.Type) throws(RegistryError) {
    try objectives.add(objective) { $0 }
  }

  public mutating func register<S: SamplingScheme>(sampling: S.Type) throws(RegistryError) {
    try samplings.add(sampling) { $0 }
  }

  public mutating func register<O: Optimizer>(optimizer: O.Type) throws(RegistryError) {
    try optimizers.add(optimizer) { $0 }
  }

  public mutating func register<A: LearningAlgorithm>(algorithm: A.Type) throws(RegistryError) {
    try algorithms.add(algorithm) { $0 }
  }

  public mutating func register<E: EvidenceEstimator>(evidence: E.Type) throws(RegistryError) {
    try self.evidence.add(evidence) { $0 }
  }
}

/// An id that cannot be registered, in one line.
public struct RegistryError: Error, Hashable, CustomStringConvertible {
  public let description: String
}

/// The registered components of one kind, in order.
package struct ComponentTable<Product: Sendable>: Sendable {
  package let kind: String
  package private(set) var entries: [ComponentEntry<Product>] = []

  /// Ids and the aliases that canonical text uses.
  package var ids: [String] {
    entries.flatMap { entry in [entry.about.id] + entry.about.aliases.filter(\.isCanonical).map(\.id) }
  }

  /// Ids and all aliases.
  package var names: [String] {
    entries.flatMap { entry in [entry.about.id] + entry.about.aliases.map(\.id) }
  }

  /// The component of that id or alias, and the options that the alias sets.
  package subscript(name: String) -> (entry: ComponentEntry<Product>, presets: [String: String])? {
    for entry in entries {
      if entry.about.id == name { return (entry, [:]) }
      if let alias = entry.about.aliases.first(where: { $0.id == name }) { return (entry, alias.options) }
    }
    return nil
  }

  mutating func add<C: Component>(
    _ type: C.Type, as product: @escaping @Sendable (C) -> Product
  ) throws(RegistryError) {
    let about = ComponentDescription(type)
    for id in [about.id] + about.aliases.map(\.id) {
      guard isKebabCase(id) else {
        throw RegistryError(
          description:
            "\(kind) id '\(id)' of type \(type) is malformed: use lower-case letters, digits and single hyphens")
      }
      if let (other, _) = self[id] {
        throw RegistryError(
          description: "\(kind) id '\(id)' of type \(type) is already taken by type \(other.about.typeName)")
      }
    }
    entries.append(
      ComponentEntry(about: about) { assignments in
        var component = C()
        for (index, value) in assignments {
          guard C.descriptor.options[index].store(value, in: &component) else { return nil }
        }
        return product(component)
      })
  }
}

/// A registered component: what there is to say about it, and how to make one.
package struct ComponentEntry<Product: Sendable>: Sendable {
  package let about: ComponentDescription
  /// The product with the options of these indices set; nil if a value does not fit.
  package let make: @Sendable ([(Int, OptionValue)]) -> Product?
}

/// A descriptor without its type.
package struct ComponentDescription: Sendable {
  package struct OptionDescription: Sendable {
    package let name: String
    package let kind: OptionKind
    package let summary: String
    package let defaultValue: OptionValue
  }

  package let id: String
  package let typeName: String
  package let summary: String
  package let equation: String
  package let notes: [Note]
  package let references: [Reference]
  package let options: [OptionDescription]
  package let aliases: [Alias]
  package let variants: [[String: String]]
  package let examples: [Example]

  package init<C: Component>(_ type: C.Type) {
    let descriptor = C.descriptor, defaults = C()
    id = descriptor.id
    typeName = String(describing: type)
    summary = descriptor.summary
    equation = descriptor.equation
    notes = descriptor.notes
    references = descriptor.references
    options = descriptor.options.map {
      OptionDescription(name: $0.name, kind: $0.kind, summary: $0.summary, defaultValue: $0.value(in: defaults))
    }
    aliases = descriptor.aliases
    variants = descriptor.variants
    examples = descriptor.examples
  }
}

private func isKebabCase(_ id: String) -> Bool {
  !id.isEmpty
    && id.split(separator: "-", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && part.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
    }
}
