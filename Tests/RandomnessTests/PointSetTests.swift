import CGSL
import CKernels
import Foundation
@testable import Randomness
import Testing

/// Random point sets: what is sure of every one of them (strata, elementary intervals, GSL's points underneath), and the
/// law of each point. A statistic fails below 10⁻⁵ divided by the number of those that one test looks at.
@Suite struct PointSetTests {
  static let level = 1e-5

  /// A way to fill points, by name.
  struct Scheme: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let fill:
      @Sendable (inout RandomStream, inout MutableSpan<Double>, _ samples: Int, _ dimension: Int, _ lanes: Int) -> Void

    /// `[K × D × B]`
    func points(
      samples: Int, dimension: Int, lanes: Int, stream index: UInt = 7, generator: String = "mt19937"
    ) throws -> [Double] {
      var stream = try RandomStream(try #require(Generator.named(generator)), index: index)
      var points = [Double](repeating: .nan, count: samples * dimension * lanes)
      var span = points.mutableSpan
      fill(&stream, &span, samples, dimension, lanes)
      return points
    }
  }

  static func net(_ sequence: DigitalSequence, _ how: PointRandomization) -> Scheme {
    Scheme(testDescription: "\(sequence.name) \(how)") { random, points, k, d, b in
      random.fillDigitalNet(&points, of: sequence, by: how, samples: k, dimension: d, lanes: b)
    }
  }
  static func halton(_ how: PointRandomization) -> Scheme {
    Scheme(testDescription: "halton \(how)") { random, points, k, d, b in
      random.fillHalton(&points, by: how, samples: k, dimension: d, lanes: b)
    }
  }
  static let uniforms = Scheme(testDescription: "uniforms") { random, points, _, _, _ in
    random.fillOpenUniforms(&points)
  }
  static let hypercube = Scheme(testDescription: "latin hypercube") { random, points, k, d, b in
    random.fillLatinHypercube(&points, samples: k, dimension: d, lanes: b)
  }
  static let all =
    [uniforms, hypercube]
    + PointRandomization.allCases.flatMap { [net(.sobol, $0), net(.niederreiter, $0), halton($0)] }

  // What is sure -----------------------------------------------------------------------------------------------

  /// GSL's points 0…K−1, the origin among them.
  static func plain(_ sequence: wb_sequence, samples: Int, dimension: Int) throws -> [[Double]] {
    let type = try #require(wb_sequence_type(sequence))
    let state = try #require(gsl_qrng_alloc(type, UInt32(dimension)))
    defer { gsl_qrng_free(state) }
    var points = [[Double](repeating: 0, count: dimension)]
    while points.count < samples {
      var point = [Double](repeating: 0, count: dimension)
      gsl_qrng_get(state, &point)
      if points.count > 1 || point.contains(where: { $0 != 0 }) { points.append(point) }
    }
    return points
  }

  /// A shifted set is GSL's own but for the shift: differences from point 0 are GSL's, modulo 1.
  @Test func theSequencesAreGSLs() throws {
    let cases: [(wb_sequence, Scheme, Int, Double)] = [
      (WB_SOBOL, Self.net(.sobol, .shift), 40, 0x1p-51),
      (WB_NIEDERREITER, Self.net(.niederreiter, .shift), 12, 0x1p-51),
      (WB_HALTON, Self.halton(.shift), 1229, 1e-14),
    ]
    for (sequence, scheme, dimension, tolerance) in cases {
      let samples = 300
      let plain = try Self.plain(sequence, samples: samples, dimension: dimension)
      let shifted = try scheme.points(samples: samples, dimension: dimension, lanes: 1)
      var worst = 0.0
      for k in 0..<samples {
        for d in 0..<dimension {
          let gap = shifted[k * dimension + d] - shifted[d] - plain[k][d]
          worst = max(worst, abs(gap - gap.rounded()))
        }
      }
      #expect(worst <= tolerance, "\(scheme.testDescription): \(worst)")
    }
    #expect(DigitalSequence.sobol.maximumDimension == 40 && DigitalSequence.niederreiter.maximumDimension == 12)
    #expect(HaltonSequence.maximumDimension == 1229 && HaltonSequence.bases.last == 9973)
  }

