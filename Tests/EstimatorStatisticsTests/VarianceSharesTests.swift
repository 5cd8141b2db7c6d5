import EstimatorStatistics
import Foundation
import Testing

@Suite struct VarianceSharesTests {
  static let blocks = [0..<1, 1..<3, 0..<3]

  /// Pairs of three coordinates m_p + a_p s_p + b_p e_p, with s shared: shares a² and b².
  static func shares(_ pairs: Int, batch: Int, weights: [Double]? = nil, role: String) throws -> VarianceShares {
    let draws = try Draws(role), a = [1.0, 0.5, 0], b = [2.0, 0.5, 3], m = [1e3, -2, 0]
    var total = VarianceShares(blocks: blocks, weights: weights)
    for start in stride(from: 0, to: pairs, by: batch) {
      let lanes = min(batch, pairs - start)
      var first: [Double] = [], second: [Double] = []
      for p in 0..<3 {
        let s = draws.normals(lanes), e = draws.normals(lanes), other = draws.normals(lanes)
        first += (0..<lanes).map { m[p] + a[p] * s[$0] + b[p] * e[$0] }
        second += (0..<lanes).map { m[p] + a[p] * s[$0] + b[p] * other[$0] }
      }
      var part = VarianceShares(blocks: blocks, weights: weights)
      part.add(first, second, lanes: lanes)
      total.merge(part)
    }
    return total
  }

  /// Repeated, each figure has its truth on average, and its interval holds it in 95 % of cases.
  @Test(arguments: [(32, nil), (256, [1.0, 2, 0.5])] as [(Int, [Double]?)])
  func partsOfNormals(_ batch: Int, weights: [Double]?) throws {
    let w = weights ?? [1, 1, 1], a2 = [1, 0.25, 0], b2 = [4, 0.25, 9]
    let repetitions = 200
    var held = 0, count = 0
    for b in Self.blocks.indices {
      let data = Self.blocks[b].reduce(0) { $0 + w[$1] * a2[$1] },
        rest = Self.blocks[b].reduce(0) { $0 + w[$1] * b2[$1] }
      var sums = [0.0, 0, 0], errors = [0.0, 0, 0]
      for r in 0..<repetitions {
        let shares = try Self.shares(1000, batch: batch, weights: weights, role: "shares \(batch) \(b) \(r)")
        let parts = try #require(shares.parts(ofBlock: b))
        for (i, (figure, truth)) in zip(
          [parts.minibatch, parts.draws, parts.share], [data, rest, data / (data + rest)]
        ).enumerated() {
          count += 1
          held += figure.low <= truth && truth <= figure.high ? 1 : 0
          sums[i] += figure.value - truth
          errors[i] += pow((figure.high - figure.low) / (2 * 1.959963984540054), 2)
        }
      }
      // The share is a ratio, off by the order of 1/1000 of itself.
      for i in 0..<3 {
        #expect(abs(sums[i]) < 4.5 * errors[i].squareRoot() + (i == 2 ? 0.002 * Double(repetitions) : 0))
      }
    }
    // Of 1800, in part the same draws: 95 % ± 2.5.
    #expect((0.925...0.975).contains(Double(held) / Double(count)), "\(held) of \(count)")
  }

  @Test func whatCannotBeTold() {
    var shares = VarianceShares(blocks: [0..<1])
    #expect(shares.parts(ofBlock: 0) == nil)
    shares.add([1, 1, 1, 1], [1, 1, 1, 1], lanes: 4)
    #expect(shares.parts(ofBlock: 0) == nil)
    shares.add([1, .nan, 3, 2], [2, 5, 1, .infinity], lanes: 4)
    #expect(shares.count == 6 && shares.parts(ofBlock: 0) != nil)
  }
}

@Suite struct GradientCovarianceTests {
  static func rows(_ count: Int) throws -> [[Double]] {
    let draws = try Draws("covariance"), x = draws.normals(count), y = draws.normals(count), z = draws.normals(count)
    return [x, zip(x, y).map { 1e4 + $0 + 2 * $1 }, z.map { 1e-3 * $0 }, zip(x, z).map { -3 * $0 + 0.1 * $1 }]
  }

  @Test(arguments: [1, 7, 128, 5000]) func againstTwoPasses(_ batch: Int) throws {
    let rows = try Self.rows(5000), means = rows.map { $0.reduce(0, +) / 5000 }
    var covariance = GradientCovariance(dimension: 4)
    for start in stride(from: 0, to: 5000, by: batch) {
      let end = min(start + batch, 5000)
      covariance.add(rows.flatMap { $0[start..<end] }, lanes: end - start)
    }
    #expect(covariance.count == 5000)
    func wanted(_ i: Int, _ j: Int) -> Double {
      zip(rows[i], rows[j]).reduce(0) { $0 + ($1.0 - means[i]) * ($1.1 - means[j]) } / 4999
    }
    for i in 0..<4 {
      for j in 0..<4 {
        let scale = (wanted(i, i) * wanted(j, j)).squareRoot()
        expectClose(covariance.covariance(i, j), wanted(i, j), absolute: 1e-11 * scale)
        expectClose(try #require(covariance.correlation(i, j)), wanted(i, j) / scale, absolute: 1e-11)
      }
      expectClose(try #require(covariance.correlation(i, i)), 1, absolute: 1e-15)
    }
    // Sums of eigenvalues, of their squares and of their cubes are traces of powers of the matrix.
    for weights in [nil, [1.0, 0.25, 1e6, 2]] as [[Double]?] {
      let values = try #require(covariance.eigenvalues(weights: weights)), w = weights ?? [1, 1, 1, 1]
      let c = (0..<4).map { i in (0..<4).map { (w[i] * w[$0]).squareRoot() * covariance.covariance(i, $0) } }
      func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
        a.map { row in (0..<4).map { j in (0..<4).reduce(0) { $0 + row[$1] * b[$1][j] } } }
      }
      func trace(_ a: [[Double]]) -> Double { (0..<4).reduce(0) { $0 + a[$1][$1] } }
      let square = product(c, c)
      expectClose(values.reduce(0, +), trace(c), relative: 1e-12)
      expectClose(values.reduce(0) { $0 + $1 * $1 }, trace(square), relative: 1e-12)
      expectClose(values.reduce(0) { $0 + $1 * $1 * $1 }, trace(product(square, c)), relative: 1e-12)
      #expect(values == values.sorted(by: >) && values.count == 4)
    }
  }

  @Test func whatIsNotFiniteIsLeftOut() throws {
    var covariance = GradientCovariance(dimension: 2)
    covariance.add([1, .nan, 3, 1, 2, .infinity], lanes: 3)
    #expect(covariance.count == 1 && covariance.covariance(0, 0).isNaN && covariance.correlation(0, 1) == nil)
    #expect(covariance.eigenvalues() == nil)
    covariance.add([1, 1, 5, 3], lanes: 2)
    // The first coordinate is 1 throughout.
    #expect(covariance.count == 3 && covariance.correlation(0, 1) == nil)
    #expect(try #require(covariance.eigenvalues()).last == 0)
  }
}
