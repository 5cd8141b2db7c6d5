import EstimatorStatistics
import Foundation
import Testing

/// Tail indices against laws whose index is known.
@Suite struct ParetoTailTests {
  static let indices = [0.1, 0.25, 0.4, 0.5, 0.7, 1, 1.5]
  /// Repetitions of each law, and the |z| that all the laws here together exceed with probability 1e-4.
  static let repetitions = 60, bound = 4.7

  /// k̂ without its draw towards ½.
  static func raw(_ tail: ParetoTail) -> Double {
    let m = Double(tail.size)
    return (tail.index * (m + 10) - 5) / m
  }

  static func tail(_ values: [Double]) throws -> ParetoTail {
    let size = ParetoTail.size(replicates: values.count)
    return try #require(ParetoTail(descending: Array(values.sorted(by: >).prefix(size + 1))))
  }

  /// The mean of the repetitions against the truth, in its standard error.
  static func expectIndex(
    _ k: Double, allowedBias: Double, sourceLocation: SourceLocation = #_sourceLocation,
    _ values: (_ repetition: Int) throws -> [Double]
  ) throws {
    let tails = try (0..<repetitions).map { try tail(values($0)) }
    let mean = tails.reduce(0) { $0 + raw($1) } / Double(repetitions)
    let size = Double(tails[0].size), error = (1 + k) / (size * Double(repetitions)).squareRoot()
    #expect(abs(mean - k) < bound * error + allowedBias, "\(mean) ± \(error) for \(k)", sourceLocation: sourceLocation)
    // The standard error is what the repetitions spread by: s² (n − 1)/σ² is χ², which 0.5...1.7 holds.
    let spread = tails.reduce(0) { $0 + (raw($1) - mean) * (raw($1) - mean) } / Double(repetitions - 1)
    let stated = tails.reduce(0) { $0 + $1.standardError * $1.standardError } / Double(repetitions)
    #expect((0.4...2.2).contains(spread / stated), "\(spread) for \(stated)", sourceLocation: sourceLocation)
  }

  /// Excesses of a Pareto law are exactly generalised Pareto. The estimate itself is off by the order of 1/M.
  @Test(arguments: indices) func paretoTails(_ k: Double) throws {
    let draws = try Draws("pareto \(k)")
    try Self.expectIndex(k, allowedBias: 2.0 / 300) { _ in draws.uniforms(10_000).map { pow(1 - $0, -k) } }
  }

  /// |t| with ν degrees has index 1/ν. Of its 97 % quantile on the excesses bend towards that by the order of 1/t²: the
  /// shape of P(|T| > t) there, (1/h)′ of its hazard h, is within 0.06 of 1/ν.
  @Test(arguments: [1, 2, 3, 4]) func studentTails(_ degrees: Int) throws {
    let draws = try Draws("student \(degrees)")
    try Self.expectIndex(1 / Double(degrees), allowedBias: 0.06) { _ in
      let parts = (0...degrees).map { _ in draws.normals(10_000) }
      return parts[0].indices.map { i in
        let square = parts.dropFirst().reduce(0) { $0 + $1[i] * $1[i] }
        return abs(parts[0][i]) / (square / Double(degrees)).squareRoot()
      }
    }
  }

  @Test func lightTailsAreNotInDoubt() throws {
    let draws = try Draws("light")
    for _ in 0..<40 {
      #expect(try Self.tail(draws.normals(10_000).map { abs($0) }).doubt == .nothing)
      #expect(try Self.tail(draws.uniforms(10_000)).index < 0)
    }
  }

  @Test func doubtsBeginAtTheThresholds() throws {
    let draws = try Draws("doubts")
    // Three standard errors beyond each threshold, and as far short of it: of nine, one fails with probability 0.02.
    for (k, doubt) in [(0.05, ParetoTail.Doubt.nothing), (0.375, .interval), (0.8, .variance)] {
      for _ in 0..<3 {
        let values = draws.uniforms(120_000).map { pow(1 - $0, -k) }
        #expect(try Self.tail(values).doubt == doubt, "\(k)")
      }
    }
  }

