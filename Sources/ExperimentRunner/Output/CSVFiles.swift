internal import EstimatorStatistics
internal import GradientEstimation
internal import Randomness

/// The rows of the CSV files, as DESIGN's section on output lists the columns. What is not known stays empty.
package enum CSVFiles {
  package static let varianceColumns = [
    "model", "family", "objective", "sampling", "estimator", "point", "samples", "replicates", "seed", "generator",
    "block", "parameters", "variance", "variance_ci_low", "variance_ci_high", "interval_mark", "variance_max",
    "gradient_norm", "exact_gradient_norm", "bias_z_max", "bias_p", "bias_bound", "mse", "snr", "kurtosis",
    "evaluations", "gradient_evaluations", "work_normalized_variance", "nonfinite",
  ]
  package static let coordinateColumns =
    Array(varianceColumns[..<11]) + [
      "index", "mean", "mcse", "exact", "bias_z", "variance", "variance_ci_low", "variance_ci_high",
    ]
  package static let comparisonColumns = [
    "model", "family", "objective", "sampling", "point", "samples", "replicates", "seed", "generator", "block",
    "estimator_a", "estimator_b", "ratio", "ratio_ci_low", "ratio_ci_high", "work_ratio", "verdict",
  ]

  /// A cell of a row: numbers keep their type for JSON output.
  package enum Field: Sendable {
    case text(String)
    case integer(Int)
    case unsigned(UInt64)
    case number(Double?)

    package var csv: String {
      switch self {
      case .text(let text): csvField(text)
      case .integer(let x): String(x)
      case .unsigned(let x): String(x)
      case .number(let x): x.map(numberText) ?? ""
      }
    }

    package var json: JSONOutput {
      switch self {
      case .text(let text): .string(text)
      case .integer(let x): .integer(x)
      case .unsigned(let x): .unsigned(x)
      case .number(let x): x.map(JSONOutput.number) ?? .null
      }
    }
  }

  package static func varianceRows(_ results: ExperimentResults) -> [[Field]] {
    results.cells.flatMap { figures in
      figures.entries.flatMap { entry in
        (entry.blocks.map { ($0, entry.nonfinite) } + figures.modelBlock).map { block, nonfinite in
          cellFields(figures, entry.entry.text, results) + [
            .text(block.block.name), .integer(block.block.range.count), .number(block.variance),
            .number(block.interval.low), .number(block.interval.high), .text(block.mark.rawValue),
            .number(block.varianceMax), .number(block.gradientNorm), .number(block.exactNorm),
            .number(block.bias?.largest), .number(block.bias?.p), .number(block.biasBound), .number(block.mse),
            .number(block.snr), .number(block.kurtosis), .number(entry.entry.requirements.evaluations),
            .number(entry.entry.requirements.gradientEvaluations), .number(block.variance * entry.entry.cost),
            .integer(nonfinite),
          ]
        }
      }
    }
  }

  /// The weights of networks are too many to be looked at one by one, and are left out.
  package static func coordinateRows(_ results: ExperimentResults) -> [[Field]] {
    results.cells.filter { $0.cell.amortization == nil }.flatMap { figures in
      figures.entries.flatMap { entry in
        (entry.coordinates + (figures.model?.coordinates ?? [])).map { row in
          cellFields(figures, entry.entry.text, results) + [
            .text(row.block), .integer(row.index), .number(row.mean), .number(row.mcse), .number(row.exact),
            .number(row.biasZ), .number(row.variance), .number(row.interval.low), .number(row.interval.high),
          ]
        }
      }
    }
  }

  package static func comparisonRows(_ results: ExperimentResults) -> [[Field]] {
    results.cells.flatMap { figures in
      figures.pairs.map { pair in
        cellFields(figures, nil, results) + [
          .text(pair.block), .text(figures.entries[pair.a].entry.text), .text(figures.entries[pair.b].entry.text),
          .number(pair.ratio), .number(pair.interval?.low), .number(pair.interval?.high), .number(pair.workRatio),
          .text(pair.verdict.rawValue),
        ]
      }
    }
  }

  /// A file's text: header and rows, lines ended by LF.
  package static func text(_ columns: [String], _ rows: [[Field]]) -> String {
    var text = columns.joined(separator: ",") + "\n"
    for row in rows { text += row.map(\.csv).joined(separator: ",") + "\n" }
    return text
  }

  /// The same rows as JSON objects.
  package static func json(_ columns: [String], _ rows: [[Field]]) -> String {
    let objects = rows.map { row in
      JSONOutput.object(zip(columns, row).map { (key: $0, value: $1.json) })
    }
    return JSONOutput.array(objects).serialized() + "\n"
  }

  /// What begins the rows of a cell, with the estimator where they are of one.
  static func cellFields(
    _ figures: CellFigures, _ estimator: String?, _ results: ExperimentResults
  ) -> [Field] {
    let cell = figures.cell
    return [.text(cell.model), .text(cell.family), .text(cell.objective), .text(cell.sampling)]
      + (estimator.map { [.text($0)] } ?? [])
      + [
        .text(cell.point), .integer(cell.samples), .integer(figures.replicates), .unsigned(results.seed),
        .text(cell.generator.name),
      ]
  }
}
