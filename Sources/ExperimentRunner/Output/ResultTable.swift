internal import EstimatorStatistics
internal import GradientEstimation
internal import Randomness

/// What a person reads on a terminal: a table for each cell, and its verdict in a sentence.
package struct ResultTable {
  private let results: ExperimentResults
  private let style: TextTable.Style

  package init(_ results: ExperimentResults, isColored: Bool) {
    self.results = results
    style = TextTable.Style(isColored: isColored)
  }

  package func rendered() -> String {
    var parts = results.cells.map { CellTable(cell: $0, results: results, style: style).rendered() }
    if let legend = legend { parts.append(legend) }
    return parts.joined(separator: "\n\n") + "\n"
  }

  /// The marks that occur, explained.
  private var legend: String? {
    let entries = results.cells.flatMap(\.entries), blocks = entries.flatMap(\.blocks)
    var lines: [String] = []
    if results.cells.contains(where: { $0.pairs.count > 0 }) {
      lines.append("*  the least variance measured; the ratios are to it, paired on the same draws")
    }
    if blocks.contains(where: { $0.mark == .heavyTail }) {
      lines.append("~  heavy tail: too few replicates for the interval to be trusted; take more")
    }
    if blocks.contains(where: { $0.mark == .rounding }) { lines.append("0  zero to rounding") }
    if entries.contains(where: { $0.warmUp != nil }) {
      lines.append("f  its baseline was learned on other draws and frozen: the figures are conditional on it")
    }
    if entries.contains(where: { $0.entry.biasNote != nil }) { lines.append("b  a biased estimator") }
    if entries.contains(where: { $0.nonfinite > 0 }) {
      lines.append("!  replicates that were not finite were left out")
    }
    if results.cells.contains(where: { !$0.cell.problem.sampling.drawsAreIndependent }) {
      lines.append("×  draws depend on each other: variance × cost is of this K and need not carry over to another")
    }
    return lines.isEmpty ? nil : lines.joined(separator: "\n")
  }
}

private struct CellTable {
  let cell: CellFigures
  let results: ExperimentResults
  let style: TextTable.Style

  func rendered() -> String {
    [
      heading, cell.entries.count == 1 ? blockTable : estimatorTable,
      ([verdict] + UndecidedPairs(cell).lines + TailWarnings(cell).lines + DiagnosticLines(cell).lines).joined(
        separator: "\n"),
    ]
    .joined(separator: "\n")
  }

  private var heading: String {
    """
    \(cell.cell.heading)
    \(cell.cell.place), R = \(cell.replicates) replicates, \(cell.cell.generator.name), seed \(results.seed)\(norm)

    """
  }

  private var norm: String { cell.cell.normWeights == nil ? "" : ", in the norm of the Fisher information" }

  /// One row an estimator, over all parameters.
  private var estimatorTable: String {
    var table = TextTable(columns: [
      .init("estimator"), .init("variance", alignment: .decimalPoint), .init("95 % interval"), .init("marks"),
      .init("× least", alignment: .decimalPoint), .init("95 % interval"), .init("bias p", alignment: .decimalPoint),
      .init("SNR", alignment: .decimalPoint),
      .init("cost", alignment: .right), .init("variance × cost", alignment: .decimalPoint),
    ])
    let best = leastIndex
    for (e, entry) in cell.entries.enumerated() {
      guard let all = entry.all else { continue }
      let shown = figure(all.variance, low: all.interval.low, high: all.interval.high)
      let ratio = ratioToLeast(e)
      table.rows.append([
        .init((e == best ? "* " : "  ") + entry.entry.text, bold: e == best), .init(shown.value, bold: e == best),
        .init(all.mark == .rounding ? "" : shown.interval), .init(marks(entry, all)), .init(ratio.value),
        .init(ratio.interval), .init(all.bias.map { significant($0.p, digits: 2) } ?? ""),
        .init(all.snr.map { significant($0, digits: 3) } ?? ""), .init(cost(entry)),
        .init(significant(all.variance * entry.entry.cost, digits: 3)),
      ])
    }
    for (block, nonfinite) in cell.modelBlock {
      let shown = figure(block.variance, low: block.interval.low, high: block.interval.high)
      table.rows.append([
        .init("  " + block.block.name), .init(shown.value), .init(block.mark == .rounding ? "" : shown.interval),
        .init(marks(block, nonfinite)), .init(""), .init(""),
        .init(block.bias.map { significant($0.p, digits: 2) } ?? ""),
        .init(block.snr.map { significant($0, digits: 3) } ?? ""), .init(""), .init(""),
      ])
    }
    return indented(table)
  }

