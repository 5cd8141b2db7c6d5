import EstimatorStatistics
import Testing

/// The kernels' sums against the plain initialisers.
@Suite struct PowerSumsTests {
  /// Small integers of mean zero, one more than a power of two of them: every sum is exact.
  static func integers(_ count: Int, seed: Int) -> [Double] {
    let half = (0..<count / 2).map { Double(($0 * (seed * $0 + 7) + seed) % 5 - 2) }
    return half + [0] + half.reversed().map { -$0 }
  }

  static func distances(_ rows: [[Double]]) -> [Double] {
    let n = Double(rows[0].count)
    return rows[0].indices.map { lane in rows.reduce(0) { $0 + $1[lane] * $1[lane] } * n / (n - 1) }
  }

  @Test(arguments: [3, 5, 9, 17, 33, 65, 129, 257])
  func exactInSmallIntegers(lanes: Int) {
    let rows = [Self.integers(lanes, seed: 1), Self.integers(lanes, seed: 2), Self.integers(lanes, seed: 5)]
    // Scales of coordinates and of the sum over both are powers of two.
    let blocks = [0..<1, 1..<2, 2..<3, 0..<3]
    let measured = moments(rows, blocks: blocks, scales: [2, 8, 0.5], batches: [lanes])
    for (b, scale) in [2.0, 8, 0.5].enumerated() {
      let y = Self.distances([rows[b]])
      #expect(measured.blockSums[b] == PowerSums(y, scale: scale))
      #expect(measured.blockGroups[b] == GroupSums(y, scale: scale))
    }
    let jointly = moments(rows, scales: [1, 2, 1], batches: [lanes])
    let y = Self.distances(rows)
    #expect(jointly.blockSums[0] == PowerSums(y, scale: 4))
    #expect(jointly.blockGroups[0] == GroupSums(y, scale: 4))
    for (p, scale) in [1.0, 2, 1].enumerated() {
      #expect(jointly.coordinateSums[p] == PowerSums(Self.distances([rows[p]]), scale: scale))
    }
  }

  /// The whole holds its parts, and each coordinate counts once.
  @Test func partsAndWhole() {
    let rows = [Self.integers(33, seed: 1), Self.integers(33, seed: 4)]
    let measured = moments(rows, blocks: [0..<1, 1..<2, 0..<2], batches: [33])
    for p in 0..<2 { #expect(measured.coordinateSums[p] == PowerSums(Self.distances([rows[p]]), scale: 1)) }
    #expect(measured.blockSums[2] == PowerSums(Self.distances(rows), scale: 2))
    #expect(measured.blockSums[0] == measured.coordinateSums[0])
  }

  @Test(arguments: [1, 2, 7, 8, 15, 16, 31, 250, 256])
  func anyNumberOfLanes(lanes: Int) throws {
    let values = try Draws("lanes").normals(lanes)
    let (mean, _) = twoPass(values + [values[0]]), average = values.reduce(0, +) / Double(lanes)
    let y = values.map { lanes == 1 ? 0 : ($0 - average) * ($0 - average) * Double(lanes) / Double(lanes - 1) }
    let measured = moments([values], scales: [0.7], batches: [lanes])
    let plain = PowerSums(y, scale: 0.7)
    #expect(mean.isFinite && measured.count == lanes)
    for (sum, expected) in [
      (measured.blockSums[0].p1, plain.p1), (measured.blockSums[0].p2, plain.p2),
      (measured.blockSums[0].p3, plain.p3), (measured.blockSums[0].p4, plain.p4),
    ] { expectClose(sum, expected, relative: 1e-12, absolute: 1e-12) }
    expectClose(measured.blockGroups[0].medianKurtosis, GroupSums(y, scale: 0.7).medianKurtosis, relative: 1e-12)
  }

  @Test func medianKurtosis() {
    // Sixteen groups of two: E[Y²]/E[Y]² = 2 where one of them is zero, 1 where both are equal or both zero.
    func groups(_ lonely: Int) -> GroupSums {
      GroupSums((0..<32).map { $0 >= 16 && $0 - 16 < lonely ? 0 : 3 }, scale: 1)
    }
    #expect(groups(0).medianKurtosis == 1)
    #expect(groups(7).medianKurtosis == 1)
    #expect(groups(8).medianKurtosis == 1.5)
    #expect(groups(9).medianKurtosis == 2)
    #expect(GroupSums(Array(repeating: 0, count: 64), scale: 1).medianKurtosis == 1)
    #expect(GroupSums().medianKurtosis == 1)
    // A single huge value moves one group of sixteen.
    #expect(GroupSums([1e12] + Array(repeating: 1, count: 319), scale: 1).medianKurtosis == 1)
    #expect(GroupSums(Array(repeating: 1e200, count: 64), scale: 1).medianKurtosis == .infinity)
  }

  /// Through the interval, for the sums of a pair are nobody's business.
  @Test(arguments: [17, 100, 256])
  func crossSums(lanes: Int) throws {
    let draws = try Draws("cross sums \(lanes)")
    let a = draws.normals(lanes), own = draws.normals(lanes)
    let b = zip(a, own).map { 0.3 * $0 + 2 * $1 }
    var comparison = ComparisonMoments(blocks: [0..<1], scales: [[1.3], [0.9]])
    comparison.add([a, b], lanes: lanes)
    func distances(_ values: [Double]) -> [Double] {
      let mean = values.reduce(0, +) / Double(lanes)
      return values.map { ($0 - mean) * ($0 - mean) * Double(lanes) / Double(lanes - 1) }
    }
    let ya = distances(a), yb = distances(b), n = Double(lanes)
    let plain = VarianceRatioInterval(
      CrossSums(ya, scaleA: 1.3, yb, scaleB: 0.9), meanA: ya.reduce(0, +) / 1.3 / n,
      meanB: yb.reduce(0, +) / 0.9 / n, count: lanes, estimate: twoPass(a).variance / twoPass(b).variance)
    let (estimate, interval) = comparison.ratio(pair: 0, block: 0, level: 0.95)
    expectClose(estimate, twoPass(a).variance / twoPass(b).variance, relative: 1e-12)
    expectClose(interval.low, plain.low, relative: 1e-9)
    expectClose(interval.high, plain.high, relative: 1e-9)
  }
}
