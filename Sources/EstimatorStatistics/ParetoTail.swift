internal import CKernels
import Foundation

/// The tail index k of a distribution from the largest of R values |x|: P(|x| > t) falls as t^(−1/k), so that moments of
/// order 1/k and above do not exist.
///
/// A generalised Pareto distribution is fitted to the M largest less the next, M = min(R/5, 3√R, `largestSize`), by the
/// quasi-Bayesian estimate of Zhang and Stephens (2009), drawn towards ½ with the weight of ten values as Vehtari et al.
/// (2024) do. Its standard error is the asymptotic one of the maximum-likelihood estimate, (1 + k)/√M for k > −½.
public struct ParetoTail: Hashable, Sendable {
  /// k̂; ½ and more: no variance; ¼ and more: no fourth moment, so no interval on the variance.
  public let index: Double
  public let standardError: Double
  /// M
  public let size: Int

  /// More values than this would add memory and time, and little else: they halve no error that matters.
  public static let largestSize = 1000

  /// M for R = `replicates`.
  public static func size(replicates: Int) -> Int {
    min(replicates / 5, Int(3 * Double(replicates).squareRoot()), largestSize)
  }

  /// What the tail puts in doubt.
  public enum Doubt: String, Sendable {
    case nothing = ""
    /// k̂ ≥ ¼
    case interval
    /// k̂ ≥ ½
    case variance
  }

  public var doubt: Doubt { index >= 0.5 ? .variance : index >= 0.25 ? .interval : .nothing }

  /// - Parameter descending: the M + 1 largest of the |x|, M ≥ 5, descending.
  /// - Returns: nil where there is no tail to fit: too few values, equal ones, or some beyond the range of a Double.
  public init?(descending: [Double]) {
    guard descending.count > 5, let cut = descending.last, let top = descending.first, top.isFinite else { return nil }
    let excess = descending.dropLast().reversed().map { $0 - cut }
    guard let fit = Self.fit(excess) else { return nil }
    size = excess.count
    let m = Double(size)
    index = (m * fit + 10 * 0.5) / (m + 10)
    standardError = (1 + max(index, -0.5)) / m.squareRoot()
  }

  /// k of a generalised Pareto distribution from M ascending values above zero; nil where they do not tell.
  static func fit(_ x: [Double]) -> Double? {
    let n = x.count
    guard n >= 5, let last = x.last else { return nil }
    let quartile = x[Int(Double(n) / 4 + 0.5) - 1]
    guard quartile > 0, last.isFinite, (1 / last).isFinite, (1 / quartile).isFinite else { return nil }
    // The points θ_j = 1/x_(n) + (1 − √(m/(j − ½)))/(3 x_(n/4)) and their profile likelihoods.
    let m = 30 + Int(Double(n).squareRoot())
    var points: [Double] = [], likelihoods: [Double] = []
    for j in 1...m {
      let theta = 1 / last + (1 - (Double(m) / (Double(j) - 0.5)).squareRoot()) / (3 * quartile)
      let k = meanLog(x, theta)
      points.append(theta)
      likelihoods.append(Double(n) * (log(-theta / k) - k - 1))
    }
    guard let best = likelihoods.filter({ !$0.isNaN }).max() else { return nil }
    var sum = 0.0, theta = 0.0
    for (point, likelihood) in zip(points, likelihoods) where !likelihood.isNaN {
      let weight = exp(likelihood - best)
      sum += weight
      theta += weight * point
    }
    let k = meanLog(x, theta / sum)
    return k.isFinite ? k : nil
  }

  /// (1/n) Σ log(1 − θ x_i)
  private static func meanLog(_ x: [Double], _ theta: Double) -> Double {
    guard theta * (x.last ?? 0) < 1 else { return .nan }
    return wb_mean_log_complement(x, theta, x.count)
  }
}
