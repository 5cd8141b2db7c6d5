import CKernels
import Foundation
import Testing

/// The normal kernels against the formulas of CKernels.h, element by element.
@Suite struct MeanFieldNormalTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let k, d, b: Int
    let perLane: Bool
    var testDescription: String { "K = \(k), D = \(d), B = \(b), \(perLane ? "per lane" : "shared")" }

    var flag: Int32 { perLane ? 1 : 0 }
    var mean: [Double] { numbers(1, perLane ? d * b : d) }
    var logScale: [Double] { numbers(2, perLane ? d * b : d) }
    var noise: [Double] { numbers(3, k * d * b) }

    func numbers(_ stream: UInt64, _ count: Int) -> [Double] {
      var random = SeededGenerator(state: stream)
      return random.numbers(count)
    }

    /// Runs `kernel` on a buffer that is not zero, and expects it to add `term` over all (k, d, lane).
    func expect(
      rows: Int, stored: Bool = false, _ kernel: (inout [Double]) -> Void,
      adds term: (_ k: Int, _ d: Int, _ lane: Int, _ add: (_ row: Int, _ value: Double) -> Void) -> Void,
      sourceLocation: SourceLocation = #_sourceLocation
    ) {
      let start = numbers(9, rows * b)
      var found = start, wanted = stored ? start.map { _ in 0 } : start
      kernel(&found)
      for k in 0..<k {
        for d in 0..<d {
          for lane in 0..<b { term(k, d, lane) { wanted[$0 * b + lane] += $1 } }
        }
      }
      #expect(largestError(found, wanted) < 1e-13, sourceLocation: sourceLocation)
    }

    /// The parameter of coordinate d in `lane`.
    func at(_ parameters: [Double], _ d: Int, _ lane: Int) -> Double {
      perLane ? parameters[d * b + lane] : parameters[d]
    }
    func element(_ array: [Double], _ k: Int, _ d: Int, _ lane: Int) -> Double { array[(k * self.d + d) * b + lane] }
  }

  /// Odd numbers of lanes, and more than the 256 of a tile.
  static let cases = [false, true].flatMap { perLane in
    laneCounts.map { Case(k: 3, d: 2, b: $0, perLane: perLane) } + [
      Case(k: 1, d: 1, b: 256, perLane: perLane), Case(k: 2, d: 3, b: 259, perLane: perLane),
      Case(k: 2, d: 1, b: 521, perLane: perLane),
    ]
  }

  @Test(arguments: cases) func transform(_ c: Case) {
    let (m, s, e) = (c.mean, c.logScale, c.noise)
    var z = [Double](repeating: .nan, count: e.count), wanted = z
    wb_normal_transform(m, s, c.flag, e, &z, c.k, c.d, c.b)
    for k in 0..<c.k {
      for d in 0..<c.d {
        for lane in 0..<c.b {
          wanted[(k * c.d + d) * c.b + lane] = c.at(m, d, lane) + exp(c.at(s, d, lane)) * c.element(e, k, d, lane)
        }
      }
    }
    #expect(largestError(z, wanted) < 1e-14)
  }

  @Test(arguments: cases) func entropy(_ c: Case) {
    let (s, e) = (c.logScale, c.noise)
    func term(_ k: Int, _ d: Int, _ lane: Int) -> Double {
      0.5 * log(2 * .pi) + c.at(s, d, lane) + 0.5 * pow(c.element(e, k, d, lane), 2)
    }
    c.expect(rows: c.k, stored: true) {
      wb_normal_entropy_values(s, c.flag, e, &$0, c.k, c.d, c.b)
    } adds: { k, d, lane, add in
      add(k, term(k, d, lane))
    }
    c.expect(rows: c.k * c.d, stored: true) {
      wb_normal_entropy_coordinates(s, c.flag, e, &$0, c.k, c.d, c.b)
    } adds: { k, d, lane, add in
      add(k * c.d + d, term(k, d, lane))
    }
    c.expect(rows: c.k * c.d, stored: true) {
      wb_normal_entropy_gradient(s, c.flag, e, &$0, c.k, c.d, c.b)
    } adds: { k, d, lane, add in
      add(k * c.d + d, c.element(e, k, d, lane) * exp(-c.at(s, d, lane)))
    }
  }

  @Test(arguments: cases, [false, true]) func score(_ c: Case, byCoordinate: Bool) {
    let (s, e) = (c.logScale, c.noise)
    let weights = c.numbers(4, c.k * (byCoordinate ? c.d : 1) * c.b), centers = c.numbers(5, 2 * c.d)
    c.expect(rows: 2 * c.d) {
      wb_normal_add_score(s, c.flag, e, weights, byCoordinate ? 1 : 0, centers, &$0, c.k, c.d, c.b)
    } adds: { k, d, lane, add in
      let w = weights[(byCoordinate ? k * c.d + d : k) * c.b + lane], epsilon = c.element(e, k, d, lane)
      add(d, (w - centers[d]) * epsilon * exp(-c.at(s, d, lane)))
      add(c.d + d, (w - centers[c.d + d]) * (epsilon * epsilon - 1))
    }
  }

  @Test(arguments: cases) func pullback(_ c: Case) {
    let (s, e) = (c.logScale, c.noise), cotangents = c.numbers(4, c.noise.count)
    c.expect(rows: 2 * c.d) {
      wb_normal_add_pullback(s, c.flag, e, cotangents, 0.37, &$0, c.k, c.d, c.b)
    } adds: { k, d, lane, add in
      let cotangent = c.element(cotangents, k, d, lane)
      add(d, 0.37 * cotangent)
      add(c.d + d, 0.37 * cotangent * exp(c.at(s, d, lane)) * c.element(e, k, d, lane))
    }
  }

  @Test(arguments: cases) func analyticPrior(_ c: Case) {
    let (m, s) = (c.mean, c.logScale), center = c.numbers(4, c.d), precision = c.numbers(5, c.d).map { abs($0) + 0.1 }
    c.expect(rows: 2 * c.d) {
      wb_normal_add_analytic_prior(m, s, c.flag, center, precision, &$0, c.d, c.b)
    } adds: { k, d, lane, add in
      guard k == 0 else { return }
      add(d, -(c.at(m, d, lane) - center[d]) * precision[d])
      add(c.d + d, -exp(2 * c.at(s, d, lane)) * precision[d])
    }
  }

  @Test(arguments: cases.filter { !$0.perLane }) func density(_ c: Case) {
    let z = c.noise, center = c.numbers(4, c.d), precision = c.numbers(5, c.d).map { abs($0) + 0.1 }
    let constant = precision.map { 0.5 * log($0 / (2 * .pi)) }
    func term(_ k: Int, _ d: Int, _ lane: Int) -> Double {
      0.5 * log(precision[d] / (2 * .pi)) - 0.5 * precision[d] * pow(c.element(z, k, d, lane) - center[d], 2)
    }
    c.expect(rows: c.k, stored: true) {
      wb_normal_density_values(z, center, precision, constant, &$0, c.k, c.d, c.b)
    } adds: { k, d, lane, add in
      add(k, term(k, d, lane))
    }
    c.expect(rows: c.k * c.d, stored: true) {
      wb_normal_density_coordinates(z, center, precision, constant, &$0, c.k, c.d, c.b)
    } adds: { k, d, lane, add in
      add(k * c.d + d, term(k, d, lane))
    }
    c.expect(rows: c.k * c.d, stored: true) {
      wb_normal_density_gradient(z, center, precision, &$0, c.k, c.d, c.b)
    } adds: { k, d, lane, add in
      add(k * c.d + d, (center[d] - c.element(z, k, d, lane)) * precision[d])
    }
  }
}
