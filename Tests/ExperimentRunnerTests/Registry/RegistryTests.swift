import ExperimentRunner
import GradientEstimation
import Testing

private protocol Dummy: Objective {}
extension Dummy {
  func terms(for model: any Integrand) throws(EstimatorError) -> Terms { .cost }
}

private struct First: Dummy {
  static let descriptor = Descriptor<Self>(id: "first", summary: "", aliases: [Alias("premier")])
}
private struct Twin: Dummy {
  static let descriptor = Descriptor<Self>(id: "first", summary: "")
}
private struct Double: Dummy {
  static let descriptor = Descriptor<Self>(id: "second", summary: "", aliases: [Alias("premier")])
}
private struct Shouting: Dummy {
  static let descriptor = Descriptor<Self>(id: "Third_One", summary: "")
}
private struct Hyphened: Dummy {
  static let descriptor = Descriptor<Self>(id: "third", summary: "", aliases: [Alias("a--b")])
}
private struct Nameless: Dummy {
  static let descriptor = Descriptor<Self>(id: "", summary: "")
}

@Suite struct RegistryTests {
  func refusal<O: Objective>(_ type: O.Type) -> String {
    var registry = Registry()
    do {
      try registry.register(objective: First.self)
      try registry.register(objective: type)
      return "registered"
    } catch {
      return "\(error)"
    }
  }

  @Test func duplicatesNameBoth() {
    #expect(refusal(Twin.self) == "objective id 'first' of type Twin is already taken by type First")
    #expect(refusal(Double.self) == "objective id 'premier' of type Double is already taken by type First")
    #expect(refusal(First.self) == "objective id 'first' of type First is already taken by type First")
  }

  @Test func malformedIdsAreRefused() {
    let rule = "is malformed: use lower-case letters, digits and single hyphens"
    #expect(refusal(Shouting.self) == "objective id 'Third_One' of type Shouting \(rule)")
    #expect(refusal(Hyphened.self) == "objective id 'a--b' of type Hyphened \(rule)")
    #expect(refusal(Nameless.self) == "objective id '' of type Nameless \(rule)")
  }

  @Test func aRefusalLeavesTheRegistryAsItWas() throws {
    var registry = Registry()
    try registry.register(objective: First.self)
    #expect(throws: RegistryError.self) { try registry.register(objective: Double.self) }
    #expect(registry.objectives.names == ["first", "premier"])
    #expect(registry.objectives["second"] == nil)
    #expect(registry.objectives["premier"]?.entry.about.id == "first")
  }
}
