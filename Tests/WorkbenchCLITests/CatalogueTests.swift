import ExperimentRunner
import Foundation
import GradientEstimation
import Testing
import WorkbenchCLI

/// `list`, `describe`, `cite`: of everything that is registered.
@Suite struct CatalogueTests {
  static let registry = try? StandardRegistry.make()

  static let components: [ComponentDescription] =
    registry.map {
      $0.estimators.entries.map(\.about) + $0.models.entries.map(\.about) + $0.families.entries.map(\.about)
        + $0.objectives.entries.map(\.about) + $0.samplings.entries.map(\.about) + $0.optimizers.entries.map(\.about)
        + $0.algorithms.entries.map(\.about) + $0.evidence.entries.map(\.about)
    } ?? []

  static let names = components.flatMap { [$0.id] + $0.aliases.map(\.id) }

  /// The keys of References.bib.
  static let keys: Set<String> = {
    let text =
      (try? String(contentsOf: Sandbox.package.appendingPathComponent("References.bib"), encoding: .utf8)) ?? ""
    return Set(text.matches(of: /(?m)^@\w+\{([^,\s]+),/).map { String($0.1) })
  }()

  @Test func thereAreComponents() {
    #expect(
      Set(Self.names).isSuperset(of: [
        "score", "reparam", "pathwise", "analytic-kl", "stl", "gaussian", "elbo", "iid", "sobol",
      ]))
  }

  @Test func listNamesEveryId() throws {
    let list = try Sandbox().run("list")
    #expect(list.status == 0 && list.errors.isEmpty)
    let listed = list.output.split(separator: "\n").filter { $0.hasPrefix("  ") }
      .map { String($0.dropFirst(2).prefix { $0 != " " }) }
    #expect(listed == Self.names)
  }

  @Test(arguments: [
    "estimators", "models", "families", "objectives", "samplings", "optimizers", "algorithms", "generators",
  ])
  func listNamesOneKind(_ kind: String) throws {
    let list = try Sandbox().run("list", kind)
    #expect(list.status == 0 && list.errors.isEmpty)
    let listed = list.output.split(separator: "\n").map { String($0.prefix { $0 != " " }) }
    #expect(!listed.isEmpty && Set(listed).count == listed.count)
    #expect(kind == "generators" ? listed.contains("mt19937") : Set(listed).isSubset(of: Self.names))
  }

  @Test(arguments: names) func describeSaysWhatItIs(_ name: String) throws {
    let about = try #require(Self.components.first { $0.id == name || $0.aliases.contains { $0.id == name } })
    let text = try Sandbox().run("describe", name)
    #expect(text.status == 0 && text.errors.isEmpty)
    #expect(text.output.hasPrefix(about.id + ", a"))
    #expect(text.output.contains(about.summary))
    for option in about.options { #expect(text.output.contains("\n  \(option.name)=")) }
    for reference in about.references { #expect(text.output.contains("\n  \(reference.key)")) }
  }

  @Test func describeKnowsGenerators() throws {
    #expect(
      try Sandbox().run("describe", "slatec").output == """
        slatec, a generator of GSL
          integers        0 to 4194303
          streams         8, of seeds 1 + 1 i
          thrown away     the first 0 outputs of a stream
          normals         by the polar method
          remark          not for use: 22 bits, 8 streams that are translates of each other

        """)
  }

  @Test(arguments: names) func citeGivesEveryReference(_ name: String) throws {
    let about = try #require(Self.components.first { $0.id == name || $0.aliases.contains { $0.id == name } })
    let cited = try Sandbox().run("cite", name)
    #expect(cited.status == 0)
    #expect(cited.errors == (about.references.isEmpty ? "note: '\(name)' has no reference of its own\n" : ""))
    let found = cited.output.matches(of: /(?m)^@\w+\{([^,\s]+),/).map { String($0.1) }
    #expect(found == about.references.map(\.key))
    #expect(Set(found).isSubset(of: Self.keys))
  }

  @Test func citeTakesKeysAndRepeatsNothing() throws {
    let sandbox = try Sandbox()
    let both = try sandbox.run("cite", "mohamed2020", "score", "williams1992")
    #expect(both.status == 0)
    let found = both.output.matches(of: /(?m)^@\w+\{([^,\s]+),/).map { String($0.1) }
    #expect(found == ["mohamed2020", "williams1992", "ranganath2014", "kool2019", "paisley2012"])
  }
}

/// The shipped experiments.
@Suite struct ShippedExperimentsTests {
  static let directory = Sandbox.package.appendingPathComponent("Experiments")

  static let files: [URL] =
    ((try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)) ?? [])
    .filter { $0.pathExtension == "json" && $0.lastPathComponent != "schema.json" }
    .sorted { $0.path < $1.path }

  @Test func areThere() {
    #expect(
      Set(Self.files.map(\.lastPathComponent)).isSuperset(of: [
        "breast-cancer-variance.json", "cost-functions.json", "dimension-scaling.json", "gaussian-variance.json",
      ]))
  }

  @Test(arguments: files) func isValidWithItsQuestionAndReferences(_ file: URL) throws {
    let sandbox = try Sandbox()
    // Some measure along runs whose results are committed, or read shipped data; files are named from the root of the package.
    for name in ["results", "Sources"] {
      try FileManager.default.createSymbolicLink(
        atPath: sandbox.path + "/" + name, withDestinationPath: Sandbox.package.path + "/" + name)
    }
    let outcome = try sandbox.run("validate", file.path)
    if file.lastPathComponent == "mnist-aevb.json" {
      // Its data a user brings: one line says which, and where to.
      #expect(outcome.status == 65)
      #expect(outcome.errors.split(separator: "\n").count == 1)
      #expect(
        outcome.errors.contains(
          "model.options.data: train-images-idx3-ubyte.gz: no such file; bring MNIST's four files"))
    } else {
      #expect(outcome.status == 0)
      #expect(outcome.output.hasPrefix("\(file.path): valid; "))
    }
    let object = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    #expect(object["name"] as? String == file.deletingPathExtension().lastPathComponent)
    #expect(object["$schema"] as? String == "./schema.json")
    #expect((object["question"] as? String)?.isEmpty == false)
    let references = try #require(object["references"] as? [String])
    #expect(!references.isEmpty)
    for key in references { #expect(CatalogueTests.keys.contains(key), "\(key)") }
  }

  @Test func schemaIsWhatTheToolPrints() throws {
    let schema = try String(contentsOf: Self.directory.appendingPathComponent("schema.json"), encoding: .utf8)
    #expect(try Sandbox().run("schema") == Outcome(status: 0, output: schema))
  }
}
