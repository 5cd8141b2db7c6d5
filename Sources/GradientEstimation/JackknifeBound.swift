internal import CKernels

/// The jackknife variational bound of order m: the combination of importance-weighted bounds whose distance to log p(x) is
/// O(K^{−(m+1)}),
///
///     E Σ_{j=0}^m (−1)^j (K − j)^m / (j! (m − j)!) L̄_{K−j}
///
/// with L̄_{K−j} the mean of log (1/(K − j)) Σ_{k ∈ S} w_k over all subsets S of K − j of the draws. Of order 1 it is
/// K L_K − (K − 1) L̄_{K−1}. It is no bound: it may exceed log p(x).
///
/// - Cost: O(K^{m+1}) operations beside the evaluations.
/// - Reference: Nowozin (2018), equations (11) and (13).
public struct JackknifeBound: MultiSampleObjective {
  public var order = 1
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "jackknife", summary: "the jackknife combination of importance-weighted bounds, closer to log p(x)",
    equation: "E Σ_{j≤m} (−1)^j (K − j)^m/(j! (m − j)!) L̄_{K−j}",
    notes: [
      Note("Target", "the expectation of this form for the K at hand; its distance to log p(x) is O(K^{−(m+1)})."),
      Note("Requires", "at least m + 1 draws."),
    ],
    references: [Reference("nowozin2018", "equations (11), (13)")],
    options: [.integer("order", \.order, in: 1...3, "m")],
    examples: [Example(models: ["binary-latent"])])

  public var minimumSamples: Int { order + 1 }

  public func evaluate(
    _ logWeights: UnsafeBufferPointer<Double>, slopes: UnsafeMutableBufferPointer<Double>,
    curvatures: UnsafeMutableBufferPointer<Double>
  ) -> Double {
    let count = logWeights.count
    slopes.update(repeating: 0)
    curvatures.update(repeating: 0)
    var value = 0.0
    var chosen = [Int](repeating: 0, count: order)
    for removed in 0...min(order, count - 1) {
      // Σ over subsets of `removed` draws that are left out, those in ascending order.
      let subsets = (0..<removed).reduce(1.0) { $0 * Double(count - $1) / Double($1 + 1) }
      let factor = coefficient(removed, count) / subsets
      for i in 0..<removed { chosen[i] = i }
      while true {
        value += factor * add(without: chosen[..<removed], factor, logWeights, slopes, curvatures)
        var last = removed - 1
        while last >= 0, chosen[last] == count - removed + last { last -= 1 }
        guard last >= 0 else { break }
        chosen[last] += 1
        for i in last + 1..<max(removed, last + 1) { chosen[i] = chosen[i - 1] + 1 }
      }
    }
    return value
  }

  /// (−1)^j (K − j)^m / (j! (m − j)!)
  private func coefficient(_ j: Int, _ count: Int) -> Double {
    func factorial(_ n: Int) -> Double { n < 2 ? 1 : (2...n).reduce(1.0) { $0 * Double($1) } }
    let power = (0..<order).reduce(1.0) { product, _ in product * Double(count - j) }
    return (j.isMultiple(of: 2) ? 1 : -1) * power / (factorial(j) * factorial(order - j))
  }

  /// The importance-weighted bound of the other draws; adds its slopes and curvatures.
  private func add(
    without removed: ArraySlice<Int>, _ factor: Double, _ logWeights: UnsafeBufferPointer<Double>,
    _ slopes: UnsafeMutableBufferPointer<Double>, _ curvatures: UnsafeMutableBufferPointer<Double>
  ) -> Double {
    var greatest = -Double.infinity, sum = 0.0
    for k in logWeights.indices where !removed.contains(k) { greatest = max(greatest, logWeights[k]) }
    for k in logWeights.indices where !removed.contains(k) { sum += wb_exp(logWeights[k] - greatest) }
    for k in logWeights.indices where !removed.contains(k) {
      let share = wb_exp(logWeights[k] - greatest) / sum
      slopes[k] += factor * share
      curvatures[k] += factor * share * (1 - share)
    }
    return greatest + wb_log(sum / Double(logWeights.count - removed.count))
  }
}
