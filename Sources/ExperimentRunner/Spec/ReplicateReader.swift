internal import GradientEstimation

extension SpecReader {
  /// R, or `auto` and what goes with it.
  mutating func readReplicates(_ members: [String: JSONNode], _ spec: inout ExperimentSpec) {
    let isAutomatic = members["replicates"]?.value == .string("auto")
    if isAutomatic {
      spec.relativeError = ExperimentSpec.Automatic.relativeError
      spec.replicates = ExperimentSpec.Automatic.maximum
    } else if let node = members["replicates"],
      let count = integer(node, "replicates", ExperimentSpec.Limit.replicates, or: "'auto'")
    {
      spec.replicates = count
    }
    func given(_ key: String) -> JSONNode? {
      guard let node = members[key] else { return nil }
      if isAutomatic { return node }
      if !faultyKeys.contains("replicates") { fault(key, node, "is for replicates that are 'auto'") }
      return nil
    }
    if let node = given("relative_error") {
      switch OptionReader.read(node, as: .real(ExperimentSpec.Limit.relativeError), isText: isText) {
      case .success(.real(let error)): spec.relativeError = error
      case .failure(let message): fault("relative_error", node, message.text)
      default: break
      }
    }
    if let node = given("max_replicates"),
      let count = integer(node, "max_replicates", ExperimentSpec.Limit.replicates)
    {
      spec.replicates = count
    }
  }
}
