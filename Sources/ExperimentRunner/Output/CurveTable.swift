internal import EstimatorStatistics
internal import GradientEstimation
internal import Randomness

/// What a person reads of an `elbo` experiment on a terminal: where each curve of a cell ends, and who is ahead.
package struct CurveTable {
  private let results: TrainingResults
  private let style: TextTable.Style

  package init(_ results: TrainingResults, isColored: Bool) {
    self.results = results
    style = TextTable.Style(isColored: isColored)
  }

  package func rendered() -> String {
    let cells = results.cells
    guard !cells.isEmpty else { return "No run had begun.\n" }
    let rows = cells.flatMap(\.ranking)
    var parts = cells.map(rendered)
    var lines: [String] = []
    if rows.contains(where: { $0.end.behind != nil }) {
      lines.append(
        "*  the best at the end; the others are behind it by so much, paired by run, all intervals at 95 % together")
    }
    if results.spec.training.optimizers.count > 1 { lines.append("+  the best of its estimator's optimizers") }
    if rows.contains(where: { $0.end.diverged > 0 }) {
      lines.append("d  runs that diverged; the figures are of the others")
    }
    if rows.contains(where: { $0.group.interrupted > 0 }) { lines.append("i  runs that were interrupted") }
    if !lines.isEmpty { parts.append(lines.joined(separator: "\n")) }
    return parts.joined(separator: "\n\n") + "\n"
  }

  private func rendered(_ cell: CellCurves) -> String {
    // Where all curves cost the same, equal steps are equal work.
    let costsDiffer = Set(cell.ranking.map(\.group.costPerStep)).count > 1
    let columns: [TextTable.Column] = [
      .init("estimator"), .init("optimizer"), .init("marks"), .init("at the end", alignment: .decimalPoint),
      .init("95 % interval"), .init("behind", alignment: .decimalPoint), .init("interval *"),
      .init("cost", alignment: .right),
    ]
    let workColumns: [TextTable.Column] = [
      .init("at equal work", alignment: .decimalPoint), .init("95 % interval"), .init("step", alignment: .right),
    ]
    var table = TextTable(columns: columns + (costsDiffer ? workColumns : []))
    for row in cell.ranking {
      let end = shown(row.end.value), behind = shown(row.end.behind), atWork = shown(row.atWork?.value)
      let cells: [TextTable.Cell] = [
        .init(
          (row.end.isBest ? "* " : row.end.isBestOfEstimator && hasGrid ? "+ " : "  ") + estimator(row),
          bold: row.end.isBest),
        .init(results.spec.training.optimizers[row.group.optimizer].text), .init(marks(row)),
        .init(end.value, bold: row.end.isBest), .init(end.interval), .init(behind.value), .init(behind.interval),
        .init(significant(row.group.costPerStep * Double(row.end.step), digits: 3)),
      ]
      let workCells: [TextTable.Cell] = [
        .init(atWork.value), .init(atWork.interval), .init(row.atWork.map { String($0.step) } ?? ""),
      ]
      table.rows.append(cells + (costsDiffer ? workCells : []))
    }
    let indented = table.rendered(style: style).split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "" : "  " + $0 }.joined(separator: "\n")
    return [heading(cell), indented, "", verdict(cell)].joined(separator: "\n")
  }

  private var hasGrid: Bool { results.spec.training.optimizers.count > 1 }

  private func heading(_ cell: CellCurves) -> String {
    let c = cell.cell
    let known = [
      CurveFiles.logEvidence(c).map { "log p(x) = \(significant($0, digits: 9))" },
      c.greatest.map { "the greatest \($0.text)" },
    ].compactMap(\.self)
    return """
      \(c.heading)
      \(results.spec.training.place(of: c)), \(c.generator.name), seed \(results.spec.seed)\
      \(known.isEmpty ? "" : "\n" + known.joined(separator: "; "))

      """
  }

  /// A sentence on the best curve and the next of another estimator.
  private func verdict(_ cell: CellCurves) -> String {
    guard let best = cell.ranking.first(where: \.end.isBest), let mean = best.end.value?.mean else {
      return "No run came to its end."
    }
    let sign = cell.cell.problem.isMinimized ? -1.0 : 1.0
    let surpassed = cell.ranking.contains { row in row.end.value.map { sign * $0.mean > sign * mean } ?? false }
    var text =
      surpassed
      ? "\(name(best)) loses the fewest runs" : "\(name(best)) ends \(sign < 0 ? "lowest" : "highest")"
    let rivals = cell.ranking.filter { row in
      row.group.entry != best.group.entry && row.end.isBestOfEstimator && row.end.diverged == best.end.diverged
    }
    let ties = rivals.filter { ($0.end.behind?.low ?? -.infinity) <= 0 }
    let next = rivals.filter { ($0.end.behind?.low ?? -.infinity) > 0 }
      .min { ($0.end.behind?.mean ?? .infinity) < ($1.end.behind?.mean ?? .infinity) }
    if let first = ties.first {
      let others = ties.count == 1 ? "" : ties.count == 2 ? " and \(name(ties[1]))" : " and \(ties.count - 1) others"
      text += "; \(name(first))\(others) cannot be told from it"
      if (first.end.behind?.count ?? 0) < 5 { text += " by so few runs" }
    } else if let next, let behind = next.end.behind {
      let gap = shown(behind)
      text += ", ahead of \(name(next)) by \(gap.value)\(gap.interval.isEmpty ? "" : " " + gap.interval)"
    }
    text += "."
    if let first = cell.ranking.first(where: { $0.atWork?.isBest ?? false }),
      first.group.entry != best.group.entry || first.group.optimizer != best.group.optimizer
    {
      text += " At equal work \(name(first)) is best."
    }
    return text
  }

  private func estimator(_ row: RankedCurve) -> String {
    results.plan.cells[row.group.cell].entries[row.group.entry].text
  }

  private func name(_ row: RankedCurve) -> String {
    hasGrid ? "\(estimator(row)) with \(results.spec.training.optimizers[row.group.optimizer].text)" : estimator(row)
  }

  private func marks(_ row: RankedCurve) -> String {
    (row.end.diverged > 0 ? "d\(row.end.diverged)" : "")
      + (row.group.interrupted > 0 ? "i\(row.group.interrupted)" : "")
  }

  private func shown(_ interval: MeanInterval?) -> (value: String, interval: String) {
    guard let interval else { return ("", "") }
    guard let low = interval.low, let high = interval.high else { return (significant(interval.mean, digits: 6), "") }
    // Runs that agree to rounding have no interval to show.
    if high - low <= 1e-9 * abs(interval.mean) { return (significant(interval.mean, digits: 9), "") }
    return figure(interval.mean, low: low, high: high)
  }
}

extension TrainingSpec {
  /// Where the runs start, and how long they are.
  func place(of cell: Cell) -> String {
    """
    from \(cell.point), K = \(cell.samples) \(cell.samples == 1 ? "draw" : "draws") a step, \(steps) steps, \
    \(runs) \(runs == 1 ? "run" : "runs")\(optimizers.count > 1 ? " with each of \(optimizers.count) optimizers" : "")
    """
  }
}
