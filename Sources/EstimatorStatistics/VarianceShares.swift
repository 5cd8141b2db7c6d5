/// The parts of a variance that come from the data of a minibatch and from the draws, by pairs of estimates ĝ, ĝ′ that share
/// their minibatch S and nothing else:
///
///     Var ĝ = Var(E[ĝ | S]) + E Var(ĝ | S),   Var(E[ĝ | S]) = Cov(ĝ, ĝ′),   E Var(ĝ | S) = ½ E|ĝ − ĝ′|²
///
/// The law of total variance; over a block, traces. Means are taken out batch by batch, with n/(n − 1) for the loss.
public struct VarianceShares: Sendable {
  public let blocks: [Range<Int>]
  /// w_p of Σ_p w_p …, `[P]`; nil where all are 1.
  private let weights: [Double]?
  public private(set) var count = 0
  /// For each block the sums over pairs of U, W, U², UW, W², where U is the product and W half the squared difference.
  private var sums: [[Double]]

  public init(blocks: [Range<Int>], weights: [Double]? = nil) {
    self.blocks = blocks
    self.weights = weights
    sums = blocks.map { _ in Array(repeating: 0, count: 5) }
  }

  /// Adds a batch of pairs, `[P × B]` each, of at least two; pairs that are not finite are left out.
  public mutating func add(_ first: [Double], _ second: [Double], lanes: Int) {
    precondition(first.count == second.count && first.count % lanes == 0, "VarianceShares: gradients must be [P × B]")
    let rows = first.count / lanes
    let finite = (0..<lanes).filter { lane in
      (0..<rows).allSatisfy { first[$0 * lanes + lane].isFinite && second[$0 * lanes + lane].isFinite }
    }
    guard finite.count > 1 else { return }
    let n = Double(finite.count), factor = n / (n - 1)
    func mean(_ x: [Double], _ p: Int) -> Double { finite.reduce(0) { $0 + x[p * lanes + $1] } / n }
    let means = (0..<rows).map { (mean(first, $0), mean(second, $0)) }
    for (b, block) in blocks.enumerated() {
      for lane in finite {
        var u = 0.0, w = 0.0
        for p in block {
          let (x, y) = (first[p * lanes + lane], second[p * lanes + lane]), weight = weights?[p] ?? 1
          u += weight * (x - means[p].0) * (y - means[p].1)
          w += weight * 0.5 * (x - y) * (x - y)
        }
        u *= factor
        for (i, term) in [u, w, u * u, u * w, w * w].enumerated() { sums[b][i] += term }
      }
    }
    count += finite.count
  }

  public mutating func merge(_ other: VarianceShares) {
    precondition(blocks == other.blocks, "VarianceShares: other blocks")
    count += other.count
    for b in sums.indices { for i in sums[b].indices { sums[b][i] += other.sums[b][i] } }
  }

  /// A figure with its 95 % interval, ± 1.96 standard errors.
  public struct Figure: Hashable, Sendable {
    public let value, low, high: Double

    init(_ value: Double, error: Double) {
      self.value = value
      low = value - 1.959963984540054 * error
      high = value + 1.959963984540054 * error
    }
  }

  /// What the shares of a block are.
  public struct Parts: Hashable, Sendable {
    /// Var(E[ĝ | S]): what no number of draws removes.
    public let minibatch: Figure
    /// E Var(ĝ | S)
    public let draws: Figure
    /// Of the minibatch in their sum.
    public let share: Figure
  }

  /// Nil where there are too few pairs, or nothing varies.
  public func parts(ofBlock b: Int) -> Parts? {
    guard count > 2 else { return nil }
    let n = Double(count), m = sums[b].map { $0 / n }
    let (u, w) = (m[0], m[1]), total = u + w
    guard total > 0, total.isFinite else { return nil }
    let (uu, uw, ww) = (m[2] - u * u, m[3] - u * w, m[4] - w * w)
    func error(_ variance: Double) -> Double { (max(0, variance) / (n - 1)).squareRoot() }
    // To first order the share moves by (w dU − u dW)/(u + w)².
    let change = (w * w * uu - 2 * u * w * uw + u * u * ww) / (total * total * total * total)
    return Parts(
      minibatch: Figure(u, error: error(uu)), draws: Figure(w, error: error(ww)),
      share: Figure(u / total, error: error(change)))
  }
}
