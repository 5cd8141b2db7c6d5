import Foundation
internal import Randomness

/// What the manifests of all kinds say.
package enum Manifest {
  package typealias Members = [(key: String, value: JSONOutput)]

  /// What was asked for.
  static func head(_ spec: ExperimentSpec, source: String, text: [UInt8]) -> Members {
    [
      (key: "workbench", value: .string(WorkbenchVersion.current)), (key: "name", value: .string(spec.name)),
      (key: "question", value: .string(spec.question)), (key: "spec_source", value: .string(source)),
      (key: "spec_sha256", value: .string(SHA256.hexDigest(text))),
      (key: "spec", value: .string(String(decoding: text, as: UTF8.self))), (key: "seed", value: .unsigned(spec.seed)),
      (key: "generators", value: .array(spec.generators.map { .string($0.name) })),
    ]
      + own(spec)
  }

  private static func own(_ spec: ExperimentSpec) -> Members {
    switch spec.kind {
    case .variance:
      spec.rule.manifestMembers + [
        (key: "norm", value: .string(spec.norm.rawValue)), (key: "diagnostics", value: .bool(spec.diagnostics.parts)),
        (key: "correlations", value: .bool(spec.diagnostics.correlations)),
      ]
    case .elbo: spec.training.manifestMembers
    case .training: spec.modelTraining.manifestMembers
    case .evaluation: spec.evidence.members.filter { $0.key != "epochs" }
    }
  }

  /// How the run stands.
  static func state(_ state: String, threads: Int, since start: Date, isOver: Bool) -> Members {
    [
      (key: "threads", value: .integer(threads)), (key: "state", value: .string(state)),
      (key: "started", value: .string(start.ISO8601Format())),
      (key: "finished", value: isOver ? .string(Date().ISO8601Format()) : .null),
      (key: "versions", value: WorkbenchVersion.versions),
    ]
  }
}
