internal import EstimatorStatistics
internal import ExperimentRunner
internal import GradientEstimation

/// With independent draws and all data the variance of a mean over K draws falls as 1/K.
///
/// The intervals on K Var at two K, each at half the level of the test, must meet. One draw averaged K times fails here.
/// An estimator whose state was learned from draws has another state at another K, and is left out.
enum VarianceOverK {
  static func applies(_ entry: Entry, in problem: Problem) -> Bool {
    entry.requirements.claims.contains(.meanOfDraws) && problem.sampling.drawsAreIndependent && problem.dataShare == 1
      && entry.cost > 0
  }

  static func outcome(
    _ problem: GridProblem, _ few: (cell: GridCell, trial: Trial), _ many: (cell: GridCell, trial: Trial),
    _ strictness: Strictness
  ) -> Outcome {
    let place = "at=\(few.cell.cell.point) samples=\(few.cell.cell.samples), \(many.cell.cell.samples)"
    func outcome(_ verdict: Outcome.Verdict) -> Outcome {
      Outcome(.varianceOverK, few.trial.entry.text, problem: problem.text, place: place, verdict)
    }
    let intervals = [few, many].map { cell, trial -> (low: Double, high: Double, mark: IntervalMark) in
      let block = trial.moments.blocks.count - 1, k = Double(cell.cell.samples)
      let found = trial.moments.interval(ofBlock: block, level: 1 - strictness.level / 2)
      return (k * found.low, k * found.high, trial.moments.mark(ofBlock: block, floor: trial.floor))
    }
    if intervals.allSatisfy({ $0.mark == .rounding }) { return outcome(.passed) }
    if intervals.contains(where: { $0.mark == .heavyTail }) {
      return outcome(.undecided("the tails are too heavy for intervals on the variance"))
    }
    if intervals[0].low <= intervals[1].high, intervals[1].low <= intervals[0].high { return outcome(.passed) }
    let texts = intervals.map { interval($0.low, $0.high) }
    return outcome(
      .failed(
        "claims a mean over draws, and K × variance is in \(texts[0]) for K = \(few.cell.cell.samples) and in \(texts[1]) for K = \(many.cell.cell.samples)"
      ))
  }
}

/// Where q is the posterior the integrand of the ELBO is constant, and an estimate is zero to rounding.
enum ZeroAtPosterior {
  static func applies(_ entry: Entry, in cell: GridCell) -> Bool {
    cell.role == .posterior && entry.requirements.claims.contains(.zeroAtPosterior) && cell.cell.problem.dataShare == 1
  }

  static func outcome(_ problem: GridProblem, _ cell: GridCell, _ trial: Trial) -> Outcome {
    let block = trial.moments.blocks.count - 1, variance = trial.moments.variance(ofBlock: block)
    let isZero = trial.moments.mark(ofBlock: block, floor: trial.floor) == .rounding
    let finding = "claims to vanish at the posterior, and has variance \(significant(variance, digits: 3)) there"
    return Outcome(
      .zeroAtPosterior, trial.entry.text, problem: problem.text, place: cell.place,
      isZero ? .passed : .failed(finding))
  }
}