  /// One row a block, for a single estimator.
  private var blockTable: String {
    var table = TextTable(columns: [
      .init("\(cell.entries[0].entry.text)"), .init("variance", alignment: .decimalPoint), .init("95 % interval"),
      .init("marks"), .init("gradient", alignment: .decimalPoint), .init("exact", alignment: .decimalPoint),
      .init("bias z", alignment: .decimalPoint), .init("p", alignment: .decimalPoint),
      .init("bias below", alignment: .decimalPoint), .init("SNR", alignment: .decimalPoint),
      .init("cost", alignment: .right), .init("variance × cost", alignment: .decimalPoint),
    ])
    let entry = cell.entries[0]
    for (block, nonfinite) in entry.blocks.map({ ($0, entry.nonfinite) }) + cell.modelBlock {
      let isModel = block.block.name == cell.modelBlock.first?.figures.block.name
      let shown = figure(block.variance, low: block.interval.low, high: block.interval.high)
      table.rows.append([
        .init(block.block.name), .init(shown.value, bold: true),
        .init(block.mark == .rounding ? "" : shown.interval),
        .init(isModel ? marks(block, nonfinite) : marks(entry, block)),
        .init(significant(block.gradientNorm, digits: 4)),
        .init(block.exactNorm.map { significant($0, digits: 4) } ?? ""),
        .init(block.bias.map { significant($0.largest, digits: 2) } ?? ""),
        .init(block.bias.map { significant($0.p, digits: 2) } ?? ""),
        .init(block.biasBound.map { percent($0) } ?? ""),
        .init(block.snr.map { significant($0, digits: 3) } ?? ""), .init(cost(entry)),
        .init(significant(block.variance * entry.entry.cost, digits: 3)),
      ])
    }
    return indented(table)
  }

