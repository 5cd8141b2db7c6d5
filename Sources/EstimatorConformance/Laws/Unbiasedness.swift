internal import EstimatorStatistics
internal import ExperimentRunner
internal import Foundation
internal import GradientEstimation

/// The mean of many estimates against the gradient: each coordinate, and the gradient's size.
///
/// A single coordinate shows errors that others would hide, opposite ones among them; the size Σ g_p ĝ_p/|g|² gathers
/// what is common to all, such as a shrinkage.
struct Unbiasedness {
  let cell: GridCell
  let trial: Trial
  let strictness: Strictness

  /// What the law is called here.
  static func law(_ entry: Entry, in cell: GridCell) -> Law {
    if !entry.isUnbiased { return .statedBias }
    return cell.role == .regular ? .unbiased : .constantIntegrand
  }

  /// The expectation that the estimates are held to; nil for a bias that is not stated, and where nothing is known.
  static func expectation(_ entry: Entry, in cell: GridCell) -> [Double]? {
    func stated<E: GradientEstimator>(_ estimator: E) -> [Double]? {
      estimator.expectedGradient(
        of: cell.cell.problem, samples: cell.cell.samples, parameters: cell.cell.parameters)
    }
    if !entry.isUnbiased { return stated(entry.estimator) }
    return cell.yardstick.map { $0.map { _ in 0 } } ?? cell.exact
  }

  /// The test, or nil where there is nothing to test against.
  var test: BiasTest? {
    guard var wanted = Self.expectation(trial.entry, in: cell) else { return nil }
    let moments = trial.moments
    if trial.hasSize, let gradient = cell.gradient {
      let square = gradient.reduce(0) { $0 + $1 * $1 }
      wanted.append(zip(wanted, gradient).reduce(0) { $0 + $1.0 * $1.1 } / square)
    }
    let variances = (0..<trial.rows).map { moments.variance(of: $0) }
    // Two estimators may respond alike to what is disturbed: their difference has the rounding of what is subtracted.
    let norm = cell.yardstick?.reduce(0) { $0 + $1 * $1 }.squareRoot() ?? 0
    let floor = trial.floor.indices.map { p in
      let own = trial.floor[p].isFinite ? trial.floor[p].squareRoot() : 0
      return max(own, 0x1p-47 * (trial.hasSize && p == trial.rows - 1 && norm > 0 ? 1 : norm))
    }
    return BiasTest(
      mean: moments.mean[...], exact: wanted[...], variance: variances[...], count: moments.count, floor: floor[...])
  }

  func outcome(_ problem: GridProblem) -> Outcome {
    let law = Self.law(trial.entry, in: cell)
    func outcome(_ verdict: Outcome.Verdict, _ evidence: Evidence? = nil) -> Outcome {
      Outcome(law, trial.entry.text, problem: problem.text, place: cell.place, verdict, evidence: evidence)
    }
    if trial.moments.count == 0 { return outcome(.failed("no replicate of \(trial.moments.nonfinite) was finite")) }
    if trial.moments.nonfinite > 0 {
      let share = "\(trial.moments.nonfinite) of \(trial.moments.nonfinite + trial.moments.count)"
      return outcome(.undecided("\(share) replicates were not finite: the model's examples should name other points"))
    }
    guard let test else { return outcome(untested) }
    let evidence = evidence(test, isCentral: problem.isCentral)
    if test.p > strictness.level { return outcome(.passed, evidence) }
    let finding = finding(test)
    let isNormal = Double(trial.moments.count) >= trial.normalFrom(strictness) || test.largest.isInfinite
    return outcome(
      isNormal ? .failed(finding) : .undecided("\(finding), and the tails are too heavy for so few replicates"),
      evidence)
  }

  /// Whether a rejection must be looked at again with more replicates.
  var needsMore: Bool {
    if let test, case .undecided = outcomeVerdict(test) { true } else { false }
  }

  private func outcomeVerdict(_ test: BiasTest) -> Outcome.Verdict {
    if test.p > strictness.level || test.largest.isInfinite { return .passed }
    return Double(trial.moments.count) >= trial.normalFrom(strictness) ? .failed("") : .undecided("")
  }

  /// What to say where there is no expectation to hold it to.
  private var untested: Outcome.Verdict {
    guard let exact = cell.exact else {
      return trial.entry.isUnbiased
        ? .undecided("the model's exact gradient is not known, and there is no other estimator to compare with")
        : .reported("biased, and neither its expectation nor the exact gradient is known")
    }
    let moments = trial.moments, count = cell.cell.problem.family.parameterCount
    let variances = (0..<count).map { moments.variance(of: $0) }
    let test = BiasTest(
      mean: moments.mean[..<count], exact: exact[...], variance: variances[...], count: moments.count,
      floor: trial.floor.map { $0.isFinite ? $0.squareRoot() : 0 }[..<count])
    let norm = exact.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let difference = zip(moments.mean, exact).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    guard norm > 0 else {
      let size = numberText(difference)
      return .reported("a mean of size \(size) where the gradient is zero, \(moments.count) replicates")
    }
    let reach = test.relativeBound - difference / norm
    return .reported(
      "relative bias \(percent(difference / norm)) ± \(percent(reach)) at 95 %, \(moments.count) replicates")
  }

  private func evidence(_ test: BiasTest, isCentral: Bool) -> Evidence {
    let reach = strictness.threshold(trial.rows) + Strictness.margin
    guard trial.hasSize, let gradient = cell.gradient else {
      return Evidence(replicates: trial.moments.count, statistic: test.largest, p: test.p, isCentral: isCentral)
    }
    let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let worst = gradient.indices.map { trial.standardError($0) }.max() ?? 0
    return Evidence(
      replicates: trial.moments.count, statistic: test.largest, p: test.p,
      power: reach * trial.standardError(trial.rows - 1), coordinatePower: reach * worst / norm, isCentral: isCentral)
  }

  /// The row that is furthest off.
  private func finding(_ test: BiasTest) -> String {
    guard let worst = test.z.indices.max(by: { abs(test.z[$0]) < abs(test.z[$1]) }) else { return "" }
    let moments = trial.moments, z = significant(test.z[worst], digits: 3)
    let mean = significant(moments.mean[worst], digits: 5), error = significant(trial.standardError(worst), digits: 2)
    if trial.hasSize, worst == trial.rows - 1 {
      if cell.yardstick != nil {
        return "along the gradient the two differ by \(mean) ± \(error) of it; z = \(z), \(moments.count) replicates"
      }
      return "the gradient has \(mean) ± \(error) times its size; z = \(z), \(moments.count) replicates"
    }
    let blocks = cell.cell.problem.family.parameterBlocks
    let block = blocks.first { $0.range.contains(worst) }
    let name = block.map { "\($0.name)[\(worst - $0.range.lowerBound)]" } ?? "coordinate \(worst)"
    let wanted = Self.expectation(trial.entry, in: cell).map { significant($0[worst], digits: 5) } ?? ""
    return "\(name) has mean \(mean) ± \(error) and should have \(wanted); z = \(z), \(moments.count) replicates"
  }
}

extension Entry {
  var isUnbiased: Bool { requirements.bias == .unbiased }
}

/// A relative figure as a percentage.
func percent(_ x: Double) -> String { "\(significant(100 * x, digits: 2)) %" }
