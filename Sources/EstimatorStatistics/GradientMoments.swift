internal import CKernels

/// Streaming moments of one estimator's gradients, coordinate by coordinate and block by block.
///
/// Means and variances are exact to rounding (Chan, Golub and LeVeque 1983, merged in a fixed order). The sums that
/// intervals are made from are those of Y = |g − m|² n/(n − 1) with m the mean of the batch of n replicates at hand,
/// which needs no second pass over the replicates; E Y is the variance whatever n.
///
/// A replicate whose gradient is not finite is counted in `nonfinite` and takes part in nothing else.
public struct GradientMoments: Sendable {
  /// The runs of coordinates that figures are reported for.
  public let blocks: [Range<Int>]
  /// Finite replicates.
  public private(set) var count = 0
  public private(set) var nonfinite = 0
  /// `[P]`
  public private(set) var mean: [Double]
  /// Σ (g_p − ḡ_p)², `[P]`.
  public private(set) var squares: [Double]
  /// Of (g_p − m_p)² n/(n − 1), `[P]`.
  public private(set) var coordinateSums: [PowerSums]
  /// Of |g − m|² n/(n − 1) over each block.
  public private(set) var blockSums: [PowerSums]
  /// The same, by groups of replicates.
  public private(set) var blockGroups: [GroupSums]
  /// The largest |g − m|² n/(n − 1) of each block; nil where no tails are kept.
  var tails: TailSamples?
  let tailReference: TailReference?
  /// w_p of Y = Σ_p w_p (g_p − m_p)², `[P]`; nil where all are 1.
  public let weights: [Double]?
  private let inverseCoordinateScales: [Double]
  fileprivate let inverseBlockScales: [Double]
  /// Scratch of a batch: its mean, `[P]`, and the sums of its deviations, `[P × 5]`.
  private var batchMean: [Double]
  private var batchSums: [Double]

  /// - Parameters:
  ///   - blocks: the parts of 0..<P in order and without gaps, and last 0..<P itself.
  ///   - scales: a rough variance of each coordinate, `[P]`, fixed beforehand: the sums are of Y in its units.
  ///   - weights: w_p of a block's Y = Σ_p w_p (g_p − m_p)², `[P]`; nil for the Euclidean norm.
  ///   - tail: what it takes to keep the tails of the blocks; nil where none are wanted.
  public init(
    blocks: [Range<Int>], scales: [Double], weights: [Double]? = nil, tail: TailReference? = nil
  ) {
    func inverse(_ scale: Double) -> Double { scale.isNormal && scale > 0 && (1 / scale).isNormal ? 1 / scale : 1 }
    let parts = blocks.count > 1 ? blocks.dropLast() : blocks[...]
    precondition(
      blocks.last == 0..<scales.count && parts.reduce(0) { $0 == $1.lowerBound ? $1.upperBound : -1 } == scales.count,
      "GradientMoments: blocks must be the parts of 0..<P in order, and then the whole")
    self.blocks = blocks
    mean = Array(repeating: 0, count: scales.count)
    squares = mean
    batchMean = mean
    batchSums = Array(repeating: 0, count: 5 * scales.count)
    coordinateSums = Array(repeating: PowerSums(), count: scales.count)
    blockSums = Array(repeating: PowerSums(), count: blocks.count)
    blockGroups = Array(repeating: GroupSums(), count: blocks.count)
    inverseCoordinateScales = scales.map(inverse)
    inverseBlockScales = blocks.map { inverse($0.reduce(0) { $0 + (weights?[$1] ?? 1) * scales[$1] }) }
    self.weights = weights
    tailReference = tail
    tails = tail.map { TailSamples(count: blocks.count, capacity: $0.capacity) }
  }

