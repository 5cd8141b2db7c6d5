import EstimatorStatistics
import Foundation
import Testing

@Suite struct VarianceIntervalTests {
  static func interval(_ values: [Double], scale: Double = 1, level: Double = 0.95) -> VarianceInterval {
    VarianceInterval(
      PowerSums(values, scale: scale), count: values.count,
      estimate: values.reduce(0, +) / Double(values.count), level: level)
  }

  /// The formula of the documentation, written down again.
  @Test func formula() throws {
    let y = try Draws("formula").normals(2000).map { $0 * $0 }
    let n = 2000.0, v = y.reduce(0, +) / n
    func moment(_ k: Double) -> Double { y.reduce(0) { $0 + pow(abs($1 - v), k) * ($1 < v && k == 3 ? -1 : 1) } / n }
    let skewness = moment(3) / pow(moment(2), 1.5), kurtosis = moment(4) / (moment(2) * moment(2))
    let c = (moment(2) / (v * v) + 2 / (n - 1)).squareRoot(), s = n.squareRoot(), a = skewness / 3
    for level in [0.9, 0.95, 0.999] {
      let t = StudentDistribution.quantile(0.5 + level / 2, degrees: 2 * n / (kurtosis - 1))
      func psi(_ x: Double) -> Double { s / a * (cbrt(1 + 3 * a / s * (x - skewness / (6 * s))) - 1) }
      let interval = Self.interval(y, scale: 0.8, level: level)
      expectClose(interval.low, v * exp(-c / s * psi(t)), relative: 1e-10)
      expectClose(interval.high, v * exp(-c / s * psi(-t)), relative: 1e-10)
    }
  }

  @Test func holdsTheEstimateAndGrowsWithTheLevel() throws {
    let draws = try Draws("nested")
    for power in [1.0, 2, 4] {
      let y = draws.normals(500).map { pow(abs($0), power) }, v = y.reduce(0, +) / 500
      var last = (low: v, high: v)
      for level in [0.5, 0.8, 0.95, 0.999, 0.99999] {
        let interval = Self.interval(y, level: level)
        #expect(0 < interval.low && interval.low < last.low && last.high < interval.high && interval.high.isFinite)
        last = (interval.low, interval.high)
      }
    }
  }

  @Test func withoutVariance() {
    let zero = Self.interval(Array(repeating: 0, count: 1000))
    #expect(zero.low == 0 && zero.high == 0)
    for estimate in [Double.nan, .infinity] {
      let none = VarianceInterval(PowerSums([1, 2], scale: 1), count: 2, estimate: estimate)
      #expect(none.low.bitPattern == estimate.bitPattern && none.high.bitPattern == estimate.bitPattern)
    }
  }

  /// Gradients of ±1: Y is constant, and what is left is the error of the mean that Y is taken about.
  @Test(arguments: [300, 1000, 100_000])
  func constantDistances(count: Int) {
    let radius = 1.959963984540054 * (2 / (Double(count) * Double(count - 1))).squareRoot()
    let interval = Self.interval(Array(repeating: 4, count: count), scale: 4)
    expectClose(interval.low, 4 * exp(-radius), relative: 1e-6)
    expectClose(interval.high, 4 * exp(radius), relative: 1e-6)
  }

  @Test func twoReplicates() {
    let interval = Self.interval([1, 1])
    #expect(0 < interval.low && interval.low < 1 && 1 < interval.high && interval.high.isFinite)
  }

  /// In units of 1e-20, 1e20 and 1e100 everything is the same, where a rough scale is known.
  @Test(arguments: [1e-100, 1e-20, 1e20, 1e100])
  func unitsDoNotMatter(unit: Double) throws {
    let draws = try Draws("units"), first = draws.normals(1000), second = draws.normals(1000)
    func comparison(_ unit: Double) -> ComparisonMoments {
      var all = ComparisonMoments(
        blocks: [0..<1, 1..<2, 0..<2],
        scales: [[0.7 * unit * unit, 1.9 * unit * unit], [2 * unit * unit, unit * unit]])
      for (a, b) in zip(split([first, second], into: [256]), split([second, first.map { $0 * $0 }], into: [256])) {
        all.add([a.gradients.map { $0 * unit }, b.gradients.map { $0 * unit }], lanes: a.lanes)
      }
      return all
    }
    let plain = comparison(1), scaled = comparison(unit)
    for e in 0..<2 {
      for b in 0..<2 {
        let one = plain.entries[e], other = scaled.entries[e]
        let factor = one.variance(ofBlock: b) / other.variance(ofBlock: b)
        expectClose(factor, 1 / (unit * unit), relative: 1e-12)
        expectClose(other.interval(ofBlock: b).low * factor, one.interval(ofBlock: b).low, relative: 1e-11)
        expectClose(other.interval(ofBlock: b).high * factor, one.interval(ofBlock: b).high, relative: 1e-11)
        expectClose(other.interval(of: b).high * factor, one.interval(of: b).high, relative: 1e-11)
        expectClose(other.kurtosis(ofBlock: b), one.kurtosis(ofBlock: b), relative: 1e-11)
        expectClose(other.blockGroups[b].medianKurtosis, one.blockGroups[b].medianKurtosis, relative: 1e-11)
        #expect(other.isHeavyTailed(block: b) == one.isHeavyTailed(block: b))
      }
    }
    let (ratio, interval) = plain.ratio(pair: 0, block: 2, level: 0.95)
    let (scaledRatio, scaledInterval) = scaled.ratio(pair: 0, block: 2, level: 0.95)
    expectClose(scaledRatio, ratio, relative: 1e-12)
    expectClose(scaledInterval.low, interval.low, relative: 1e-11)
    expectClose(scaledInterval.high, interval.high, relative: 1e-11)
  }

