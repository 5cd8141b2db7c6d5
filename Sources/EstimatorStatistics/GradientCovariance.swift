internal import CKernels

/// The covariance matrix of a stream of vectors, merged batch by batch in a fixed order (Chan, Golub and LeVeque 1983).
///
/// Vectors that are not finite are left out.
public struct GradientCovariance: Sendable {
  public private(set) var count = 0
  /// `[P]`
  public private(set) var mean: [Double]
  /// Σ (x_i − x̄_i)(x_j − x̄_j) for i ≤ j, row by row.
  private var products: [Double]

  public init(dimension: Int) {
    mean = Array(repeating: 0, count: dimension)
    products = Array(repeating: 0, count: dimension * (dimension + 1) / 2)
  }

  /// Adds a batch, `[P × B]`, replicate fastest.
  public mutating func add(_ rows: [Double], lanes: Int) {
    precondition(rows.count == mean.count * lanes && lanes > 0, "GradientCovariance: a batch must be [P × B]")
    let finite = (0..<lanes).filter { lane in mean.indices.allSatisfy { rows[$0 * lanes + lane].isFinite } }
    guard !finite.isEmpty else { return }
    var batch = GradientCovariance(dimension: mean.count)
    batch.count = finite.count
    var centered = mean.indices.flatMap { p in finite.map { rows[p * lanes + $0] } }
    wb_row_means(centered, &batch.mean, mean.count, finite.count)
    for p in mean.indices {
      for i in p * finite.count..<(p + 1) * finite.count { centered[i] -= batch.mean[p] }
    }
    wb_row_products(centered, &batch.products, mean.count, finite.count)
    merge(batch)
  }

  public mutating func merge(_ other: GradientCovariance) {
    precondition(mean.count == other.mean.count, "GradientCovariance: other dimension")
    guard other.count > 0 else { return }
    let total = Double(count + other.count), share = Double(other.count) / total
    let delta = zip(other.mean, mean).map { $0 - $1 }
    var index = 0
    for i in mean.indices {
      for j in i..<mean.count {
        products[index] += other.products[index] + delta[i] * delta[j] * Double(count) * share
        index += 1
      }
    }
    for i in mean.indices { mean[i] += delta[i] * share }
    count += other.count
  }

  /// Unbiased Cov(x_i, x_j).
  public func covariance(_ i: Int, _ j: Int) -> Double {
    let (a, b) = (min(i, j), max(i, j))
    return count > 1 ? products[a * mean.count - a * (a - 1) / 2 + b - a] / Double(count - 1) : .nan
  }

  /// Nil where a coordinate does not vary.
  public func correlation(_ i: Int, _ j: Int) -> Double? {
    let scale = covariance(i, i).squareRoot() * covariance(j, j).squareRoot()
    return scale > 0 && scale.isFinite ? min(1, max(-1, covariance(i, j) / scale)) : nil
  }

  /// The eigenvalues of the covariance matrix, or with weights of √w_i Cov_ij √w_j, descending; nil where it is not finite.
  public func eigenvalues(weights: [Double]? = nil) -> [Double]? {
    let p = mean.count, roots = weights.map { $0.map { $0.squareRoot() } } ?? Array(repeating: 1, count: p)
    var matrix = [Double](repeating: 0, count: p * p)
    for i in 0..<p { for j in 0..<p { matrix[i * p + j] = roots[i] * roots[j] * covariance(i, j) } }
    guard matrix.allSatisfy(\.isFinite) else { return nil }
    var values = [Double](repeating: 0, count: p)
    return wb_symmetric_eigenvalues(&matrix, &values, p) == 0 ? values.sorted(by: >) : nil
  }
}
