import CGSL
import Foundation
import Randomness
import Testing

/// What is special to the normals of `xoshiro256x8`: tails, and independence where its making could break it: across
/// the lanes, within a pair of Box and Muller's, from group to group, and across streams. Moments, as of every
/// generator, are in `RandomStreamTests`; more draws are in `Benchmarks`.
///
/// Probabilities are exact. A statistic fails below 10⁻⁵ divided by the number of those that one test looks at.
@Suite struct BulkNormalTests {
  static let level = 1e-5

  static func generator() throws -> Generator { try #require(Generator.named("xoshiro256x8")) }

  /// Calls `body` with `blocks` blocks of normals of one stream.
  static func forEachBlock(
    stream index: UInt, blocks: Int, size: Int = 16_384, _ body: ([Double]) -> Void
  ) throws {
    var stream = try RandomStream(try generator(), index: index)
    var numbers = [Double](repeating: 0, count: size)
    for _ in 0..<blocks {
      var span = numbers.mutableSpan
      stream.fillNormals(&span)
      body(numbers)
    }
  }

  /// The largest |z|, and whether so large a one of `count` is credible.
  static func expectCredible(_ z: [Double], _ what: Comment) {
    let largest = z.map(abs).max() ?? .infinity
    #expect(erfc(largest / 2.0.squareRoot()) * Double(z.count) > level, "\(what): |z| of \(largest)")
  }

  /// Means of the Hermite polynomials He₁…He₄ of 3·10⁷ normals; they are uncorrelated, of variance j!.
  @Test func moments() throws {
    var sums = [0.0, 0, 0, 0], count = 0.0
    try Self.forEachBlock(stream: 21, blocks: 1831) { numbers in
      var (a, b, c, d) = (0.0, 0.0, 0.0, 0.0)
      for x in numbers {
        let square = x * x
        a += x
        b += square - 1
        c += x * (square - 3)
        d += square * (square - 6) + 3
      }
      for (place, sum) in [a, b, c, d].enumerated() { sums[place] += sum }
      count += Double(numbers.count)
    }
    Self.expectCredible(zip(sums, [1, 2, 6, 24]).map { $0 / (count * $1).squareRoot() }, "moments")
  }

  /// 1000 cells of equal width on ±4 and the two beyond, of 2·10⁷ normals.
  @Test func histogram() throws {
    let cells = 1000, width = 8 / Double(cells)
    var counts = [Double](repeating: 0, count: cells + 2), total = 0.0
    try Self.forEachBlock(stream: 22, blocks: 1221) { numbers in
      for x in numbers { counts[x < -4 ? 0 : x >= 4 ? cells + 1 : Int((x + 4) / width) + 1] += 1 }
      total += Double(numbers.count)
    }
    func below(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }
    var statistic = 0.0
    for cell in counts.indices {
      let (low, high) = (-4 + width * Double(cell - 1), -4 + width * Double(cell))
      // From the nearer tail, so that no digits cancel.
      let mass =
        cell == 0 || cell == cells + 1
        ? below(-4) : low >= 0 ? below(-low) - below(-high) : below(high) - below(low)
      statistic += (counts[cell] - total * mass) * (counts[cell] - total * mass) / (total * mass)
    }
    let p = gsl_cdf_chisq_Q(statistic, Double(cells + 1))
    #expect(Self.level < p && p < 1 - Self.level, "χ² \(statistic)")
  }

  /// How many of 10⁸ are beyond 3, 4, 5 and 5.5 standard deviations, on each side: binomial.
  @Test func tails() throws {
    let bounds = [3, 4, 5, 5.5]
    var above = [Int](repeating: 0, count: 4), below = above, total = 0
    try Self.forEachBlock(stream: 23, blocks: 6104) { numbers in
      for x in numbers where abs(x) > 3 {
        for place in bounds.indices where abs(x) > bounds[place] {
          if x > 0 { above[place] += 1 } else { below[place] += 1 }
        }
      }
      total += numbers.count
    }
    #expect(total >= 100_000_000)
    for (place, bound) in bounds.enumerated() {
      let p = gsl_cdf_ugaussian_Q(bound)
      for count in [above[place], below[place]] {
        let few = gsl_cdf_binomial_P(UInt32(count), p, UInt32(total))
        let many = count == 0 ? 1 : gsl_cdf_binomial_Q(UInt32(count - 1), p, UInt32(total))
        #expect(2 * min(few, many) > Self.level / 8, "\(count) beyond \(bound), \(Double(total) * p) expected")
      }
    }
  }

  /// Lane and place: the 16 normals of a group against each other and against the group after it, by the correlations of
  /// values, of squares, and of value and square. Lanes k and 8 + k are a pair of Box and Muller's.
  @Test func groupsAreIndependent() throws {
    // value·value, (square − 1)(square − 1)/2, value·(square − 1)/√2: of variance 1.
    var sums = [Double](repeating: 0, count: 3 * 16 * 32), groups = 0.0
    try Self.forEachBlock(stream: 24, blocks: 62) { numbers in
      let squares = numbers.map { ($0 * $0 - 1) / 2.0.squareRoot() }
      for start in stride(from: 0, to: numbers.count - 16, by: 16) {
        for i in 0..<16 {
          let (x, xx) = (numbers[start + i], squares[start + i])
          for j in 0..<32 where j != i {
            let (y, yy) = (numbers[start + j], squares[start + j]), place = 3 * (32 * i + j)
            sums[place] += x * y
            sums[place + 1] += xx * yy
            sums[place + 2] += x * yy
          }
        }
        groups += 1
      }
    }
    let pairs = (0..<16).flatMap { i in (0..<32).filter { $0 != i }.map { 32 * i + $0 } }
    Self.expectCredible(
      pairs.flatMap { pair in (0..<3).map { sums[3 * pair + $0] / groups.squareRoot() } }, "groups of 16")
  }

  /// The two outputs of a pair, by the plane: 32 × 32 cells that are equally likely.
  @Test func pairsFillThePlane() throws {
    let edges = (1..<32).map { gsl_cdf_ugaussian_Pinv(Double($0) / 32) }
    func cell(_ x: Double) -> Int {
      var place = 0
      for step in [16, 8, 4, 2, 1] where x >= edges[place + step - 1] { place += step }
      return place
    }
    var counts = [Double](repeating: 0, count: 1024), total = 0.0
    try Self.forEachBlock(stream: 25, blocks: 500) { numbers in
      for start in stride(from: 0, to: numbers.count, by: 16) {
        for lane in start..<start + 8 { counts[32 * cell(numbers[lane]) + cell(numbers[lane + 8])] += 1 }
      }
      total += Double(numbers.count / 2)
    }
    let expected = total / 1024
    let statistic = counts.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
    let p = gsl_cdf_chisq_Q(statistic, 1023)
    #expect(Self.level < p && p < 1 - Self.level, "χ² \(statistic)")
  }

  /// Streams that are neighbours, as chunks are, and streams whose indices differ in one bit: correlations of values and
  /// of squares at equal places, and of the sums of three streams in a row, which betray generators whose streams are
  /// equally spaced.
  @Test func streamsAreIndependent() throws {
    let count = 1 << 18
    let indices: [UInt] = [0, 1, 2, 3, 4, 5, 8, 16, 1 << 31, 1 << 32, 1 << 62, 1 << 63 - 1]
    let streams = try indices.map { try RandomStreamTests.normals(Self.generator(), index: $0, count: count) }
    let squares = streams.map { $0.map { ($0 * $0 - 1) / 2.0.squareRoot() } }
    var z: [Double] = []
    for i in streams.indices {
      for j in 0..<i {
        for (a, b) in [(streams[i], streams[j]), (squares[i], squares[j]), (streams[i], squares[j])] {
          z.append(zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / Double(count).squareRoot())
        }
      }
    }
    for i in 0..<4 {
      z.append(
        (0..<count).reduce(0) { $0 + streams[i][$1] * streams[i + 1][$1] * streams[i + 2][$1] }
          / Double(count).squareRoot())
    }
    Self.expectCredible(z, "streams")
  }

  /// Triples of uniforms of three neighbouring streams: 16 × 16 × 16 cells that are equally likely. The streams of linear
  /// congruential generators fail it: u − 2u′ + u″ is 0 there.
  @Test func neighbouringStreamsFillTheCube() throws {
    let count = 1 << 20
    let streams = try (0..<3).map { try RandomStreamTests.uniforms(Self.generator(), index: 1000 + $0, count: count) }
    var counts = [Double](repeating: 0, count: 4096)
    for place in 0..<count {
      counts[streams.reduce(0) { 16 * $0 + Int($1[place] * 16) }] += 1
    }
    let expected = Double(count) / 4096
    let statistic = counts.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
    let p = gsl_cdf_chisq_Q(statistic, 4095)
    #expect(Self.level < p && p < 1 - Self.level, "χ² \(statistic)")
  }
}
