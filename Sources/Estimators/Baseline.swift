internal import GradientEstimation

/// What the score-function estimator subtracts from f.
public enum Baseline: String, CaseIterable, Sendable {
  case none
  /// E f: one constant, or with `rao_blackwell` one for each coordinate. Exact where known.
  case mean
  /// An exponentially weighted average of the f of past estimates.
  case movingAverage = "moving-average"
  /// For each draw the mean f of the other K − 1 (Kool, van Hoof and Welling 2019; VarGrad, Richter et al. 2020).
  case leaveOneOut = "leave-one-out"
  /// E[f s_p²] / E[s_p²] for the score s: the constant of least variance, one for each parameter. Exact where known.
  case optimal

  static let explanation = """
    none; mean, E f, one constant (one for each coordinate with rao_blackwell); moving-average of past estimates (decay); leave-one-out, for each draw the mean f \
    of the other K−1 (needs K ≥ 2); optimal, E[f s²]/E[s²], one constant for each parameter. mean and optimal are \
    exact where the model's expectations are known. What is not exact is learned on a stream of its own before a \
    measurement at fixed λ and then frozen: the figures are conditional on it.
    """

  /// How it is learned where it is not exact. A moving average learns as in training, one estimate at a time.
  var warmUp: WarmUp? {
    switch self {
    case .none, .leaveOneOut: nil
    case .mean, .optimal: WarmUp(lanes: 256, batches: 64)
    case .movingAverage: WarmUp(lanes: 1, batches: 100)
    }
  }
}

/// The baseline of each parameter, and what it was learned from.
public struct BaselineState: Codable, Hashable, Sendable {
  /// b_p, `[P]`.
  public private(set) var values: [Double]
  /// Whether it is exact: then it does not learn.
  public let isExact: Bool
  private var count = 0.0
  private var numerator: [Double]
  private var denominator: [Double]
  private var size: [Double]

  init(
    _ baseline: Baseline, of terms: Terms, raoBlackwell: Bool, _ problem: Problem, parameters: [Double]
  ) {
    let family = problem.family
    values = Array(repeating: 0, count: family.parameterCount)
    numerator = values
    denominator = values
    size = values
    let exact =
      (baseline == .mean || baseline == .optimal) && problem.multiSample == nil && !problem.hasLocalLatents
      ? family.exactExpectation(of: terms, for: problem.model, parameters: parameters) : nil
    guard let exact, baseline == .mean || exact.optimalShift != nil else {
      isExact = baseline == .none || baseline == .leaveOneOut
      return
    }
    isExact = true
    let factorized = raoBlackwell ? family as? any FactorizedFamily : nil
    for p in values.indices {
      values[p] = factorized.map { exact.coordinateValues[$0.coordinate(ofParameter: p)] } ?? exact.value
      if baseline == .optimal, let shift = exact.optimalShift { values[p] += shift[p] }
    }
  }

  /// Learns E f from a batch's signal, `[K × B]` or `[K × D × B]`: the average of all batches, or with `decay` an
  /// exponentially weighted one that starts at the first.
  mutating func learnMean(
    of signal: [Double], _ shape: Shape, _ family: any VariationalFamily, decay: Double?
  ) {
    let rows = signal.count / shape.drawCount
    // Of a constant signal the mean is that number, to the last digit: at the posterior nothing else is left.
    var sums = [CompensatedSum](repeating: .init(), count: rows)
    for k in 0..<shape.samples {
      for row in 0..<rows {
        for lane in 0..<shape.lanes { sums[row].add(signal[(k * rows + row) * shape.lanes + lane]) }
      }
    }
    count += 1
    let weight = count == 1 ? 1 : decay.map { 1 - $0 } ?? 1 / count
    let factorized = rows > 1 ? family as? any FactorizedFamily : nil
    for p in values.indices {
      let mean = sums[factorized?.coordinate(ofParameter: p) ?? 0].total / Double(shape.drawCount)
      values[p] += weight * (mean - values[p])
    }
  }

  /// Learns E[A C] / E[C²] from a batch's `[P × B]` sums A = Σ_k f_k s_k and C = Σ_k s_k.
  ///
  /// Antithetic draws may have C = 0: no constant then changes an estimate, and what rounding leaves of C must not be
  /// divided by. How large C would be shows in `alternating`, Σ_k (−1)^k s_k.
  mutating func learnOptimum(weighted: [Double], plain: [Double], alternating: [Double], lanes: Int) {
    for p in values.indices {
      for i in p * lanes..<(p + 1) * lanes {
        numerator[p] += weighted[i] * plain[i]
        denominator[p] += plain[i] * plain[i]
        size[p] += alternating[i] * alternating[i]
      }
      values[p] = denominator[p] > 0x1p-80 * size[p] ? numerator[p] / denominator[p] : 0
    }
  }
}