  /// Adds a batch of gradients `[P × B]`, replicate fastest, and writes Y of each block and replicate to
  /// `distances`, `[blocks × B]`.
  ///
  /// - Returns: whether every replicate was finite; if not, `distances` holds nothing of use.
  @discardableResult
  public mutating func add(_ gradients: [Double], lanes: Int, distances: inout [Double]) -> Bool {
    precondition(
      gradients.count == mean.count * lanes && distances.count == blocks.count * lanes && lanes > 0,
      "GradientMoments: gradients must be [P × B]")
    wb_row_means(gradients, &batchMean, mean.count, lanes)
    guard batchMean.allSatisfy(\.isFinite) else {
      addFiniteLanes(of: gradients, lanes: lanes)
      return false
    }
    // A batch of one says nothing of the spread about its own mean; its mean still counts.
    let factor = lanes > 1 ? Double(lanes) / Double(lanes - 1) : 0
    addDeviations(gradients, lanes: lanes, factor: factor, distances: &distances)
    batchSums.withUnsafeBufferPointer { sums in
      for p in coordinateSums.indices {
        coordinateSums[p].add(sums[5 * p + 1], sums[5 * p + 2], sums[5 * p + 3], sums[5 * p + 4])
      }
    }
    addTails(gradients, lanes: lanes, distances)
    let (means, sums) = (batchMean, batchSums)
    combine(count: lanes, mean: means) { lanes > 1 ? sums[5 * $0] / factor : 0 }
    return true
  }

  /// The power sums of a batch: of each coordinate in `batchSums`, of the blocks in place.
  private mutating func addDeviations(
    _ gradients: [Double], lanes: Int, factor: Double, distances: inout [Double]
  ) {
    batchSums.withUnsafeMutableBufferPointer { sums in
      sums.update(repeating: 0)
      distances.withUnsafeMutableBufferPointer { distances in
        guard let sums = sums.baseAddress, let distances = distances.baseAddress else { return }
        let whole = distances + (blocks.count - 1) * lanes
        whole.update(repeating: 0, count: lanes)
        for (index, part) in blocks[..<max(1, blocks.count - 1)].enumerated() {
          let distance = distances + index * lanes, first = part.lowerBound
          distance.update(repeating: 0, count: lanes)
          gradients.withUnsafeBufferPointer { rows in
            batchMean.withUnsafeBufferPointer { means in
              inverseCoordinateScales.withUnsafeBufferPointer { scales in
                guard let rows = rows.baseAddress, let means = means.baseAddress, let scales = scales.baseAddress
                else { return }
                func add(_ weights: UnsafePointer<Double>?) {
                  wb_row_deviations(
                    rows + first * lanes, means + first, factor, scales + first, weights, sums + 5 * first, distance,
                    part.count, lanes)
                }
                if let weights {
                  weights.withUnsafeBufferPointer { add($0.baseAddress.map { $0 + first }) }
                } else {
                  add(nil)
                }
              }
            }
          }
          if distance != whole { wb_add_scaled(whole, distance, 1, lanes) }
        }
        for index in blocks.indices {
          var powers = (0.0, 0.0, 0.0, 0.0)
          withUnsafeMutableBytes(of: &powers) {
            wb_power_sums(
              distances + index * lanes, inverseBlockScales[index],
              $0.assumingMemoryBound(to: Double.self).baseAddress, &blockGroups[index].sums, lanes)
          }
          blockSums[index].add(powers.0, powers.1, powers.2, powers.3)
        }
      }
    }
  }

  /// Adds what `other` has seen, as if it had come after.
  public mutating func merge(_ other: GradientMoments) {
    precondition(blocks == other.blocks && mean.count == other.mean.count, "GradientMoments: other blocks")
    nonfinite += other.nonfinite
    for p in mean.indices { coordinateSums[p].merge(other.coordinateSums[p]) }
    for b in blocks.indices {
      blockSums[b].merge(other.blockSums[b])
      blockGroups[b].merge(other.blockGroups[b])
    }
    if let others = other.tails { tails?.merge(others) }
    combine(count: other.count, mean: other.mean) { other.squares[$0] }
  }

