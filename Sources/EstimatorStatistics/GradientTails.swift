/// What it takes to follow the tails of gradients: how many values are kept, and where gradients lie and how far apart, by
/// a few draws made beforehand.
public struct TailReference: Sendable {
  /// Values kept for each block.
  public let capacity: Int
  /// c, the median of each coordinate, `[P]`.
  let centers: [Double]
  /// For each block the |g − c|² that a twentieth of the draws exceed.
  let usual: [Double]

  /// - Parameters:
  ///   - replicates: R at most.
  ///   - gradients: of a few draws, `[P × B]`.
  ///   - weights: of the norm, `[P]`; nil for the Euclidean one.
  public init(replicates: Int, gradients: [Double], lanes: Int, blocks: [Range<Int>], weights: [Double]? = nil) {
    capacity = ParetoTail.size(replicates: replicates) + 1
    centers = (0..<gradients.count / lanes).map { p in
      let median = gradients[p * lanes..<(p + 1) * lanes].sorted()[lanes / 2]
      return median.isFinite ? median : 0
    }
    let c = centers
    usual = blocks.map { block in
      let distances = (0..<lanes).map { lane in
        block.reduce(0.0) {
          let d = gradients[$1 * lanes + lane] - c[$1]
          return $0 + (weights?[$1] ?? 1) * d * d
        }
      }
      return distances.sorted()[lanes * 19 / 20]
    }
  }
}

extension GradientMoments {
  /// The least of the values that may still be among the largest of each block; nothing where no tails are kept.
  public var tailThresholds: [Double] { tails?.thresholds ?? [] }

  /// Takes no value up to these into the tails: more than enough are larger already.
  public mutating func startTails(above thresholds: [Double]) { tails?.start(above: thresholds) }

  /// The tail of |g − E g| over a block; nil where there is none to fit.
  public func tail(ofBlock b: Int) -> ParetoTail? {
    guard let tails else { return nil }
    let size = min(ParetoTail.size(replicates: count), tails.capacity - 1)
    return ParetoTail(descending: tails.largest(size + 1, of: b).map { $0.squareRoot() })
  }

  /// Adds a batch to the tails, by its Y, `[blocks × B]`.
  ///
  /// One huge replicate moves the mean of its batch by a part 1/n of itself, and the others away from it: where that
  /// part is more than a tenth of what is usual, and in batches too small for a mean, distances are taken from c.
  mutating func addTails(_ gradients: [Double], lanes: Int, _ distances: [Double]) {
    guard let reference = tailReference else { return }
    distances.withUnsafeBufferPointer { distances in
      guard let base = distances.baseAddress else { return }
      let part = 0.1 * Double(lanes)
      for b in blocks.indices {
        let row = base + b * lanes
        guard let (largest, above) = tails?.survey(row, count: lanes, of: b) else { return }
        if lanes >= 32, largest <= part * part * reference.usual[b] {
          tails?.add(row, count: lanes, above: above, to: b)
        } else {
          let others = self.distances(gradients, lanes: lanes, from: reference.centers, block: blocks[b])
          tails?.add(others, to: b)
        }
      }
    }
  }

  /// |g − c|² of each lane over a block.
  private func distances(_ gradients: [Double], lanes: Int, from centers: [Double], block: Range<Int>) -> [Double] {
    var distances = [Double](repeating: 0, count: lanes)
    for p in block {
      let center = centers[p], weight = weights?[p] ?? 1
      for lane in 0..<lanes {
        let d = gradients[p * lanes + lane] - center
        distances[lane] += weight * d * d
      }
    }
    return distances
  }
}
