internal import GradientEstimation

/// The coefficients w of features of a surrogate with the least Σ_p E (ĝ_p − Σ_j w_j c_pj)², c_pj what feature j does to the
/// estimate ĝ_p, of expectation zero: the normal equations M w = v, M_ij = E Σ_p c_pi c_pj and v_j = E Σ_p c_pj ĝ_p, over past
/// batches, older ones counting less.
struct SurrogateRegression: Codable, Hashable, Sendable {
  /// w; all zero where too little has been seen.
  private(set) var coefficients: [Double]
  private var count = 0.0
  /// M, row by row below the diagonal, and v.
  private var squares, products: [Double]

  /// Estimates of each coefficient that are remembered: older ones are of another temperature, or of another λ.
  private static let memory = 128.0
  /// Estimates of each coefficient before the first fit.
  private static let fewest = 8.0
  /// A feature that leaves less than this share of its square beside those before it is a combination of them.
  private static let smallest = 1e-9

  init(featureCount: Int) {
    coefficients = Array(repeating: 0, count: featureCount)
    squares = Array(repeating: 0, count: featureCount * featureCount)
    products = coefficients
  }

  /// Takes in a batch, `[P × B]` each; lanes that are not finite are left out.
  mutating func add(plain: [Double], variates: [[Double]], lanes: Int) {
    let m = coefficients.count, parameters = plain.count / lanes
    if count > Self.memory * Double(m) { forget(keeping: Self.memory * Double(m) / count) }
    for lane in 0..<lanes {
      let rows = stride(from: lane, to: parameters * lanes, by: lanes)
      guard rows.allSatisfy({ row in plain[row].isFinite && variates.allSatisfy { $0[row].isFinite } }) else {
        continue
      }
      count += 1
      for row in rows {
        for i in 0..<m {
          let own = variates[i][row]
          products[i] += own * plain[row]
          for j in 0...i { squares[i * m + j] += own * variates[j][row] }
        }
      }
    }
    if count >= Self.fewest * Double(m) { solve() }
  }

  private mutating func forget(keeping share: Double) {
    count *= share
    for i in squares.indices { squares[i] *= share }
    for i in products.indices { products[i] *= share }
  }

  /// By Cholesky's factor, with a ridge of (m/count)³ that keeps the first fits small, and without the features that are combinations of those before them.
  private mutating func solve() {
    let m = coefficients.count
    var lower = squares, isUsed = [Bool](repeating: true, count: m)
    let share = Double(m) / count, ridge = 1 + share * share * share
    for i in 0..<m {
      for j in 0...i where isUsed[j] {
        var rest = squares[i * m + j] * (i == j ? ridge : 1)
        for k in 0..<j where isUsed[k] { rest -= lower[i * m + k] * lower[j * m + k] }
        if i != j {
          lower[i * m + j] = rest / lower[j * m + j]
        } else if rest > (Self.smallest + ridge - 1) * squares[i * m + i] {
          lower[i * m + i] = rest.squareRoot()
        } else {
          isUsed[i] = false
        }
      }
    }
    var w = products
    for i in 0..<m where isUsed[i] {
      for k in 0..<i where isUsed[k] { w[i] -= lower[i * m + k] * w[k] }
      w[i] /= lower[i * m + i]
    }
    for i in (0..<m).reversed() where isUsed[i] {
      for k in i + 1..<m where isUsed[k] { w[i] -= lower[k * m + i] * w[k] }
      w[i] /= lower[i * m + i]
    }
    for i in 0..<m { coefficients[i] = isUsed[i] && w[i].isFinite ? w[i] : 0 }
  }
}
