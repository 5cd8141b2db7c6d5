internal import GradientEstimation

/// What is asked for of log p(x).
extension SpecReader {
  /// Reads the keys that kind `evaluation` adds.
  mutating func readEvaluation(
    _ members: [String: JSONNode], _ root: JSONNode, _ spec: inout ExperimentSpec
  ) {
    if let node = members["estimators"] {
      if case .array = node.value {
        spec.evidence.estimators = evidenceEstimators(node, "estimators")
      } else {
        fault("estimators", node, "expects an array, found \(node.kind)")
      }
    } else {
      fault("estimators", root, isText ? "name at least one evidence estimator" : "is missing")
    }
    if let node = members["data"], let count = integer(node, "data", EvidenceRequest.Limit.data) {
      spec.evidence.data = count
    }
    spec.evidence.samples = spec.samples
  }

  /// Numbers of draws, each once.
  mutating func counts(_ node: JSONNode, _ path: String) -> [Int] {
    checkNotEmpty(node, path, "number of draws")
    let found = items(node).enumerated().compactMap { index, item in
      integer(item, itemPath(node, path, index), ExperimentSpec.Limit.samples)
    }
    let key = path.split(separator: ".").first.map(String.init) ?? path
    if faultyKeys.contains(key) { return found }
    return unique(found.enumerated().map { ($1, String($1), itemPath(node, path, $0), node.line) })
  }

  /// Reads `evidence` of kind `training`.
  mutating func readEvidence(_ node: JSONNode, _ training: inout ModelTrainingSpec) {
    let keys = ["estimators", "samples", "data", "epochs"]
    guard let members = members(of: node, path: "evidence", allowed: keys, what: "key") else { return }
    if members["estimators"] == nil { fault("evidence.estimators", node, "is missing") }
    training.evidence.estimators = evidenceEstimators(members["estimators"], "evidence.estimators")
    if let node = members["samples"] { training.evidence.samples = counts(node, "evidence.samples") }
    if let node = members["data"], let count = integer(node, "evidence.data", EvidenceRequest.Limit.data) {
      training.evidence.data = count
    }
    if let node = members["epochs"] { training.evidence.epochs = epochs(node, "evidence.epochs", training) }
  }

  /// Evidence estimators, each once.
  mutating func evidenceEstimators(_ node: JSONNode?, _ path: String) -> [Configured<any EvidenceEstimator>] {
    guard let node else { return [] }
    return components(node, path, registry.evidence, fallback: nil)
  }
}
