internal import EstimatorStatistics
internal import GradientEstimation
internal import Randomness

// What is said of a cell under `"replicates": "auto"`.

extension ExperimentResults {
  /// A line for each cell that took all it may and is not known as well as was wished.
  package var notes: [String] { cells.compactMap { $0.precisionNote(rule) } }
}

extension CellFigures {
  fileprivate func precisionNote(_ rule: StoppingRule) -> String? {
    guard let wished = rule.relativeError, let shortfall, let (estimator, block) = place(of: shortfall) else {
      return nil
    }
    let percent = significant(100 * shortfall.relativeHalfWidth, digits: 2)
    let reached =
      shortfall.relativeHalfWidth.isFinite
      ? "the variance of \(estimator), \(block), is known to ± \(percent) %"
      : "the variance of \(estimator), \(block), is not known"
    let mark = shortfall.mark == .none ? "" : ", \(shortfall.mark.rawValue)"
    return """
      \(cell.text) rng=\(cell.generator.name): \(replicates) replicates, the most allowed, do not reach a \
      relative_error of \(numberText(wished)): \(reached)\(mark)
      """
  }

  /// Whether the precision wished was reached, and if not, what is worst; null where none was wished.
  func precision(_ rule: StoppingRule) -> JSONOutput {
    guard rule.relativeError != nil else { return .null }
    guard let shortfall, let (estimator, block) = place(of: shortfall) else { return ["reached": true] }
    return [
      "reached": false, "estimator": .string(estimator), "block": .string(block),
      "relative_half_width": .number(shortfall.relativeHalfWidth), "interval_mark": .string(shortfall.mark.rawValue),
    ]
  }

  private func place(of shortfall: StoppingRule.Shortfall) -> (estimator: String, block: String)? {
    guard entries.indices.contains(shortfall.entry) else { return nil }
    let entry = entries[shortfall.entry]
    guard entry.blocks.indices.contains(shortfall.block) else { return nil }
    return (entry.entry.text, entry.blocks[shortfall.block].block.name)
  }
}

extension StoppingRule {
  /// As the manifest gives it: a number, or `auto` and what goes with it.
  var manifestMembers: [(key: String, value: JSONOutput)] {
    guard let relativeError else { return [(key: "replicates", value: .integer(maximum))] }
    return [
      (key: "replicates", value: "auto"), (key: "relative_error", value: .number(relativeError)),
      (key: "max_replicates", value: .integer(maximum)),
      (key: "checkpoints", value: .array(checkpoints.map(JSONOutput.integer))),
    ]
  }
}