  /// Counts of points in the boxes of `cells[d]` equal intervals, by box.
  static func counts(_ points: [[Double]], cells: [Int]) -> [Int] {
    var counts = [Int](repeating: 0, count: cells.reduce(1, *))
    for point in points {
      counts[zip(point, cells).reduce(0) { $0 * $1.1 + Int($1.0 * Double($1.1)) }] += 1
    }
    return counts
  }

  /// The points of one lane.
  static func lane(_ lane: Int, of points: [Double], dimension: Int, lanes: Int) -> [[Double]] {
    stride(from: 0, to: points.count, by: dimension * lanes).map { start in
      (0..<dimension).map { points[start + $0 * lanes + lane] }
    }
  }

  /// Scrambled, the first two coordinates of both sequences stay (0, m, 2)-nets: one point in each elementary interval of
  /// area 2^−m, whatever its shape.
  @Test(arguments: [DigitalSequence.sobol, .niederreiter].map { net($0, .scramble) }, [0, 1, 3, 6, 10])
  func twoCoordinatesStayANet(_ scheme: Scheme, _ m: Int) throws {
    let lanes = 35, points = try scheme.points(samples: 1 << m, dimension: 2, lanes: lanes)
    for lane in 0..<lanes {
      let own = Self.lane(lane, of: points, dimension: 2, lanes: lanes)
      for a in 0...m { #expect(Self.counts(own, cells: [1 << a, 1 << (m - a)]).allSatisfy { $0 == 1 }) }
    }
  }

  /// Each of Sobol's 40 coordinates stays a (0, m, 1)-net.
  @Test func everyCoordinateOfSobolsStaysANet() throws {
    let m = 8, lanes = 3
    let points = try Self.net(.sobol, .scramble).points(samples: 1 << m, dimension: 40, lanes: lanes)
    for lane in 0..<lanes {
      let own = Self.lane(lane, of: points, dimension: 40, lanes: lanes)
      for d in 0..<40 { #expect(Self.counts(own.map { [$0[d]] }, cells: [1 << m]).allSatisfy { $0 == 1 }) }
    }
  }

  /// Scrambling permutes the elementary intervals of every shape: how many hold so many points is what it is of GSL's set,
  /// so that the quality t is kept in every dimension, for every K.
  @Test(arguments: [(WB_SOBOL, DigitalSequence.sobol), (WB_NIEDERREITER, .niederreiter)], [64, 100])
  func scramblingKeepsEveryCount(_ sequence: (wb_sequence, DigitalSequence), _ samples: Int) throws {
    let dimension = 5, lanes = 3
    let plain = try Self.plain(sequence.0, samples: samples, dimension: dimension)
    let points = try Self.net(sequence.1, .scramble).points(samples: samples, dimension: dimension, lanes: lanes)
    for lane in 0..<lanes {
      let own = Self.lane(lane, of: points, dimension: dimension, lanes: lanes)
      for shape in [[8, 8, 1, 1, 1], [1, 1, 4, 4, 4], [2, 2, 2, 2, 2], [1, 16, 1, 1, 4], [1, 1, 1, 64, 1]] {
        #expect(Self.counts(own, cells: shape).sorted() == Self.counts(plain, cells: shape).sorted(), "\(shape)")
      }
    }
  }

  /// 2^a 3^b points of the scrambled Halton sequence: one in each box of 2^−a by 3^−b.
  @Test func haltonBoxesHoldOnePointEach() throws {
    let lanes = 20
    for (a, b) in [(3, 2), (1, 3), (6, 0), (0, 4), (4, 3)] {
      let cells = [1 << a, [1, 3, 9, 27, 81][b]]
      let points = try Self.halton(.scramble).points(samples: cells[0] * cells[1], dimension: 2, lanes: lanes)
      for lane in 0..<lanes {
        let own = Self.lane(lane, of: points, dimension: 2, lanes: lanes)
        #expect(Self.counts(own, cells: cells).allSatisfy { $0 == 1 })
      }
    }
  }

  /// In every coordinate of every lane one point for each of K equal intervals.
  @Test(arguments: [1, 2, 7, 64, 1000]) func hypercubesAreStratified(_ samples: Int) throws {
    let dimension = 3, lanes = 37
    let points = try Self.hypercube.points(samples: samples, dimension: dimension, lanes: lanes)
    for lane in 0..<lanes {
      let own = Self.lane(lane, of: points, dimension: dimension, lanes: lanes)
      for d in 0..<dimension {
        #expect(Self.counts(own.map { [$0[d]] }, cells: [samples]).allSatisfy { $0 == 1 })
      }
    }
  }

  // The law ----------------------------------------------------------------------------------------------------

  /// The chance of a Kolmogorov-Smirnov distance as large as that of `values` from uniform, by the limit's first terms.
  static func smirnov(_ values: [Double]) -> Double {
    let n = Double(values.count)
    var distance = 0.0
    for (index, value) in values.sorted().enumerated() {
      distance = max(distance, Double(index + 1) / n - value, value - Double(index) / n)
    }
    let t = distance * (n.squareRoot() + 0.12 + 0.11 / n.squareRoot())
    var chance = 0.0
    for j in 1...20 { chance += (j % 2 == 1 ? 2 : -2) * exp(-2 * Double(j * j) * t * t) }
    // The series is of use in the tail alone.
    return t < 0.3 ? 1 : chance
  }

  /// Every single point is uniform, and so are the digits of its coordinates far below those of the sequence.
  @Test(arguments: all) func everyPointIsUniform(_ scheme: Scheme) throws {
    let samples = 5, dimension = 3, lanes = 20_000
    let points = try scheme.points(samples: samples, dimension: dimension, lanes: lanes)
    let rows = (0..<samples * dimension).map { Array(points[$0 * lanes..<($0 + 1) * lanes]) }
    for (index, row) in rows.enumerated() {
      for scale in [1.0, 64, 0x1p20, 0x1p34] {
        let chance = Self.smirnov(row.map { ($0 * scale).truncatingRemainder(dividingBy: 1) })
        #expect(
          chance > Self.level / Double(4 * rows.count * Self.all.count), "row \(index), scale \(scale): \(chance)")
      }
    }
  }

  /// Whatever integers the generator makes.
  @Test(arguments: ["mt19937", "xoshiro256x8", "minstd", "ran1", "ranlxs0", "slatec", "zuf"])
  func everyGeneratorServes(_ generator: String) throws {
    for scheme in [Self.uniforms, Self.net(.sobol, .scramble)] {
      let points = try scheme.points(samples: 1, dimension: 1, lanes: 20_000, stream: 0, generator: generator)
      #expect(Self.smirnov(points) > Self.level / 14)
    }
  }

  /// Lanes are independent: neighbours are uncorrelated in every coordinate of every point.
  @Test(arguments: all) func lanesAreUncorrelated(_ scheme: Scheme) throws {
    let samples = 4, dimension = 2, lanes = 20_000, rows = samples * dimension
    let points = try scheme.points(samples: samples, dimension: dimension, lanes: lanes)
    #expect(Set(points.prefix(lanes)).count == lanes)
    for first in 0..<rows {
      for second in 0..<rows {
        var sum = 0.0
        for lane in stride(from: 0, to: lanes - 1, by: 2) {
          sum += (points[first * lanes + lane] - 0.5) * (points[second * lanes + lane + 1] - 0.5)
        }
        let z = sum * 12 / (Double(lanes) / 2).squareRoot()
        #expect(erfc(abs(z) / 2.0.squareRoot()) > Self.level / Double(rows * rows * Self.all.count))
      }
    }
  }

  /// Same stream, same bits; other streams, others; and a stream that is not given is not drawn from.
  @Test(arguments: all) func pointsAreAFunctionOfTheStream(_ scheme: Scheme) throws {
    var other = try RandomStream(try #require(Generator.named("mt19937")), index: 3)
    let points = try scheme.points(samples: 6, dimension: 2, lanes: 9)
    #expect(try scheme.points(samples: 6, dimension: 2, lanes: 9) == points)
    #expect(try scheme.points(samples: 6, dimension: 2, lanes: 9, stream: 8) != points)
    var untouched = try RandomStream(try #require(Generator.named("mt19937")), index: 3)
    #expect((0..<4).allSatisfy { _ in other.next() == untouched.next() })
  }
}