  /// The quasi-Bayesian estimate is near the maximum of the likelihood, found here by search: an estimate of other make.
  @Test(arguments: indices) func nearMaximumLikelihood(_ k: Double) throws {
    let values = try Draws("likelihood \(k)").uniforms(40_000).map { pow(1 - $0, -k) }.sorted(by: >)
    let size = ParetoTail.size(replicates: values.count), cut = values[size]
    let excess = values[..<size].map { $0 - cut }
    /// With x / scale: log likelihood of shape k and scale.
    func likelihood(_ shape: Double, _ scale: Double) -> Double {
      excess.reduce(0) { $0 - log(scale) - (1 / shape + 1) * log1p(shape * $1 / scale) }
    }
    var best = (value: -Double.infinity, shape: 0.0)
    for shape in stride(from: k - 0.35, through: k + 0.35, by: 0.005) where abs(shape) > 1e-9 {
      for logScale in stride(from: log(k * cut) - 0.4, through: log(k * cut) + 0.4, by: 0.01) {
        let scale = exp(logScale)
        guard shape > 0 || 1 + shape * excess[0] / scale > 0 else { continue }
        let value = likelihood(shape, scale)
        if value > best.value { best = (value, shape) }
      }
    }
    let tail = try #require(ParetoTail(descending: Array(values.prefix(size + 1))))
    #expect(abs(Self.raw(tail) - best.shape) < 0.25 * tail.standardError + 0.005, "\(Self.raw(tail)) and \(best.shape)")
  }

  @Test func whatCannotBeFitted() {
    #expect(ParetoTail(descending: []) == nil)
    #expect(ParetoTail(descending: [5, 4, 3, 2, 1]) == nil)
    #expect(ParetoTail(descending: Array(repeating: 3, count: 50)) == nil)
    #expect(ParetoTail(descending: [.infinity] + (0..<50).map { Double(50 - $0) }) == nil)
    #expect(ParetoTail(descending: (0..<50).map { Double(50 - $0) }) != nil)
    #expect(ParetoTail.size(replicates: 100) == 20 && ParetoTail.size(replicates: 10_000) == 300)
    #expect(ParetoTail.size(replicates: 1_000_000_000) == ParetoTail.largestSize)
  }
}

@Suite struct TailSamplesTests {
  /// Whatever the parts, their order and what is known beforehand, the largest are the largest.
  @Test(arguments: [1, 10, 301, 1001]) func keepsTheLargest(_ capacity: Int) throws {
    let values = try Draws("sample \(capacity)").normals(20_000), sorted = values.sorted(by: >)
    for batch in [1, 7, 128, 20_000] {
      var sample = TailSamples(count: 2, capacity: capacity), parts = sample
      for start in stride(from: 0, to: values.count, by: batch) {
        let part = Array(values[start..<min(start + batch, values.count)])
        sample.add(part, to: 0)
        sample.add(part.map { -$0 }, to: 1)
        var one = TailSamples(count: 2, capacity: capacity)
        one.start(above: parts.thresholds)
        one.add(part, to: 0)
        parts.merge(one)
      }
      #expect(sample.largest(capacity, of: 0) == Array(sorted.prefix(capacity)))
      #expect(sample.largest(capacity, of: 1) == sorted.suffix(capacity).reversed().map { -$0 })
      #expect(sample.thresholds[0] <= sorted[capacity - 1])
      #expect(parts.largest(capacity, of: 0) == Array(sorted.prefix(capacity)))
    }
    var known = TailSamples(count: 1, capacity: capacity)
    known.start(above: [sorted[capacity].nextDown])
    known.add(values.reversed(), to: 0)
    #expect(known.largest(capacity, of: 0) == Array(sorted.prefix(capacity)))
  }

  @Test func equalValuesAndFew() {
    var sample = TailSamples(count: 1, capacity: 5)
    sample.add([2, 1], to: 0)
    #expect(sample.largest(5, of: 0) == [2, 1])
    for _ in 0..<50 { sample.add(Array(repeating: 2, count: 9), to: 0) }
    #expect(sample.largest(5, of: 0) == [2, 2, 2, 2, 2])
    sample.add([.infinity, 3], to: 0)
    #expect(sample.largest(3, of: 0) == [.infinity, 3, 2])
  }
}

@Suite struct GradientTailsTests {
  static let blocks = [0..<1, 1..<3, 0..<3]

  /// Three coordinates: a Pareto law of index k with random sign and two normals, far from zero.
  static func rows(_ count: Int, _ k: Double) throws -> [[Double]] {
    let draws = try Draws("gradient tails \(k)")
    let heavy = zip(draws.uniforms(count), draws.uniforms(count)).map { ($1 < 0.5 ? -1 : 1) * pow(1 - $0, -k) }
    return [heavy.map { 1e4 + $0 }, draws.normals(count), draws.normals(count).map { 3 * $0 - 7 }]
  }

