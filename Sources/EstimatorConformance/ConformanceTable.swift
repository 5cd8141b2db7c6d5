internal import ExperimentRunner

/// Outcomes as a table, a row for each estimator, and a line for each that did not pass.
package struct ConformanceTable {
  private let outcomes: [Outcome]
  private let level: Double

  /// - Parameter level: the family-wise level that they were tested at.
  package init(_ outcomes: [Outcome], level: Double) {
    self.outcomes = outcomes
    self.level = level
  }

  /// Failures and what is undecided, a line each.
  package var findings: [String] { outcomes.filter { !$0.isPassed }.map(\.description) }

  package func rendered(isColored: Bool) -> String {
    var table = TextTable(columns: [
      .init("estimator"), .init("combinations", alignment: .right), .init("refused", alignment: .right),
      .init("checks", alignment: .right), .init("replicates", alignment: .right),
      .init("power", alignment: .decimalPoint), .init("of one", alignment: .decimalPoint),
      .init("elsewhere", alignment: .decimalPoint), .init("verdict"),
    ])
    var order: [String] = [], rows: [String: [Outcome]] = [:]
    for outcome in outcomes {
      if rows[outcome.estimator] == nil { order.append(outcome.estimator) }
      rows[outcome.estimator, default: []].append(outcome)
    }
    // What every estimator is refused is counted below; there is no row in it unless it is a fault.
    order.removeAll { id in id == "all" && rows[id]?.contains(where: \.isFailed) == false }
    table.rows = order.map { row($0, rows[$0] ?? []) }
    return table.rendered(style: .init(isColored: isColored)) + "\n\n" + summary + "\n"
  }

  private var summary: String {
    let refused = outcomes.count { if case .refused = $0.verdict { true } else { false } }
    let tests = outcomes.count { $0.evidence != nil || $0.law == .varianceOverK }
    let failed = outcomes.count(where: \.isFailed), undecided = outcomes.count { !$0.isPassed } - failed
    return """
      \(outcomes.count - refused) checks, \(tests) of them statistical tests at a family-wise level of \(numberText(level)): \
      \(failed) failed, \(undecided) undecided. \(refused) combinations are refused, each with its reason.
      """
  }

  private func row(_ estimator: String, _ outcomes: [Outcome]) -> [TextTable.Cell] {
    let refused = outcomes.filter { if case .refused = $0.verdict { true } else { false } }
    let served = Set(outcomes.filter { $0.law == .objectiveValue || $0.evidence != nil }.map(\.problem))
    let checks = outcomes.count - refused.count, failed = outcomes.count(where: \.isFailed)
    let undecided = outcomes.count { !$0.isPassed } - failed
    let verdict =
      failed > 0 ? "FAILED \(failed)" : undecided > 0 ? "undecided \(undecided)" : checks > 0 ? "passed" : "refused"
    return [
      .init(estimator), .init(String(served.count)),
      .init(refused.isEmpty ? "" : String(Set(refused.map(\.problem)).count)), .init(String(checks)),
      .init(String(outcomes.reduce(0) { $0 + ($1.evidence?.replicates ?? 0) })),
      .init(worst(outcomes, \.power)), .init(worst(outcomes, \.coordinatePower)),
      .init(worst(outcomes, \.power, isCentral: false)), .init(verdict, bold: failed > 0),
    ]
  }

  /// Of the places in a combination the one where most would be seen; of the combinations the worst.
  private func worst(
    _ outcomes: [Outcome], _ figure: KeyPath<Evidence, Double?>, isCentral: Bool = true
  ) -> String {
    var best: [String: Double] = [:]
    for outcome in outcomes {
      guard let evidence = outcome.evidence, evidence.isCentral == isCentral, let value = evidence[keyPath: figure]
      else { continue }
      best[outcome.problem] = min(best[outcome.problem] ?? .infinity, value)
    }
    return best.values.max().map { percent($0) } ?? ""
  }
}
