/// a_p = Cov(ĝ_p, c_p) / Var(c_p), from estimates ĝ and what is known to have the mean zero, c.
struct CoefficientRegression: Codable, Hashable, Sendable {
  /// a, `[P]`; 1 where nothing is learned yet.
  private(set) var coefficients: [Double]
  private var count = 0.0
  /// Means of ĝ and c, and sums of (c − c̄)², (c − c̄)(ĝ − ḡ) and ĝ²; `[P]` each.
  private var plainMeans, variateMeans, squares, products, sizes: [Double]

  init(parameterCount: Int) {
    coefficients = Array(repeating: 1, count: parameterCount)
    plainMeans = Array(repeating: 0, count: parameterCount)
    (variateMeans, squares, products, sizes) = (plainMeans, plainMeans, plainMeans, plainMeans)
  }

  /// Takes in estimates, `[P × B]` both.
  mutating func add(plain plains: [Double], variate variates: [Double], lanes: Int) {
    for lane in 0..<lanes {
      count += 1
      for p in coefficients.indices {
        let plain = plains[p * lanes + lane] - plainMeans[p]
        let variate = variates[p * lanes + lane] - variateMeans[p]
        plainMeans[p] += plain / count
        variateMeans[p] += variate / count
        squares[p] += variate * (variates[p * lanes + lane] - variateMeans[p])
        products[p] += variate * (plains[p * lanes + lane] - plainMeans[p])
        sizes[p] += plains[p * lanes + lane] * plains[p * lanes + lane]
      }
    }
    // Antithetic draws may leave nothing of c but rounding, which must not be divided by.
    for p in coefficients.indices {
      coefficients[p] = squares[p] > 0x1p-80 * sizes[p] ? products[p] / squares[p] : 1
    }
  }

  /// Lets what was learned so far count less.
  mutating func forget(keeping share: Double) {
    count *= share
    for p in coefficients.indices {
      squares[p] *= share
      products[p] *= share
      sizes[p] *= share
    }
  }
}
