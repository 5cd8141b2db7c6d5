import ExperimentRunner
import Foundation
import GradientEstimation
import Testing
import WorkbenchCLI

/// A spec's text as read and planned.
struct Reading {
  let spec: ExperimentSpec
  let plan: Plan?
  /// Each fault in a line, in the order of the file.
  let faults: [String]

  init(_ text: String) throws {
    var reader = SpecReader(registry: try StandardRegistry.make(), source: .file("t"))
    spec = reader.read(Array(text.utf8))
    plan = Plan.make(spec, &reader)
    faults = reader.faults.sorted().map(\.description)
    #expect((plan == nil) == !faults.isEmpty)
  }

  /// The command line's options: a list where several are given.
  init(options: [(key: String, values: [String])]) throws {
    var reader = SpecReader(registry: try StandardRegistry.make(), source: .commandLine)
    spec = reader.read(
      JSONNode(commandLine: options.map { ($0.key, $0.values, ["estimators", "at", "samples"].contains($0.key)) }))
    plan = Plan.make(spec, &reader)
    faults = reader.faults.map(\.description)
  }

  static func registry() throws -> Registry { try StandardRegistry.make() }

  /// A spec on one line with `members` beside what it must have.
  init(members: String, kind: String = "variance") throws {
    let estimators = members.contains(#""estimators""#) ? "" : #", "estimators": ["score"]"#
    try self.init(#"{"name": "t", "kind": "\#(kind)"\#(members.isEmpty ? "" : ", ")\#(members)\#(estimators)}"#)
  }
}

/// The root of the package.
let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()
