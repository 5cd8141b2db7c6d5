import EstimatorStatistics
import Testing

@Suite struct GradientMomentsTests {
  /// Four coordinates of different sizes and places.
  static func rows(_ count: Int) throws -> [[Double]] {
    let draws = try Draws("rows")
    return [(0.0, 1.0), (3, 0.1), (-1e4, 20), (1e-3, 1e-6)].map { place, size in
      draws.normals(count).map { place + size * $0 }
    }
  }

  @Test(arguments: [[256], [1], [7], [100, 1, 33], [1000]])
  func meanAndVariance(batches: [Int]) throws {
    let rows = try Self.rows(1000), measured = moments(rows, batches: batches)
    #expect(measured.count == 1000 && measured.nonfinite == 0)
    for (p, row) in rows.enumerated() {
      let (mean, variance) = twoPass(row)
      expectClose(measured.mean[p], mean, relative: 1e-14, absolute: 1e-14 * variance.squareRoot())
      expectClose(measured.variance(of: p), variance, relative: 1e-12)
    }
    expectClose(
      measured.variance(ofBlock: 0), rows.reduce(0) { $0 + twoPass($1).variance }, relative: 1e-12)
  }

  @Test func digitsSurviveALargeOffset() throws {
    let rows = [try Draws("offset").normals(5000).map { 1e9 + $0 }]
    let (_, variance) = twoPass(rows[0].map { $0 - 1e9 })
    for batches in [[256], [31], [1]] {
      // A mean near 1e9 is itself known to 1e-7 only.
      expectClose(moments(rows, batches: batches).variance(of: 0), variance, relative: 3e-8)
    }
  }

  @Test func constantGradients() {
    for value in [0.0, 0.5, -3, 0x1p700] {
      let measured = moments([Array(repeating: value, count: 700)])
      #expect(measured.mean == [value] && measured.variance(of: 0) == 0)
      let interval = measured.interval(of: 0)
      #expect(interval.low == 0 && interval.high == 0)
    }
    // A tenth is no binary fraction: its mean may be off by a rounding.
    #expect(moments([Array(repeating: 0.1, count: 700)]).variance(of: 0) < 1e-32)
  }

  @Test func mergingInOrder() throws {
    let rows = try Self.rows(1500)
    func chunk(_ range: Range<Int>) -> GradientMoments { moments(rows.map { Array($0[range]) }) }
    let whole = moments(rows, batches: [256, 256, 256, 232])
    func merged(_ ranges: [Range<Int>]) -> GradientMoments {
      var total = GradientMoments(blocks: [0..<4], scales: Array(repeating: 1, count: 4))
      for range in ranges { total.merge(chunk(range)) }
      return total
    }
    let first = merged([0..<1000, 1000..<1500]), again = merged([0..<1000, 1000..<1500])
    #expect(first.mean == again.mean && first.squares == again.squares && first.blockSums == again.blockSums)
    #expect(first.blockGroups == again.blockGroups && first.coordinateSums == again.coordinateSums)
    #expect(first.count == 1500)
    for p in 0..<4 {
      expectClose(first.mean[p], whole.mean[p], relative: 1e-14)
      expectClose(first.variance(of: p), whole.variance(of: p), relative: 1e-12)
    }
    expectClose(first.kurtosis(ofBlock: 0), whole.kurtosis(ofBlock: 0), relative: 1e-2)
    // What is empty adds nothing, to the last digit.
    let alone = chunk(0..<1000), once = merged([0..<1000])
    #expect(once.mean == alone.mean && once.squares == alone.squares && once.blockSums == alone.blockSums)
    var more = alone
    more.merge(GradientMoments(blocks: [0..<4], scales: Array(repeating: 1, count: 4)))
    #expect(more.mean == alone.mean && more.squares == alone.squares && more.count == 1000)
  }

  /// Where batches end moves the interval by far less than its width.
  @Test func batchingHardlyMovesTheInterval() throws {
    let rows = try Self.rows(4096)
    let wide = moments(rows, blocks: [0..<1, 1..<4, 0..<4]).interval(ofBlock: 0)
    for batches in [[32], [64, 96], [4096]] {
      let other = moments(rows, blocks: [0..<1, 1..<4, 0..<4], batches: batches).interval(ofBlock: 0)
      expectClose(other.low, wide.low, absolute: 0.03 * (wide.high - wide.low))
      expectClose(other.high, wide.high, absolute: 0.03 * (wide.high - wide.low))
    }
  }