  /// Unbiased variance of coordinate p.
  public func variance(of p: Int) -> Double { count > 1 ? squares[p] / Double(count - 1) : .nan }
  /// E[Y²]/E[Y]² of a block: 3 for one normal coordinate.
  public func kurtosis(ofBlock b: Int) -> Double {
    let n = Double(count), e1 = blockSums[b].p1 / n, e2 = blockSums[b].p2 / n
    return (1 + 2 * e1 + e2) / ((1 + e1) * (1 + e1))
  }
  /// E[Y²]/E[Y]² of coordinate p: its kurtosis.
  public func kurtosis(of p: Int) -> Double {
    let n = Double(count), e1 = coordinateSums[p].p1 / n, e2 = coordinateSums[p].p2 / n
    return e1 > -1 ? (1 + 2 * e1 + e2) / ((1 + e1) * (1 + e1)) : 1
  }
  /// Mean of Y over a block in the units of its scale.
  func scaledMean(ofBlock b: Int) -> Double { 1 + blockSums[b].p1 / Double(count) }
  /// The interval on a coordinate's variance.
  public func interval(of p: Int, level: Double = 0.95) -> VarianceInterval {
    VarianceInterval(coordinateSums[p], count: count, estimate: variance(of: p), level: level)
  }
  /// The interval on a block's variance, Y's jointly over the block.
  public func interval(ofBlock b: Int, level: Double = 0.95) -> VarianceInterval {
    VarianceInterval(blockSums[b], count: count, estimate: variance(ofBlock: b), level: level)
  }
  /// Whether there are too few replicates for so heavy a tail; see `HeavyTail`.
  public func isHeavyTailed(block b: Int) -> Bool { HeavyTail.isHeavy(blockGroups[b], count: count) }

  /// Trace of the covariance over a block, with the weights.
  public func variance(ofBlock b: Int) -> Double {
    blocks[b].reduce(0) { $0 + (weights?[$1] ?? 1) * variance(of: $1) }
  }

  /// Chan, Golub and LeVeque's update.
  private mutating func combine(count added: Int, mean addedMean: [Double], squares addedSquares: (Int) -> Double) {
    guard added > 0 else { return }
    let total = Double(count + added), share = Double(added) / total
    for p in mean.indices {
      let delta = addedMean[p] - mean[p]
      mean[p] += delta * share
      // The square of a first mean may be beyond the range of a Double.
      squares[p] += addedSquares(p) + (count > 0 ? delta * delta * Double(count) * share : 0)
    }
    count += added
  }

  /// The lanes that are finite, as a smaller batch; the others are counted.
  private mutating func addFiniteLanes(of gradients: [Double], lanes: Int) {
    let parameters = mean.count
    let finite = (0..<lanes).filter { lane in
      (0..<parameters).allSatisfy { gradients[$0 * lanes + lane].isFinite }
    }
    nonfinite += lanes - finite.count
    if finite.count == lanes {
      // Every value is finite and their sum is not: beyond the range of a Double. Nothing can be said.
      nonfinite += lanes
      return
    }
    guard !finite.isEmpty else { return }
    let packed = (0..<parameters).flatMap { p in finite.map { gradients[p * lanes + $0] } }
    var distances = [Double](repeating: 0, count: blocks.count * finite.count)
    add(packed, lanes: finite.count, distances: &distances)
  }
}

/// Streaming moments of several estimators on the same replicates, and of their pairs.
public struct ComparisonMoments: Sendable {
  public private(set) var entries: [GradientMoments]
  /// Those of one more gradient at the same replicates, which is compared with none.
  public private(set) var companion: GradientMoments?
  /// Cross sums of Y_a and Y_b for the pairs a < b in order, then block by block.
  private var cross: [CrossSums]
  private var distances: [[Double]] = []
  private var companionDistances: [Double] = []
  /// Whether every replicate of the batch was finite, by estimator.
  private var isFinite: [Bool]

