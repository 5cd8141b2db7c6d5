internal import GradientEstimation
internal import Randomness

/// The rows of evidence.csv and units.csv. What is not known stays empty.
package enum EvidenceFiles {
  private static let place = ["model", "family", "point", "seed", "generator"]
  static let figures = [
    "part", "evidence_estimator", "evidence_samples", "data", "log_evidence", "mcse", "exact", "rmse", "coverage",
    "k_hat_max", "untrusted_share", "acceptance", "evaluations", "gradient_evaluations",
  ]
  static let unitFigures = ["part", "index", "activity", "active"]
  package static let columns = place + figures
  package static let unitColumns = place + unitFigures

  package static func rows(_ results: EvaluationResults) -> [[CSVFiles.Field]] {
    results.cells.flatMap { judged in
      judged.evidence.map { key(judged, results) + fields($0, results.spec.evidence) }
    }
  }

  package static func unitRows(_ results: EvaluationResults) -> [[CSVFiles.Field]] {
    var seen: Set<String> = []
    // They are the same at every K.
    return results.cells.filter { seen.insert(results.plan.cells[$0.cell].placeOfUnits).inserted }.flatMap {
      judged in
      judged.units.flatMap { units in unitFields(units).map { key(judged, results) + $0 } }
    }
  }

  private static func key(_ judged: EvaluationResults.Judged, _ results: EvaluationResults) -> [CSVFiles.Field] {
    let cell = results.plan.cells[judged.cell]
    return [
      .text(cell.model), .text(cell.family), .text(cell.point), .unsigned(results.spec.seed),
      .text(cell.generator.name),
    ]
  }

  static func fields(_ evidence: MeasuredEvidence, _ request: EvidenceRequest) -> [CSVFiles.Field] {
    [
      .text(evidence.part.rawValue), .text(request.estimators[evidence.estimator].text), .integer(evidence.samples),
      .integer(evidence.estimates.count), .number(evidence.value), .number(evidence.mcse),
      .number(evidence.exactValue), .number(evidence.rootMeanSquaredError), .number(evidence.coverage),
      .number(evidence.largestParetoShape), .number(evidence.untrustedShare), .number(evidence.acceptance),
      .number(evidence.evaluations), .number(evidence.gradientEvaluations),
    ]
  }

  static func unitFields(_ units: MeasuredUnits) -> [[CSVFiles.Field]] {
    units.activities.enumerated().map { index, activity in
      [
        .text(units.part.rawValue), .integer(index), .number(activity),
        .text(activity > MeasuredUnits.threshold ? "true" : "false"),
      ]
    }
  }
}

extension Cell {
  /// All of it but K.
  fileprivate var placeOfUnits: String { [model, family, point, generator.name].joined(separator: " ") }
}

extension EvaluationResults: ExperimentOutcome {
  package var isEmpty: Bool { cells.isEmpty }
  package var notes: [String] { [] }

  package var files: [(name: String, text: String)] {
    let units = EvidenceFiles.unitRows(self)
    return [
      ("evidence.csv", CSVFiles.text(EvidenceFiles.columns, EvidenceFiles.rows(self))), ("timing.csv", timing),
    ] + (units.isEmpty ? [] : [("units.csv", CSVFiles.text(EvidenceFiles.unitColumns, units))])
  }

  package func manifest(ofCell index: Int) -> Manifest.Members? {
    cells.first { $0.cell == index }.map { [(key: "wall_seconds", value: .number($0.seconds))] }
  }

  private var timing: String {
    CSVFiles.text(
      ["model", "family", "point", "samples", "threads", "wall_seconds"],
      cells.map { judged in
        let cell = plan.cells[judged.cell]
        return [
          .text(cell.model), .text(cell.family), .text(cell.point), .integer(cell.samples), .integer(threads),
          .number(judged.seconds),
        ]
      })
  }
}

/// What a person reads of estimates of log p(x) on a terminal.
package struct EvidenceTable {
  private let results: EvaluationResults
  private let style: TextTable.Style

  package init(_ results: EvaluationResults, isColored: Bool) {
    self.results = results
    style = TextTable.Style(isColored: isColored)
  }

  package func rendered() -> String {
    results.cells.map { judged in
      let cell = results.plan.cells[judged.cell]
      let active = judged.units.map { units in
        "active units, \(units.part.rawValue) data: \(units.activeCount) of \(units.activities.count)"
      }
      return """
        \(cell.model) · \(cell.family)
        at \(cell.point), K = \(cell.samples), \(cell.generator.name), seed \(results.spec.seed); means over the data, in nats

        \(Self.table(judged.evidence.map { ([], $0) }, keys: [], results.spec.evidence, style))
        \(active.isEmpty ? "" : "\n  " + active.joined(separator: "\n  ") + "\n")
        """
    }.joined(separator: "\n")
  }

  /// Rows of estimates behind what they belong to.
  static func table(
    _ rows: [(key: [String], evidence: MeasuredEvidence)], keys: [String], _ request: EvidenceRequest,
    _ style: TextTable.Style
  ) -> String {
    var table = TextTable(
      columns: keys.map { .init($0) } + [
        .init("estimator"), .init("K", alignment: .right), .init("data"), .init("", alignment: .right),
        .init("log p(x)", alignment: .decimalPoint), .init("± mcse", alignment: .decimalPoint),
        .init("exact", alignment: .decimalPoint), .init("rmse", alignment: .decimalPoint),
        .init("k̂ max", alignment: .decimalPoint), .init("k̂ > 0.7", alignment: .right),
        .init("evaluations", alignment: .right), .init("gradients", alignment: .right),
      ])
    for (key, evidence) in rows {
      func number(_ x: Double?, _ digits: Int) -> TextTable.Cell {
        .init(x.map { significant($0, digits: digits) } ?? "")
      }
      table.rows.append(
        key.map { .init($0) } + [
          .init(request.estimators[evidence.estimator].text), .init(String(evidence.samples)),
          .init(evidence.part.rawValue), .init(String(evidence.estimates.count)), number(evidence.value, 7),
          number(evidence.mcse, 2), number(evidence.exactValue, 7), number(evidence.rootMeanSquaredError, 3),
          number(evidence.largestParetoShape, 2),
          .init(evidence.untrustedShare.map { "\(Int((100 * $0).rounded())) %" } ?? ""),
          .init(numberText(evidence.evaluations)), .init(numberText(evidence.gradientEvaluations)),
        ])
    }
    return table.rendered(style: style).split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "" : "  " + $0 }.joined(separator: "\n")
  }
}