  static func moments(
    _ rows: [[Double]], batch: Int, chunk: Int, thresholds: Bool, weights: [Double]? = nil
  ) -> GradientMoments {
    let reference = TailReference(
      replicates: rows[0].count, gradients: rows.flatMap { $0[..<64] }, lanes: 64, blocks: blocks, weights: weights)
    let empty = GradientMoments(blocks: blocks, scales: [1, 1, 9], weights: weights, tail: reference)
    var total = empty
    for start in stride(from: 0, to: rows[0].count, by: chunk) {
      var part = empty
      if thresholds { part.startTails(above: total.tailThresholds) }
      let end = min(start + chunk, rows[0].count)
      for first in stride(from: start, to: end, by: batch) {
        let lanes = min(batch, end - first)
        var distances = [Double](repeating: 0, count: blocks.count * lanes)
        part.add(rows.flatMap { $0[first..<first + lanes] }, lanes: lanes, distances: &distances)
      }
      total.merge(part)
    }
    return total
  }

  /// What is handed to the chunks changes what they keep, and not what comes out.
  @Test func thresholdsChangeNothing() throws {
    let rows = try Self.rows(50_000, 0.6)
    let plain = Self.moments(rows, batch: 128, chunk: 1024, thresholds: false)
    let told = Self.moments(rows, batch: 128, chunk: 1024, thresholds: true)
    for b in Self.blocks.indices {
      let tail = try #require(plain.tail(ofBlock: b))
      #expect(tail == told.tail(ofBlock: b) && tail.size == 670)
    }
  }

  /// Beside what the distances from the true mean give: a batch's own mean blurs the tail within its standard error, and
  /// one huge replicate does not make its batch a tail.
  @Test(arguments: [0.2, 0.6, 1, 1.5], [32, 128, 1024]) func tailsOfBlocks(_ k: Double, batch: Int) throws {
    let rows = try Self.rows(100_000, k)
    let measured = Self.moments(rows, batch: batch, chunk: 1024, thresholds: true)
    let wanted = try ParetoTailTests.tail(rows[0].map { abs($0 - 1e4) })
    let tail = try #require(measured.tail(ofBlock: 0))
    #expect(abs(tail.index - wanted.index) < 2 * tail.standardError, "\(tail.index) for \(wanted.index)")
    let normals = try ParetoTailTests.tail(zip(rows[1], rows[2]).map { ($0 * $0 + ($1 + 7) * ($1 + 7)).squareRoot() })
    let light = try #require(measured.tail(ofBlock: 1))
    #expect(abs(light.index - normals.index) < 3 * light.standardError && light.doubt == .nothing)
    #expect(try #require(measured.tail(ofBlock: 2)).doubt == (k < 0.25 ? .nothing : .variance))
  }

  @Test func noTailWhereNoneIsKept() throws {
    var plain = GradientMoments(blocks: [0..<1], scales: [1])
    var distances = [Double](repeating: 0, count: 300)
    plain.add(try Draws("none").normals(300), lanes: 300, distances: &distances)
    #expect(plain.tail(ofBlock: 0) == nil && plain.tailThresholds == [])
    let constant = Self.moments(
      [[Double]](repeating: Array(repeating: 1, count: 3000), count: 3), batch: 128, chunk: 1024, thresholds: true)
    #expect(constant.tail(ofBlock: 2) == nil && constant.variance(ofBlock: 2) == 0)
  }

  /// Weights are of the blocks: variance, interval and tail.
  @Test func weightsOfTheNorm() throws {
    let rows = try Self.rows(5000, 0.1), weights = [0.0, 4, 1.0 / 9]
    let plain = Self.moments(rows, batch: 128, chunk: 1024, thresholds: true)
    let weighted = Self.moments(rows, batch: 128, chunk: 1024, thresholds: true, weights: weights)
    #expect(plain.mean == weighted.mean && plain.squares == weighted.squares)
    #expect(plain.coordinateSums == weighted.coordinateSums)
    let scaled = Self.moments(
      zip(rows, weights).map { row, w in row.map { w.squareRoot() * $0 } }, batch: 128, chunk: 1024, thresholds: true)
    for b in Self.blocks.indices.dropFirst() {
      expectClose(weighted.variance(ofBlock: b), scaled.variance(ofBlock: b), relative: 1e-12)
      let (x, y) = (weighted.interval(ofBlock: b), scaled.interval(ofBlock: b))
      expectClose(x.low, y.low, relative: 1e-9)
      expectClose(x.high, y.high, relative: 1e-9)
      let (t, u) = (try #require(weighted.tail(ofBlock: b)), try #require(scaled.tail(ofBlock: b)))
      expectClose(t.index, u.index, absolute: 1e-6)
    }
  }
}
