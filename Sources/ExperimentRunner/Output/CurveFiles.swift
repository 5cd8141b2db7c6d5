internal import EstimatorStatistics
internal import GradientEstimation
internal import Optimization

/// The rows of the CSV files of kind `elbo`. What is not known stays empty.
package enum CurveFiles {
  package static let elboColumns = [
    "model", "family", "objective", "sampling", "estimator", "optimizer", "samples", "run", "step", "elbo", "elbo_mcse",
    "exact_elbo", "log_evidence", "gap", "evaluations", "gradient_evaluations", "status",
  ]
  package static let bandColumns = [
    "model", "family", "objective", "sampling", "estimator", "optimizer", "samples", "step", "runs", "diverged",
    "source", "elbo",
    "elbo_ci_low", "elbo_ci_high", "elbo_sd", "elbo_min", "elbo_max", "evaluations", "gradient_evaluations",
  ]
  package static let rankingColumns = [
    "model", "family", "objective", "sampling", "estimator", "optimizer", "samples", "compared_at", "step",
    "evaluations", "gradient_evaluations", "runs", "diverged", "source", "elbo", "elbo_ci_low", "elbo_ci_high",
    "elbo_sd",
    "behind", "behind_ci_low", "behind_ci_high", "below_optimum", "best_of_estimator",
  ]
  package static let marginalColumns = [
    "model", "family", "objective", "sampling", "estimator", "optimizer", "samples", "run", "index", "marginal",
    "exact_marginal", "mode", "exact_mode",
  ]
  package static var parameterColumns: [String] { SavedParameters.columns }

  package static func elboRows(_ results: TrainingResults) -> [[CSVFiles.Field]] {
    let evidence = results.plan.cells.map(logEvidence)
    return results.curves.flatMap { measured in
      measured.curve.points.map { point in
        let cost = results.cost(measured.cell, measured.entry, steps: point.step)
        let bound = point.exact ?? point.value
        return results.key(measured.cell, measured.entry, measured.optimizer) + [
          .integer(measured.run), .integer(point.step), .number(point.value), .number(point.mcse),
          .number(point.exact), .number(evidence[measured.cell]),
          .number(evidence[measured.cell].flatMap { known in bound.map { known - $0 } }),
          .number(cost.evaluations), .number(cost.gradients), .text(point.status.rawValue),
        ]
      }
    }
  }

  package static func bandRows(_ results: TrainingResults) -> [[CSVFiles.Field]] {
    let groups = results.groups
    // A curve whose runs are all lost has rows as long as another of its cell goes on.
    let steps = Dictionary(grouping: groups, by: \.cell).mapValues { Set($0.flatMap(\.steps)).sorted() }
    return groups.flatMap { group in
      (steps[group.cell] ?? []).compactMap { step -> [CSVFiles.Field]? in
        let values = group.values(at: step).compactMap(\.self), lost = group.diverged(by: step)
        if values.isEmpty, lost == 0 { return nil }
        let band = values.isEmpty ? nil : MeanInterval(values)
        let cost = results.cost(group.cell, group.entry, steps: step)
        return results.key(group.cell, group.entry, group.optimizer) + [
          .integer(step), .integer(values.count), .integer(lost), .text(group.source), .number(band?.mean),
          .number(band?.low),
          .number(band?.high), .number(band?.deviation), .number(values.min()), .number(values.max()),
          .number(cost.evaluations), .number(cost.gradients),
        ]
      }
    }
  }

  package static func rankingRows(_ results: TrainingResults) -> [[CSVFiles.Field]] {
    results.cells.flatMap { cell in
      let rows =
        cell.ranking.map { ("steps", $0.group, Optional($0.end)) }
        + cell.ranking.map { ("work", $0.group, $0.atWork) }
      return rows.compactMap { comparedAt, group, standing -> [CSVFiles.Field]? in
        guard let standing else { return nil }
        let cost = results.cost(group.cell, group.entry, steps: standing.step)
        return results.key(group.cell, group.entry, group.optimizer) + [
          .text(comparedAt), .integer(standing.step), .number(cost.evaluations), .number(cost.gradients),
          .integer(standing.value?.count ?? 0), .integer(standing.diverged), .text(group.source),
          .number(standing.value?.mean),
          .number(standing.value?.low), .number(standing.value?.high), .number(standing.value?.deviation),
          .number(standing.behind?.mean), .number(standing.behind?.low), .number(standing.behind?.high),
          .number(cell.cell.greatest.flatMap { best in standing.value.map { best.value - $0.mean } }),
          .text(standing.isBestOfEstimator ? "yes" : "no"),
        ]
      }
    }
  }

  package static func parameterRows(_ results: TrainingResults) -> [[CSVFiles.Field]] {
    results.curves.flatMap { measured in
      measured.curve.saved.flatMap { step, parameters in
        results.plan.cells[measured.cell].problem.family.parameterBlocks.flatMap { block in
          block.range.enumerated().map { index, p in
            results.key(measured.cell, measured.entry, measured.optimizer) + [
              .integer(measured.run), .integer(step), .text(block.name), .integer(index), .number(parameters[p]),
            ]
          }
        }
      }
    }
  }

  /// What each run's q says of the states of a discrete z in the end, beside what is exact: P(z_d = 1) and the most probable
  /// state. Nothing where z is not discrete, or has too many states.
  package static func marginalRows(_ results: TrainingResults) -> [[CSVFiles.Field]] {
    results.curves.flatMap { measured -> [[CSVFiles.Field]] in
      let problem = results.plan.cells[measured.cell].problem
      guard measured.curve.end.allSatisfy(\.isFinite),
        let (q, exact) = problem.stateSummaries(at: measured.curve.end)
      else { return [] }
      return q.marginals.indices.map { d in
        results.key(measured.cell, measured.entry, measured.optimizer) + [
          .integer(measured.run), .integer(d), .number(q.marginals[d]), .number(exact.marginals[d]),
          .integer(Int(q.mode[d])), .integer(Int(exact.mode[d])),
        ]
      }
    }
  }

  /// log p(x), where the objective is a bound on it and the model knows it.
  static func logEvidence(_ cell: Cell) -> Double? {
    cell.problem.terms.contains(.entropy) ? (cell.problem.model as? any LatentModel)?.logEvidence : nil
  }
}

extension TrainingResults {
  fileprivate func key(_ cell: Int, _ entry: Int, _ optimizer: Int) -> [CSVFiles.Field] {
    let c = plan.cells[cell]
    return [
      .text(c.model), .text(c.family), .text(c.objective), .text(c.sampling), .text(c.entries[entry].text),
      .text(spec.training.optimizers[optimizer].text), .integer(c.samples),
    ]
  }

  /// What `steps` steps spend, evaluations of the bound itself apart.
  fileprivate func cost(_ cell: Int, _ entry: Int, steps: Int) -> (evaluations: Double, gradients: Double) {
    let step = plan.cells[cell].entries[entry].step
    return (step.evaluations * Double(steps), step.gradients * Double(steps))
  }
}
