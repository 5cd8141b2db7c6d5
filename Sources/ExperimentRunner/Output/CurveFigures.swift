package import EstimatorStatistics
internal import GradientEstimation
internal import Optimization

/// The runs of one estimator with one optimizer in a cell, and what they amount to.
package struct CurveGroup: Sendable {
  package let cell, entry, optimizer: Int
  package let curves: [MeasuredCurve]
  /// evaluations + 2 × gradient evaluations of a step.
  package let costPerStep: Double

  /// Steps at which some run was evaluated.
  package var steps: [Int] {
    Set(curves.flatMap { $0.curve.points.filter { $0.value != nil }.map(\.step) }).sorted()
  }

  /// The objective at `step` of each run, by run: exact where known. Nil for a run that has diverged by then or was not
  /// evaluated there; one that has come to its end stays there.
  package func values(at step: Int) -> [Double?] { curves.map { $0.curve.value(at: step) } }

  /// How many runs have diverged by `step`.
  package func diverged(by step: Int) -> Int {
    curves.count { curve in
      curve.curve.status == .diverged && curve.curve.points.last.map { $0.step <= step } ?? false
    }
  }
  /// What `values` are: the exact objective, or its estimate.
  package var source: String {
    curves.contains { $0.curve.points.contains { $0.exact != nil } } ? "exact" : "estimate"
  }
  package var interrupted: Int { curves.count { $0.curve.status == .interrupted } }
}

extension Curve {
  func value(at step: Int) -> Double? {
    guard let point = points.last(where: { $0.step <= step }) else { return nil }
    switch point.status {
    case .diverged: return nil
    case .running, .interrupted: return point.step == step ? point.exact ?? point.value : nil
    case .finished, .converged: return point.exact ?? point.value
    }
  }
}

/// A row of `ranking.csv`, or two.
package struct RankedCurve: Sendable {
  package let group: CurveGroup
  /// At the last step.
  package let end: Standing
  /// At the last evaluation within the work that every curve of the cell has spent; nil for one that spends none.
  package let atWork: Standing?

  /// How a group stands among those of its cell.
  package struct Standing: Sendable {
    package let step: Int
    /// Runs that have diverged by then.
    package let diverged: Int
    /// Of the others; nil if there are none.
    package let value: MeanInterval?
    /// How far the best of the cell is ahead, paired by run; nil for the best itself, and where no runs pair up.
    package let behind: MeanInterval?
    /// Whether it lost the fewest runs, and of those the mean of the others is the best.
    package let isBest: Bool
    /// The same among the optimizers of its estimator.
    package let isBestOfEstimator: Bool
  }
}

/// The curves of a cell.
package struct CellCurves: Sendable {
  package let cell: Cell
  package let ranking: [RankedCurve]
}

extension TrainingResults {
  /// The runs of each cell, estimator and optimizer.
  package var groups: [CurveGroup] {
    var groups: [CurveGroup] = []
    var start = curves.startIndex
    while start < curves.endIndex {
      let first = curves[start], step = plan.cells[first.cell].entries[first.entry].step
      let end =
        curves[start...].firstIndex { ($0.cell, $0.entry, $0.optimizer) != (first.cell, first.entry, first.optimizer) }
        ?? curves.endIndex
      groups.append(
        CurveGroup(
          cell: first.cell, entry: first.entry, optimizer: first.optimizer, curves: Array(curves[start..<end]),
          costPerStep: step.evaluations + 2 * step.gradients))
      start = end
    }
    return groups
  }

  /// Each cell's curves, ranked at equal steps and at equal work.
  package var cells: [CellCurves] {
    let all = groups
    return plan.cells.indices.compactMap { c in
      let groups = all.filter { $0.cell == c }
      guard !groups.isEmpty else { return nil }
      let sign = plan.cells[c].problem.isMinimized ? -1.0 : 1.0
      let ends = standings(groups, at: groups.map { _ in spec.training.steps }, sign)
      let paying = groups.indices.filter { groups[$0].costPerStep > 0 }
      let atWork = standings(
        paying.map { groups[$0] }, at: equalWorkSteps(paying.map { groups[$0].costPerStep }), sign)
      return CellCurves(
        cell: plan.cells[c],
        ranking: groups.indices.map { g in
          RankedCurve(group: groups[g], end: ends[g], atWork: paying.firstIndex(of: g).map { atWork[$0] })
        })
    }
  }

  /// For curves of these costs a step, the evaluated steps at which they have spent the same, as nearly as evaluations
  /// allow: what the cheapest spends in all, less what another cannot be looked at within.
  func equalWorkSteps(_ costs: [Double]) -> [Int] {
    let ascent = spec.training.ascent(samples: 1), total = ascent.steps
    func last(_ cost: Double, within work: Double) -> Int {
      let affordable = Int(min(Double(total), (work / cost) * (1 + 1e-12)))
      return affordable == total ? total : affordable / ascent.evaluateEvery * ascent.evaluateEvery
    }
    let most = (costs.min() ?? 0) * Double(total)
    let common = costs.map { $0 * Double(last($0, within: most)) }.min() ?? 0
    return costs.map { last($0, within: common) }
  }

  /// - Parameter sign: −1 where the objective is minimised.
  private func standings(_ groups: [CurveGroup], at steps: [Int], _ sign: Double) -> [RankedCurve.Standing] {
    let values = zip(groups, steps).map { $0.values(at: $1) }
    let lost = zip(groups, steps).map { $0.diverged(by: $1) }
    let means = values.map { runs -> Double? in
      let known = runs.compactMap(\.self)
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    /// What ranks a group: runs lost first, then the mean of the others.
    func isBetter(_ a: Int, _ b: Int) -> Bool {
      guard let x = means[a] else { return false }
      guard let y = means[b] else { return true }
      return lost[a] != lost[b] ? lost[a] < lost[b] : sign * x > sign * y
    }
    let best = groups.indices.min(by: isBetter)
    // The best is chosen by the same runs: any of the pairs may be the one that is looked at. So each interval is at a
    // level that all pairs together keep at 95 %.
    let level = 1 - 0.05 / Double(max(1, groups.count * (groups.count - 1) / 2))
    return groups.indices.map { g in
      let own = values[g].compactMap(\.self)
      var behind: MeanInterval?
      if let best, best != g {
        let ahead = Dictionary(uniqueKeysWithValues: zip(groups[best].curves.map(\.run), values[best]))
        let pairs = zip(groups[g].curves, values[g]).compactMap { curve, value -> Double? in
          guard let value, let other = ahead[curve.run] ?? nil else { return nil }
          return sign * (other - value)
        }
        behind = pairs.isEmpty ? nil : MeanInterval(pairs, level: level)
      }
      return RankedCurve.Standing(
        step: groups[g].steps.last { $0 <= steps[g] } ?? 0, diverged: lost[g],
        value: own.isEmpty ? nil : MeanInterval(own), behind: behind, isBest: g == best && !own.isEmpty,
        isBestOfEstimator: !own.isEmpty
          && groups.indices.allSatisfy { groups[$0].entry != groups[g].entry || !isBetter($0, g) })
    }
  }
}
