internal import GradientEstimation

/// Learns a quadratic from draws and ∇f there, by least squares in closed form: with means z̄, ḡ and covariances
/// S = Cov(z), C = Cov(∇f, z) over the draws,
///
///     ∇t(z) = ḡ + B (z − z̄),   B = ½ (C S⁻¹ + S⁻¹ Cᵀ)
///
/// is the one with symmetric B that has the least mean of (∇f − ∇t)ᵀ S (∇f − ∇t): in coordinates y = L⁻¹(z − z̄), S = L Lᵀ,
/// the regression of ∇_y f = Lᵀ ∇f on y has the coefficients M = Lᵀ C L⁻ᵀ, and ½ (M + Mᵀ) is the best symmetric matrix. For
/// a location-scale family that is how far the pathwise gradients of f and t are from each other in the noise. Under a normal
/// C S⁻¹ tends to E ∇²f (Stein's identity), where Taylor's polynomial has ∇²f at one point. Geffner and Domke (2020,
/// section 3) descend on the variance itself, with a B that is diagonal but for a part of low rank.
struct QuadraticRegression: Codable, Hashable, Sendable {
  private let dimension: Int
  /// The draws that count, and how many of them came after the last fit.
  private var weight = 0.0
  private var fresh = 0.0
  private var meanPoint, meanGradient: [Double]
  /// Σ (z − z̄)(z − z̄)ᵀ and Σ (∇f − ḡ)(z − z̄)ᵀ, `[D × D]` each, row by row.
  private var squares, products: [Double]

  /// B is `[D × D]`, and a fit takes D³ operations.
  static let largestDimension = 512
  private var parametersOfRow: Double { Double(dimension + 2) }
  /// Draws before the first fit: what they cannot tell is half of what is left of f then.
  private var fewest: Double { 3 * parametersOfRow }
  /// Draws that are remembered where λ moves: what they cannot tell is a 64th.
  private var most: Double { 64 * parametersOfRow }
  /// As many at a fixed λ with one draw an estimate.
  var warmUp: WarmUp { WarmUp(lanes: 32, batches: max(8, 2 * (dimension + 2))) }

  init(dimension: Int) {
    self.dimension = dimension
    meanPoint = Array(repeating: 0, count: dimension)
    meanGradient = meanPoint
    squares = Array(repeating: 0, count: dimension * dimension)
    products = squares
  }

  /// Takes in draws z and ∇f, `[K × D × B]` each; those that are not finite are left out.
  mutating func add(_ z: [Double], _ gradient: [Double], _ shape: Shape) {
    let (d, b, count) = (dimension, shape.lanes, shape.drawCount)
    var isUsed = [Bool](repeating: true, count: count)
    for i in z.indices where !(z[i].isFinite && gradient[i].isFinite) { isUsed[i / (d * b) * b + i % b] = false }
    let used = Double(isUsed.count { $0 })
    guard used > 0 else { return }
    // By coordinate, `[D × K·B]`, less the mean of these draws.
    func centered(_ source: [Double]) -> (rows: [Double], means: [Double]) {
      var rows = [Double](repeating: 0, count: source.count), means = [Double](repeating: 0, count: d)
      for i in 0..<d {
        for n in 0..<count where isUsed[n] { means[i] += source[(n / b * d + i) * b + n % b] }
        means[i] /= used
        for n in 0..<count where isUsed[n] { rows[i * count + n] = source[(n / b * d + i) * b + n % b] - means[i] }
      }
      return (rows, means)
    }
    let points = centered(z), slopes = centered(gradient), total = weight + used, share = weight * used / total
    let pointShift = (0..<d).map { points.means[$0] - meanPoint[$0] }
    let slopeShift = (0..<d).map { slopes.means[$0] - meanGradient[$0] }
    func sum(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>) -> Double {
      (0..<count).reduce(0) { $0 + a[$1] * b[$1] }
    }
    points.rows.withUnsafeBufferPointer { x in
      slopes.rows.withUnsafeBufferPointer { g in
        guard let x = x.baseAddress, let g = g.baseAddress else { return }
        for i in 0..<d {
          for j in 0..<d {
            products[i * d + j] += sum(g + i * count, x + j * count) + share * slopeShift[i] * pointShift[j]
            guard j <= i else { continue }
            squares[i * d + j] += sum(x + i * count, x + j * count) + share * pointShift[i] * pointShift[j]
          }
        }
      }
    }
    for i in 0..<d {
      meanPoint[i] += pointShift[i] * used / total
      meanGradient[i] += slopeShift[i] * used / total
    }
    weight = total
    fresh += used
  }

  /// Lets older draws count less, where λ has moved.
  mutating func forget() {
    guard weight > most else { return }
    let kept = most / weight
    for i in squares.indices {
      squares[i] *= kept
      products[i] *= kept
    }
    fresh = min(fresh, most)
    weight = most
  }

  /// The quadratic anew, and the share of its draws that the last was of; nil where there is little to learn from, or little
  /// that is new, or where the draws do not span the space.
  mutating func refit() -> (quadratic: Quadratic, kept: Double)? {
    guard weight >= fewest, 8 * fresh >= weight, let factor = choleskyFactor() else { return nil }
    let d = dimension
    var slopes = products
    // Each row of C S⁻¹ solves S x = the row of C.
    for i in 0..<d { Self.solve(factor, &slopes, row: i * d, d) }
    var curvature = slopes
    for i in 0..<d { for j in 0..<d { curvature[i * d + j] = 0.5 * (slopes[i * d + j] + slopes[j * d + i]) } }
    guard curvature.allSatisfy(\.isFinite) else { return nil }
    defer { fresh = 0 }
    return (
      Quadratic(center: meanPoint, value: 0, slope: meanGradient, curvature: curvature), 1 - fresh / weight
    )
  }

  /// L with L Lᵀ = Σ (z − z̄)(z − z̄)ᵀ; nil where that is singular but for rounding.
  private func choleskyFactor() -> [Double]? {
    let d = dimension
    var lower = squares
    for i in 0..<d {
      for j in 0...i {
        var rest = squares[i * d + j]
        for k in 0..<j { rest -= lower[i * d + k] * lower[j * d + k] }
        if i == j {
          guard rest > 0x1p-40 * squares[i * d + i] else { return nil }
          lower[i * d + i] = rest.squareRoot()
        } else {
          lower[i * d + j] = rest / lower[j * d + j]
        }
      }
    }
    return lower
  }

  /// x = (L Lᵀ)⁻¹ x, a row of D.
  private static func solve(_ lower: [Double], _ x: inout [Double], row: Int, _ d: Int) {
    for i in 0..<d {
      for k in 0..<i { x[row + i] -= lower[i * d + k] * x[row + k] }
      x[row + i] /= lower[i * d + i]
    }
    for i in (0..<d).reversed() {
      for k in i + 1..<d { x[row + i] -= lower[k * d + i] * x[row + k] }
      x[row + i] /= lower[i * d + i]
    }
  }
}