  /// - Parameters:
  ///   - blocks: the parts of 0..<P in order and without gaps, and last 0..<P itself.
  ///   - scales: for each estimator a rough variance of each coordinate, `[P]`.
  ///   - weights: of the norm that variances are taken in, `[P]`; nil for the Euclidean one.
  ///   - tails: for each estimator what it takes to keep its tails; empty where none are wanted.
  ///   - comparesPairs: whether ratios of variances are wanted; without, there are no pairs.
  ///   - companion: moments of nothing, of the one more gradient, where there is one.
  public init(
    blocks: [Range<Int>], scales: [[Double]], weights: [Double]? = nil, tails: [TailReference] = [],
    comparesPairs: Bool = true, companion: GradientMoments? = nil
  ) {
    self.companion = companion
    entries = scales.enumerated().map { e, scales in
      GradientMoments(
        blocks: blocks, scales: scales, weights: weights, tail: tails.indices.contains(e) ? tails[e] : nil)
    }
    let count = comparesPairs ? scales.count * (scales.count - 1) / 2 : 0
    cross = Array(repeating: CrossSums(), count: count * blocks.count)
    isFinite = Array(repeating: true, count: scales.count)
  }

  /// Adds a batch: the gradients of each estimator, `[P × B]`, at the same replicates, and then the companion's.
  public mutating func add(_ gradients: [[Double]], lanes: Int) {
    precondition(
      gradients.count == entries.count + (companion == nil ? 0 : 1), "ComparisonMoments: one batch for each estimator")
    if let count = companion?.blocks.count {
      if companionDistances.count != count * lanes {
        companionDistances = Array(repeating: 0, count: count * lanes)
      }
      companion?.add(gradients[entries.count], lanes: lanes, distances: &companionDistances)
    }
    let blocks = entries.first?.blocks.count ?? 0
    if distances.first?.count != blocks * lanes {
      distances = Array(repeating: Array(repeating: 0, count: blocks * lanes), count: entries.count)
    }
    for e in entries.indices {
      isFinite[e] = entries[e].add(gradients[e], lanes: lanes, distances: &distances[e])
    }
    if cross.isEmpty { return }
    var index = 0
    for a in entries.indices {
      for b in entries.indices.dropFirst(a + 1) {
        for block in 0..<blocks {
          defer { index += 1 }
          guard isFinite[a], isFinite[b] else { continue }
          let scales = (entries[a].inverseBlockScales[block], entries[b].inverseBlockScales[block])
          distances[a].withUnsafeBufferPointer { x in
            distances[b].withUnsafeBufferPointer { y in
              guard let x = x.baseAddress, let y = y.baseAddress else { return }
              let offset = block * lanes
              wb_cross_sums(x + offset, scales.0, y + offset, scales.1, &cross[index].sums, lanes)
            }
          }
        }
      }
    }
  }

  /// For each estimator what `GradientMoments.startTails` takes.
  public var tailThresholds: [[Double]] { entries.map(\.tailThresholds) }
  public mutating func startTails(above thresholds: [[Double]]) {
    for (e, thresholds) in zip(entries.indices, thresholds) { entries[e].startTails(above: thresholds) }
  }

  public mutating func merge(_ other: ComparisonMoments) {
    for e in entries.indices { entries[e].merge(other.entries[e]) }
    if let others = other.companion { companion?.merge(others) }
    for i in cross.indices { cross[i].merge(other.cross[i]) }
  }

  /// All a < b, or none where pairs are not compared.
  public var pairs: [(Int, Int)] {
    if cross.isEmpty { return [] }
    return entries.indices.flatMap { a in entries.indices.dropFirst(a + 1).map { (a, $0) } }
  }

  /// V_a / V_b of a block and its interval, for pair number `pair` of `pairs`.
  public func ratio(pair: Int, block: Int, level: Double) -> (estimate: Double, interval: VarianceRatioInterval) {
    let (a, b) = pairs[pair]
    let estimate = entries[a].variance(ofBlock: block) / entries[b].variance(ofBlock: block)
    let blocks = entries[a].blocks.count
    return (
      estimate,
      VarianceRatioInterval(
        cross[pair * blocks + block], meanA: entries[a].scaledMean(ofBlock: block),
        meanB: entries[b].scaledMean(ofBlock: block), count: entries[a].count, estimate: estimate, level: level)
    )
  }
}
