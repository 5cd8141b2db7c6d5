internal import CKernels
internal import EstimatorStatistics

/// log (1/K) Σ_k w_k from the logarithms of the weights, with what they say of its error.
///
/// The weights may come in G groups that are independent of each other while their members are not, the draws of a Markov
/// chain: weight k is of group k mod G. With S_g the sum of group g and n_g its size, w̄ the mean, the standard error is by
/// the delta method
///
///     se² = G/(G − 1) Σ_g (S_g − n_g w̄)² / (K w̄)²
///
/// which with groups of one is s²/(K w̄²).
struct LogMeanWeight {
  let value: Double
  /// Nil for one group.
  let standardError: Double?
  /// k̂ of the weights' upper tail; nil for less than 25, or where they tell nothing; ∞ where the greatest is so many times that
  /// at the tail's start, e^700 and more, that floating point has no room for both.
  let paretoShape: Double?

  /// - Parameter groups: G; nil for groups of one.
  init(_ logWeights: [Double], groups: Int? = nil) {
    let count = Double(logWeights.count), greatest = logWeights.max() ?? -.infinity
    // NaN is not seen by max: it comes back through the sum.
    guard greatest > -.infinity, greatest < .infinity else {
      let isNumber = !logWeights.contains { $0.isNaN }
      (value, standardError, paretoShape) = (isNumber ? greatest : .nan, nil, nil)
      return
    }
    var weights = logWeights
    for k in weights.indices { weights[k] -= greatest }
    weights.withUnsafeMutableBufferPointer { wb_exp_all($0.baseAddress, $0.count) }
    let mean = weights.reduce(0, +) / count
    value = greatest + wb_log(mean)

    let groups = min(groups ?? weights.count, weights.count)
    if groups > 1, mean.isFinite {
      var square = 0.0
      for group in 0..<groups {
        var deviation = 0.0
        for k in stride(from: group, to: weights.count, by: groups) { deviation += weights[k] - mean }
        square += deviation * deviation
      }
      standardError = (square * Double(groups) / Double(groups - 1)).squareRoot() / (count * mean)
    } else {
      standardError = nil
    }

    let size = ParetoTail.size(replicates: weights.count)
    if size >= 5, mean.isFinite {
      var tail = TailSamples(count: 1, capacity: size + 1)
      tail.add(weights, to: 0)
      let largest = tail.largest(size + 1, of: 0)
      if largest.last ?? 1 > 0 {
        paretoShape = ParetoTail(descending: largest)?.index
      } else {
        paretoShape = logWeights.count { $0 > -.infinity } > size ? .infinity : nil
      }
    } else {
      paretoShape = nil
    }
  }
}