  @Test func nonfiniteReplicatesAreCountedAndLeftOut() throws {
    let rows = try Self.rows(600)
    var spoiled = rows
    spoiled[0][3] = .nan
    spoiled[2][3] = .infinity
    spoiled[1][300] = -.infinity
    spoiled[3][599] = .nan
    let kept = rows.map { row in row.indices.filter { ![3, 300, 599].contains($0) }.map { row[$0] } }
    let measured = moments(spoiled)
    #expect(measured.nonfinite == 3 && measured.count == 597)
    for p in 0..<4 {
      let (mean, variance) = twoPass(kept[p])
      expectClose(measured.mean[p], mean, relative: 1e-14, absolute: 1e-14 * variance.squareRoot())
      expectClose(measured.variance(of: p), variance, relative: 1e-12)
    }
    #expect(measured.blockSums.allSatisfy { $0.p4.isFinite })
  }

  @Test func nothingFinite() {
    let measured = moments([Array(repeating: .nan, count: 300), Array(repeating: 1, count: 300)])
    #expect(measured.nonfinite == 300 && measured.count == 0)
    #expect(measured.variance(of: 1).isNaN && measured.variance(ofBlock: 0).isNaN)
    #expect(measured.interval(ofBlock: 0).low.isNaN && measured.isHeavyTailed(block: 0))
    // Infinities of both signs, and finite values whose sum is not.
    #expect(moments([[.infinity, -.infinity]]).nonfinite == 2)
    let huge = moments([Array(repeating: Double.greatestFiniteMagnitude, count: 20)])
    #expect(huge.nonfinite == 20 && huge.count == 0)
  }

  @Test func oneFiniteReplicateABatch() {
    // Every other value is lost: batches of one, whose means still have a variance.
    let measured = moments([[1, .nan, 2, .nan, 4, .nan]], batches: [2])
    #expect(measured.count == 3 && measured.nonfinite == 3)
    expectClose(measured.variance(of: 0), 7.0 / 3, relative: 1e-15)
    let interval = measured.interval(ofBlock: 0)
    #expect(interval.low == 0 && interval.high == .infinity)
  }

  @Test func tooFewReplicates() {
    let one = moments([[5]])
    #expect(one.count == 1 && one.mean == [5] && one.variance(of: 0).isNaN && one.interval(of: 0).low.isNaN)
    let two = moments([[5, 8]])
    #expect(two.variance(of: 0) == 4.5)
    let interval = two.interval(of: 0)
    #expect(0 <= interval.low && interval.low < 4.5 && 4.5 < interval.high && two.isHeavyTailed(block: 0))
  }

  @Test func kurtosisOfANormalCoordinateIsThree() throws {
    let values = try Draws("kurtosis").normals(200_000)
    // Its standard error is √(96/R) for a normal law.
    let error = (96.0 / 200_000).squareRoot()
    expectClose(moments([values]).kurtosis(ofBlock: 0), 3, absolute: 4 * error)
    // The mean of a batch is not exactly zero.
    expectClose(moments([values.map { $0 > 0 ? 1 : -1 }]).kurtosis(ofBlock: 0), 1, absolute: 0.02)
  }

  @Test func comparisonsKeepEveryEntry() throws {
    let rows = try Self.rows(900)
    var comparison = ComparisonMoments(blocks: [0..<1, 1..<2, 0..<2], scales: [[1, 0.01], [400, 1e-12], [1, 1]])
    let third = [rows[1], rows[0]]
    let batches = [[rows[0], rows[1]], [rows[2], rows[3]], third].map { split($0, into: [256]) }
    for i in batches[0].indices { comparison.add(batches.map { $0[i].gradients }, lanes: batches[0][i].lanes) }
    #expect(comparison.pairs.map { [$0.0, $0.1] } == [[0, 1], [0, 2], [1, 2]])
    let alone = moments([rows[2], rows[3]], blocks: [0..<1, 1..<2, 0..<2], scales: [400, 1e-12])
    #expect(comparison.entries[1].squares == alone.squares && comparison.entries[1].blockSums == alone.blockSums)
    let (ratio, interval) = comparison.ratio(pair: 1, block: 2, level: 0.95)
    // The same two coordinates in the other order.
    expectClose(ratio, 1, relative: 1e-13)
    expectClose(interval.low, 1, relative: 1e-6)
    expectClose(interval.high, 1, relative: 1e-6)
  }
}
