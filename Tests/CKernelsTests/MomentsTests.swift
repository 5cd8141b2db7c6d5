import CKernels
import Foundation
import Testing

/// The sums against their definitions. Counts around the 8 partial sums and the 16 groups.
@Suite struct MomentsTests {
  static let counts = [1, 3, 7, 8, 9, 15, 16, 17, 100, 257]

  @Test(arguments: counts) func sumAndRowMeans(_ n: Int) {
    var random = SeededGenerator(state: 1)
    let rows = random.numbers(3 * n)
    var means = [Double](repeating: .nan, count: 3)
    wb_row_means(rows, &means, 3, n)
    let wanted = (0..<3).map { rows[$0 * n..<($0 + 1) * n].reduce(0, +) / Double(n) }
    #expect(largestError(means, wanted) < 1e-14)
  }

  @Test(arguments: counts) func rowDeviations(_ n: Int) {
    var random = SeededGenerator(state: 2)
    let rows = random.numbers(2 * n), means = random.numbers(2), scales = random.numbers(2, in: 0.5...1)
    let start = random.numbers(10), startDistance = random.numbers(n)
    var sums = start, distance = startDistance, wanted = start, wantedDistance = startDistance
    wb_row_deviations(rows, means, 0.7, scales, nil, &sums, &distance, 2, n)
    for p in 0..<2 {
      for lane in 0..<n {
        let y = 0.7 * pow(rows[p * n + lane] - means[p], 2), e = y * scales[p] - 1
        for (j, term) in [y, e, e * e, pow(e, 3), pow(e, 4)].enumerated() { wanted[5 * p + j] += term }
        wantedDistance[lane] += y
      }
    }
    #expect(largestError(sums, wanted) < 1e-13)
    #expect(largestError(distance, wantedDistance) < 1e-14)

    // Weights are of the distance alone.
    var (weightedSums, weighted) = (start, [Double](repeating: 0, count: n))
    wb_row_deviations(rows, means, 0.7, scales, [2.0, 0.3], &weightedSums, &weighted, 2, n)
    #expect(weightedSums == sums)
    let wantedWeighted = (0..<n).map { lane in
      0.7 * (2 * pow(rows[lane] - means[0], 2) + 0.3 * pow(rows[n + lane] - means[1], 2))
    }
    #expect(largestError(weighted, wantedWeighted) < 1e-14)
  }

  @Test(arguments: counts) func valuesAbove(_ n: Int) {
    var random = SeededGenerator(state: 6)
    let values = random.numbers(n)
    for threshold in [-2.0, 0, values[n / 2], 2, .infinity] {
      let wanted = values.filter { $0 > threshold }
      var largest = 0.0, out = [Double](repeating: .nan, count: wanted.count)
      #expect(wb_count_above(values, threshold, &largest, n) == wanted.count)
      #expect(largest == values.max())
      #expect(wb_collect_above(values, threshold, &out, wanted.count, n) == wanted.count && out == wanted)
    }
    for factor in [0.4, 0.01, -3, -1e9] {
      let logs = values.map { log1p(-factor * abs($0)) }
      let mean = wb_mean_log_complement(values.map { abs($0) }, factor, n)
      #expect(abs(mean - logs.reduce(0, +) / Double(n)) < 1e-14 * max(1, logs.map { abs($0) }.max() ?? 0))
    }
  }

  @Test(arguments: counts) func rowProducts(_ n: Int) {
    var random = SeededGenerator(state: 7)
    let rows = random.numbers(3 * n), start = random.numbers(6)
    var products = start, wanted = start, index = 0
    wb_row_products(rows, &products, 3, n)
    for i in 0..<3 {
      for j in i..<3 {
        for lane in 0..<n { wanted[index] += rows[i * n + lane] * rows[j * n + lane] }
        index += 1
      }
    }
    #expect(largestError(products, wanted) < 1e-13)
  }

  /// The second differences on n points: 2 − 2 cos(jπ/(n + 1)).
  @Test func symmetricEigenvalues() {
    let n = 12
    var matrix = [Double](repeating: 0, count: n * n), values = [Double](repeating: .nan, count: n)
    for i in 0..<n {
      for j in 0..<n { matrix[i * n + j] = i == j ? 2 : abs(i - j) == 1 ? -1 : 0 }
    }
    #expect(wb_symmetric_eigenvalues(&matrix, &values, n) == 0)
    let wanted = (1...n).map { 2 - 2 * cos(Double($0) * Double.pi / Double(n + 1)) }
    #expect(largestError(values.sorted(), wanted) < 1e-13)
  }

  @Test(arguments: counts) func powerSums(_ n: Int) {
    var random = SeededGenerator(state: 3)
    let values = random.numbers(n, in: 0...3), start = random.numbers(4), startGroups = random.numbers(48)
    var sums = start, groups = startGroups, wanted = start, wantedGroups = startGroups
    wb_power_sums(values, 0.8, &sums, &groups, n)
    for (i, value) in values.enumerated() {
      let y = 0.8 * value
      for j in 0..<4 { wanted[j] += pow(y - 1, Double(j + 1)) }
      for (j, term) in [1, y, y * y].enumerated() { wantedGroups[16 * j + i % 16] += term }
    }
    #expect(largestError(sums, wanted) < 1e-13)
    #expect(largestError(groups, wantedGroups) < 1e-13)
  }

  @Test(arguments: counts) func crossSums(_ n: Int) {
    // Exponents of D and S, in the order that CKernels.h gives.
    let powers = [
      (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3), (4, 0), (3, 1), (2, 2), (1, 3), (0, 4),
    ]
    var random = SeededGenerator(state: 4)
    let a = random.numbers(n, in: 0...3), b = random.numbers(n, in: 0...2), start = random.numbers(14)
    var sums = start, wanted = start
    wb_cross_sums(a, 0.6, b, 1.1, &sums, n)
    for (x, y) in zip(a, b) {
      let d = 0.6 * x - 1.1 * y, s = 0.5 * (0.6 * x + 1.1 * y) - 1
      for (j, power) in powers.enumerated() { wanted[j] += pow(d, Double(power.0)) * pow(s, Double(power.1)) }
    }
    #expect(largestError(sums, wanted) < 1e-13)
  }

  @Test func columnsArePlaced() {
    var wide = [Double](repeating: -1, count: 10)
    wb_place_columns([1, 2, 3, 4], 2, 2, &wide, 5, 2)
    #expect(wide == [-1, -1, 1, 2, -1, -1, -1, 3, 4, -1])
  }
}
