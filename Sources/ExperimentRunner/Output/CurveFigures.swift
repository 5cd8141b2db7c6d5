package import EstimatorStatistics
internal import GradientEstimation
internal import Optimization

/// The runs of one estimator with one optimizer in a cell, and what they amount to.
package struct CurveGroup: Sendable {
  package let cell, entry, optimizer: Int
  package let curves: [MeasuredCurve]
  /// evaluations + 2 × gradient evaluations of a step.
  package let costPerStep: Double
  package var diverged: Int { curves.count { $0.curve.status == .diverged } }
  package var interrupted: Int { curves.count { $0.curve.status == .interrupted } }

  /// Every step at which some run was evaluated.
  package var steps: [Int] { Set(curves.flatMap { $0.curve.points.map(\.step) }).sorted() }

  /// The objective at `step` of each run, by run: exact where known. Nil for a run that has diverged or was broken off
  /// by then; one that has converged stays where it ended.
  package func values(at step: Int) -> [Double?] { curves.map { $0.curve.value(at: step) } }
}

extension Curve {
  func value(at step: Int) -> Double? {
    guard let point = points.last(where: { $0.step <= step }) else { return nil }
    switch point.status {
    case .diverged: return nil
    case .interrupted: return point.step == step ? point.exact ?? point.value : nil
    case .running, .finished, .converged: return point.exact ?? point.value
    }
  }
}

/// A row of `ranking.csv`.
package struct RankedCurve: Sendable {
  package let group: CurveGroup
  /// At the last step.
  package let end: Standing
  /// At the last evaluation within the work that the cheapest curve of the cell spends; nil for one that spends none.
  package let atWork: Standing?

  /// How a group stands among those of its cell.
  package struct Standing: Sendable {
    package let step: Int
    /// Of the runs that have not diverged; nil if all have.
    package let value: MeanInterval?
    /// How far the best of the cell is ahead, paired by run; nil for the best itself.
    package let behind: MeanInterval?
    /// Whether no other optimizer does better for this estimator.
    package var isBestOfEstimator = false
  }
}

/// The curves of a cell.
package struct CellCurves: Sendable {
  package let cell: Cell
  package let ranking: [RankedCurve]
  /// Evaluations + 2 × gradient evaluations that `atWork` allows.
  package let workBudget: Double?
}

extension TrainingResults {
  /// The runs of each cell, estimator and optimizer.
  package var groups: [CurveGroup] {
    var groups: [CurveGroup] = []
    for curve in curves {
      if let last = groups.last, (last.cell, last.entry, last.optimizer) == (curve.cell, curve.entry, curve.optimizer) {
        groups[groups.count - 1] = CurveGroup(
          cell: last.cell, entry: last.entry, optimizer: last.optimizer, curves: last.curves + [curve],
          costPerStep: last.costPerStep)
      } else {
        groups.append(
          CurveGroup(
            cell: curve.cell, entry: curve.entry, optimizer: curve.optimizer, curves: [curve],
            costPerStep: plan.cells[curve.cell].entries[curve.entry].cost))
      }
    }
    return groups
  }

  /// Each cell's curves, ranked at equal steps and at equal work.
  package var cells: [CellCurves] {
    plan.cells.indices.compactMap { c in
      let groups = groups.filter { $0.cell == c }
      guard !groups.isEmpty else { return nil }
      let steps = spec.training.steps
      let budget = groups.map(\.costPerStep).filter { $0 > 0 }.min().map { $0 * Double(steps) }
      let sign = plan.cells[c].problem.isMinimized ? -1.0 : 1.0
      let ends = standings(groups, at: groups.map { _ in steps }, sign)
      let affordable = groups.map { group in
        budget.flatMap { group.costPerStep > 0 ? Int(min(Double(steps), $0 / group.costPerStep + 1e-9)) : nil }
      }
      let paying = groups.indices.filter { affordable[$0] != nil }
      let atWork = standings(paying.map { groups[$0] }, at: paying.compactMap { affordable[$0] }, sign)
      return CellCurves(
        cell: plan.cells[c],
        ranking: groups.indices.map { g in
          RankedCurve(group: groups[g], end: ends[g], atWork: paying.firstIndex(of: g).map { atWork[$0] })
        }, workBudget: budget)
    }
  }

  /// - Parameter sign: −1 where the objective is minimised.
  private func standings(_ groups: [CurveGroup], at steps: [Int], _ sign: Double) -> [RankedCurve.Standing] {
    let values = zip(groups, steps).map { $0.values(at: $1) }
    /// What ranks a group: runs lost to divergence first, then the mean.
    func isBetter(_ a: Int, _ b: Int) -> Bool {
      let (lostA, lostB) = (groups[a].diverged, groups[b].diverged)
      if lostA != lostB { return lostA < lostB }
      guard let x = mean(values[a]) else { return false }
      guard let y = mean(values[b]) else { return true }
      return sign * x > sign * y
    }
    let best = groups.indices.min(by: isBetter)
    // Each interval at a level that all of the cell's together keep at 95 %.
    let level = 1 - 0.05 / Double(max(1, groups.count - 1))
    return groups.indices.map { g in
      let own = values[g].compactMap(\.self)
      var behind: MeanInterval?
      if let best, best != g {
        let pairs = zip(groups[g].curves, values[g]).compactMap { curve, value -> Double? in
          guard let other = groups[best].curves.firstIndex(where: { $0.run == curve.run }), let value,
            let ahead = values[best][other]
          else { return nil }
          return sign * (ahead - value)
        }
        behind = pairs.isEmpty ? nil : MeanInterval(pairs, level: level)
      }
      let isBest =
        !own.isEmpty
        && groups.indices.allSatisfy { other in
          other == g || groups[other].entry != groups[g].entry || !isBetter(other, g)
        }
      return RankedCurve.Standing(
        step: groups[g].steps.last { $0 <= steps[g] } ?? 0, value: own.isEmpty ? nil : MeanInterval(own),
        behind: behind, isBestOfEstimator: isBest)
    }
  }

  private func mean(_ values: [Double?]) -> Double? {
    let known = values.compactMap(\.self)
    return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
  }
}
