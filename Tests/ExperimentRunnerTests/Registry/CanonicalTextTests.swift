import ExperimentRunner
import GradientEstimation
import Testing
import WorkbenchCLI

/// One text for each component, and the component back from the text.
@Suite struct CanonicalTextTests {
  /// Values to try an option with, its default left out.
  func values(_ option: ComponentDescription.OptionDescription) -> [OptionValue] {
    let numbers = [-1.5, 0, 0.1, 0.5, 1, 1e-6, 1.0 / 3, 123_456.789, -1e20]
    let all: [OptionValue] =
      switch option.kind {
      case .flag: [.flag(true), .flag(false)]
      case .integer(let range): [.integer(range.lowerBound), .integer(range.upperBound), .integer(7)]
      case .optionalInteger(let range): [.none, .integer(range.lowerBound), .integer(7)]
      case .real: numbers.map { .real($0) }
      case .reals: numbers.map { .reals([$0]) } + [.reals([1, 2]), .reals([-1, 1e-7, 3])]
      case .choice(let names): names.map { .text($0) }
      case .sizes: ["3", "4x2", "none"].map { .text($0) }
      case .text: ["", "a b", "a,b.csv", "x\"y", "a\\b", "1x2", "true", "a=b", "line\nbreak", "é"].map { .text($0) }
      }
    return Array(all.filter { option.kind.accepts($0) && $0 != option.defaultValue }.prefix(12))
  }

  /// Every assignment in which each option has its default or one of `values`; beyond some hundreds, each further value in the
  /// first and the last of them alone.
  func assignments(_ options: [ComponentDescription.OptionDescription]) -> [[(Int, OptionValue)]] {
    options.indices.reduce([[]]) { products, index in
      let values = values(options[index]).map { (index, $0) }
      guard products.count > 400 else {
        return products.flatMap { product in [product] + values.map { product + [$0] } }
      }
      return products
        + [products[0], products[products.count - 1]].flatMap { product in values.map { product + [$0] } }
    }
  }

  func roundTrip<Product>(_ table: ComponentTable<Product>, key: String, of: (ExperimentSpec) -> [Configured<Product>])
    throws -> Int
  {
    var count = 0
    for entry in table.entries {
      var texts: [String: AnyHashable] = [:]
      for assignment in assignments(entry.about.options) {
        let made = try #require(entry.make(assignment) as? any Component)
        // Options that contradict each other have no text to come back from.
        guard (try? made.check()) != nil else { continue }
        let text = canonical(made)
        // Different components have different texts.
        if let other = texts.updateValue(AnyHashable(made), forKey: text) {
          #expect(other == AnyHashable(made), "\(text)")
        }
        let kind = key == "optimizer" ? [("kind", ["elbo"], false)] : []
        let estimators = key == "estimators" ? [] : [("estimators", ["score"])]
        var reader = SpecReader(registry: try StandardRegistry.make(), source: .commandLine)
        let spec = reader.read(
          JSONNode(commandLine: kind + [(key, [text], key == "estimators")] + estimators.map { ($0.0, $0.1, true) }))
        #expect(reader.faults.isEmpty, "\(text): \(reader.faults)")
        let read = of(spec)
        #expect(read.map(\.text) == [text])
        #expect((read.first?.product as? any Component).map { AnyHashable($0) } == AnyHashable(made), "\(text)")
        count += 1
      }
    }
    return count
  }

  private func canonical<C: Component>(_ component: C) -> String { canonicalText(component) }

  @Test func everyComponentComesBackFromItsText() throws {
    let registry = try StandardRegistry.make()
    #expect(try roundTrip(registry.estimators, key: "estimators") { $0.estimators } > 50)
    #expect(try roundTrip(registry.models, key: "model") { $0.models } > 500)
    #expect(try roundTrip(registry.families, key: "family") { $0.families } > 0)
    #expect(try roundTrip(registry.objectives, key: "objective") { $0.objectives } > 0)
    #expect(try roundTrip(registry.samplings, key: "sampling") { $0.samplings } > 0)
    #expect(try roundTrip(registry.optimizers, key: "optimizer") { $0.training.optimizers } > 500)
  }

  @Test func aQuotedValueMayHoldWhatLooksLikeAnOption() throws {
    let text = #"logistic-regression:data="dir,x=1/d.csv",intercept=false"#
    let spec = try Reading(options: [("model", [text]), ("estimators", ["score"])]).spec
    #expect(spec.models.map(\.text) == [text])
  }

  @Test(
    arguments: [
      ("score", []), ("score:", [("", "")]), ("score:a=1", [("a", "1")]), ("score:a=1,b=2", [("a", "1"), ("b", "2")]),
      ("m:data=a,b.csv", [("data", "a,b.csv")]), ("m:data=a,b.csv,k=3", [("data", "a,b.csv"), ("k", "3")]),
      ("m:data=c:/d.csv", [("data", "c:/d.csv")]), ("m:x=1x2x-3,y=2", [("x", "1x2x-3"), ("y", "2")]),
      ("m:a=b=c", [("a", "b=c")]), ("m:a", [("a", "")]), ("m:a,b=1", [("a", ""), ("b", "1")]),
      (#"m:a="x, \"y\"",b=1"#, [("a", #"x, "y""#), ("b", "1")]), (#"m:a="unclosed"#, [("a", #""unclosed"#)]),
      ("m:a=,b=", [("a", ""), ("b", "")]),
      ("m:rao_blackwell=true,data=a-b", [("rao_blackwell", "true"), ("data", "a-b")]),
    ] as [(String, [(String, String)])])
  func splitting(_ text: String, options: [(String, String)]) throws {
    let node = componentNode(fromText: text)
    guard case .object(let members) = node.value else {
      #expect(node.value == .string(text) && options.isEmpty)
      return
    }
    #expect(members.map(\.key) == ["id", "options"])
    #expect(members[0].node.value == .string(String(text.prefix { $0 != ":" })))
    guard case .object(let given) = members[1].node.value else {
      Issue.record("options are no object")
      return
    }
    #expect(given.map(\.key) == options.map(\.0))
    #expect(given.map(\.node.value) == options.map { .string($0.1) })
  }
}