  /// A rough scale may be wrong by a factor of a thousand.
  @Test(arguments: [1e-3, 1e3])
  func theScaleDoesNotMatter(factor: Double) throws {
    let y = try Draws("scale").normals(1000).map { $0 * $0 }
    expectClose(Self.interval(y, scale: factor).low, Self.interval(y).low, relative: 1e-7)
    expectClose(Self.interval(y, scale: factor).high, Self.interval(y).high, relative: 1e-7)
  }
}

@Suite struct VarianceRatioIntervalTests {
  static func comparison(_ a: [Double], _ b: [Double], scales: (Double, Double) = (1, 1)) -> ComparisonMoments {
    var all = ComparisonMoments(blocks: [0..<1], scales: [[scales.0], [scales.1]])
    for (x, y) in zip(split([a], into: [256]), split([b], into: [256])) {
      all.add([x.gradients, y.gradients], lanes: x.lanes)
    }
    return all
  }

  @Test func sameEstimatorTwice() throws {
    let values = try Draws("twice").normals(1000)
    let (ratio, interval) = Self.comparison(values, values).ratio(pair: 0, block: 0, level: 0.95)
    #expect(ratio == 1 && interval.low == 1 && interval.high == 1)
  }

  /// A multiple of the other estimator has a known ratio: no error, though both variances have one.
  @Test func multiples() throws {
    let values = try Draws("multiples").normals(1000)
    let all = Self.comparison(values.map { 3 * $0 }, values, scales: (8, 1.1))
    let (ratio, interval) = all.ratio(pair: 0, block: 0, level: 0.95)
    expectClose(ratio, 9, relative: 1e-12)
    #expect(interval.low == ratio && interval.high == ratio)
  }

  /// ψ is odd in its argument and the skewness together, so b against a is the reciprocal of a against b.
  @Test(arguments: [1.0, 2, 3])
  func theOtherWayRound(power: Double) throws {
    let draws = try Draws("reciprocal \(power)"), z = draws.normals(1500), own = draws.normals(1500)
    let a = z.map { pow(abs($0), power) }, b = zip(z, own).map { $0 + 0.5 * $1 }
    for level in [0.95, 0.9995] {
      let (ratio, interval) = Self.comparison(a, b, scales: (1, 2)).ratio(pair: 0, block: 0, level: level)
      let (inverse, other) = Self.comparison(b, a, scales: (2, 1)).ratio(pair: 0, block: 0, level: level)
      expectClose(inverse, 1 / ratio, relative: 1e-14)
      expectClose(other.low, 1 / interval.high, relative: 1e-10)
      expectClose(other.high, 1 / interval.low, relative: 1e-10)
      #expect(interval.low < ratio && ratio < interval.high)
    }
  }

  /// Pairing is what makes it narrow.
  @Test func narrowerThanTheVariancesAlone() throws {
    let draws = try Draws("pairing"), z = draws.normals(2000), own = draws.normals(2000)
    let all = Self.comparison(z, zip(z, own).map { $0 + 0.1 * $1 })
    let (ratio, interval) = all.ratio(pair: 0, block: 0, level: 0.95)
    let alone = all.entries[0].interval(ofBlock: 0)
    #expect((interval.high - interval.low) / ratio < 0.3 * (alone.high - alone.low) / all.entries[0].variance(of: 0))
  }

  @Test func withoutVariance() {
    let values = (0..<300).map { Double($0 % 7) }, zeros = values.map { _ in 0.0 }
    let (ratio, interval) = Self.comparison(zeros, values).ratio(pair: 0, block: 0, level: 0.95)
    #expect(ratio == 0 && interval.low == 0 && interval.high == 0)
    let (infinite, unbounded) = Self.comparison(values, zeros).ratio(pair: 0, block: 0, level: 0.95)
    #expect(infinite == .infinity && unbounded.low == .infinity && unbounded.high == .infinity)
    #expect(Self.comparison(zeros, zeros).ratio(pair: 0, block: 0, level: 0.95).estimate.isNaN)
  }
}