  private func indented(_ table: TextTable) -> String {
    table.rendered(style: style).split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "" : "  " + $0 }.joined(separator: "\n") + "\n"
  }

  private func marks(_ block: BlockFigures, _ nonfinite: Int) -> String {
    (block.mark == .heavyTail ? "~" : block.mark == .rounding ? "0" : "") + (nonfinite > 0 ? "!" : "")
  }

  private func marks(_ entry: EntryFigures, _ block: BlockFigures) -> String {
    [
      block.mark == .heavyTail ? "~" : block.mark == .rounding ? "0" : "", entry.warmUp != nil ? "f" : "",
      entry.entry.biasNote != nil ? "b" : "", entry.nonfinite > 0 ? "!" : "",
    ].joined()
  }

  /// The Monte Carlo estimator of least variance; references that evaluate nothing do not compete.
  private var leastIndex: Int? {
    guard cell.entries.count > 1 else { return nil }
    return cell.entries.indices
      .filter { cell.entries[$0].competes }
      .min { (cell.entries[$0].all?.variance ?? .infinity) < (cell.entries[$1].all?.variance ?? .infinity) }
  }

  /// The pair of e and the least, turned so that e is the numerator.
  private func ratioToLeast(_ e: Int) -> (value: String, interval: String) {
    guard let least = leastIndex, e != least, let (value, low, high) = ratio(e, over: least) else { return ("", "") }
    if value == 0 || value.isInfinite { return (numberText(value), "") }
    return figure(value, low: low, high: high)
  }

  private func ratio(_ e: Int, over other: Int) -> (Double, Double, Double)? {
    guard let pair = pair(e, other), let ratio = pair.ratio, let interval = pair.interval else { return nil }
    return pair.a == e ? (ratio, interval.low, interval.high) : (1 / ratio, 1 / interval.high, 1 / interval.low)
  }

  private func pair(_ e: Int, _ other: Int) -> PairFigures? {
    cell.pairs.first { $0.block == "all" && ($0.a, $0.b) == (min(e, other), max(e, other)) }
  }

  /// The sentence below the table.
  private var verdict: String {
    guard let least = leastIndex else {
      return cell.entries.count == 1 ? single(cell.entries[0]) : "No Monte Carlo estimator has a finite variance here."
    }
    let rivals = cell.entries.indices.filter { $0 != least && cell.entries[$0].competes }
    guard
      let next = rivals.min(by: { (cell.entries[$0].all?.variance ?? .nan) < (cell.entries[$1].all?.variance ?? .nan) }
      ),
      let pair = pair(least, next)
    else { return cell.entries[least].entry.text + " is the only Monte Carlo estimator here with a finite variance." }
    let (a, b) = (cell.entries[least].entry.text, cell.entries[next].entry.text)
    guard let (value, low, high) = ratio(least, over: next) else {
      return pair.verdict == .equal
        ? "\(a) and \(b) both have zero variance, to rounding."
        : "\(a) and \(b) cannot be compared: some replicates were not finite."
    }
    if value == 0 { return "\(a) has zero variance, to rounding; \(b), the next, has not." }
    if low == high, abs(value - 1) < 1e-9 {
      return "\(a) and \(b) give the same variance on every draw: here they coincide."
    }
    let shown = figure(value, low: low, high: high)
    if pair.verdict == .undecided {
      return """
        \(a) and \(b) cannot be told apart with these replicates: the ratio of their variances is \(shown.value) \
        \(shown.interval).
        """
    }
    return "\(a) has \(shown.value) \(shown.interval) times the variance of \(b)."
  }

  private func single(_ entry: EntryFigures) -> String {
    guard let all = entry.all else { return "" }
    guard entry.moments.count > 0 else { return "No replicate of \(entry.entry.text) was finite." }
    guard all.variance.isFinite else { return "The variance of \(entry.entry.text) is beyond the range of a number." }
    let shown = figure(all.variance, low: all.interval.low, high: all.interval.high)
    let variance = all.mark == .rounding ? "zero variance, to rounding" : "variance \(shown.value) \(shown.interval)"
    guard let bias = all.bias else { return "\(entry.entry.text) has \(variance); the exact gradient is not known." }
    let bound = all.biasBound.map {
      $0 < 1 ? "; one above \(percent($0)) of the gradient is excluded at 95 %" : ""
    }
    if bias.p < 0.001, !entry.biasCanBeJudged {
      return """
        \(entry.entry.text) has \(variance); its mean is far from the exact gradient, but with tails so heavy these are \
        too few replicates to call it biased.
        """
    }
    return bias.p < 0.001
      ? "\(entry.entry.text) has \(variance), and it is biased: its mean differs from the exact gradient (p = \(significant(bias.p, digits: 2)))."
      : "\(entry.entry.text) has \(variance), and no bias is seen (p = \(significant(bias.p, digits: 2))\(bound ?? ""))."
  }

  /// Evaluations of the model; a minibatch makes a fraction of one.
  private func cost(_ entry: EntryFigures) -> String {
    let cost = entry.entry.cost
    return cost == cost.rounded() ? numberText(cost) : significant(cost, digits: 3)
  }

  private func percent(_ x: Double) -> String { x < 10 ? significant(100 * x, digits: 2) + " %" : "—" }
}

extension Cell {
  /// What is measured, for the first line of a table.
  var heading: String { "\(model) · \(family) · \(objective) · \(sampling)" }
  /// Where, and on how many draws.
  var place: String {
    "at \(point)\(optimum.map { " (\($0.text))" } ?? ""), K = \(samples) \(samples == 1 ? "draw" : "draws") an estimate"
  }
}
