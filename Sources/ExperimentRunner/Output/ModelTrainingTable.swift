internal import GradientEstimation
internal import Optimization
internal import Randomness

/// What a person reads of an experiment of kind `training` on a terminal: the bounds that each training ends with.
package struct ModelTrainingTable {
  private let results: ModelTrainingResults
  private let style: TextTable.Style

  package init(_ results: ModelTrainingResults, isColored: Bool) {
    self.results = results
    style = TextTable.Style(isColored: isColored)
  }

  package func rendered() -> String {
    results.plan.cells.indices.map(rendered).joined(separator: "\n") + "\n"
  }

  private func rendered(_ index: Int) -> String {
    let cell = results.plan.cells[index], settings = results.spec.modelTraining
    var table = TextTable(columns: [
      .init("algorithm"), .init("estimator"), .init("optimizer"), .init("run", alignment: .right),
      .init("epochs", alignment: .right),
      .init("train bound", alignment: .decimalPoint), .init("test bound", alignment: .decimalPoint),
      .init("± mcse", alignment: .decimalPoint), .init("exact", alignment: .decimalPoint),
      .init("log p(x)", alignment: .decimalPoint), .init("data seen", alignment: .right), .init("s", alignment: .right),
      .init(""),
    ])
    for training in results.trainings where training.job.cell == index {
      let texts = training.job.texts(results.plan, results.spec)
      let last = training.points.last, shown = training.points.last { $0.trainBound != nil || $0.logEvidence != nil }
      func number(_ x: Double?, _ digits: Int = 6) -> TextTable.Cell {
        .init(x.map { significant($0, digits: digits) } ?? "")
      }
      table.rows.append([
        .init(texts.algorithm), .init(texts.estimator ?? ""), .init(texts.optimizer ?? ""),
        .init(String(training.job.run)), .init(String(last?.epoch ?? 0)), number(shown?.trainBound),
        number(shown?.testBound), number(shown?.testMCSE, 2), number(shown?.exactBound), number(shown?.logEvidence),
        .init(String(last?.dataSeen ?? 0)), number(training.seconds, 3),
        .init(training.status == .finished ? "" : training.status.rawValue),
      ])
    }
    let indented = table.rendered(style: style).split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "" : "  " + $0 }.joined(separator: "\n")
    let takes = cell.algorithms.map { settings.algorithms[$0].product.ingredients }
    let heading = takes.contains { $0.contains(.family) } ? cell.heading : cell.model
    let draws =
      takes.contains { $0.contains(.samples) }
      ? "K = \(cell.samples) \(cell.samples == 1 ? "draw" : "draws") a datum and step, " : ""
    return """
      \(heading)
      \(draws)\(settings.epochs) epochs, \(cell.generator.name), seed \(results.spec.seed); \
      bounds are means over the data, in nats

      \(indented)
      \(evidence(index))
      """
  }

  /// What log p(x) is estimated to be, where it was asked for.
  private func evidence(_ index: Int) -> String {
    let rows = results.trainings.filter { $0.job.cell == index }.flatMap { training in
      let texts = training.job.texts(results.plan, results.spec)
      let key = [texts.algorithm, texts.estimator ?? "", String(training.job.run)]
      return training.evidence.flatMap { judgement in
        judgement.evidence.map { (key + [String(judgement.epoch)], $0) }
      }
    }
    guard !rows.isEmpty else { return "" }
    return EvidenceTable.table(
      rows, keys: ["algorithm", "estimator", "run", "epoch"], results.spec.modelTraining.evidence, style)
      + "\n"
  }
}
