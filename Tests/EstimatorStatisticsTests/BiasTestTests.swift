import EstimatorStatistics
import Foundation
import Testing

@Suite struct BiasTestTests {
  static func test(
    mean: [Double], exact: [Double], variance: [Double], count: Int, floor: [Double]? = nil
  ) -> BiasTest {
    BiasTest(
      mean: mean[...], exact: exact[...], variance: variance[...], count: count,
      floor: (floor ?? Array(repeating: 0, count: mean.count))[...])
  }

  @Test func scoresAreInStandardErrors() {
    let test = Self.test(mean: [1.5, -1], exact: [1, 0], variance: [25, 4], count: 100)
    #expect(test.z == [1, -5])
    #expect(test.largest == 5)
    // |difference| = √1.25, total variance 29, |exact| = 1.
    expectClose(test.relativeBound, 1.25.squareRoot() + 1.959963984540054 * 0.29.squareRoot(), relative: 1e-15)
  }

  /// 1 − (1 − q)ⁿ for independent coordinates, n q where that is small.
  @Test(arguments: [1, 2, 10, 1000])
  func adjustedForTheNumberOfCoordinates(n: Int) {
    for z in [0.1, 1, 2, 3, 5] {
      let test = Self.test(
        mean: [z] + Array(repeating: 0, count: n - 1), exact: Array(repeating: 0, count: n),
        variance: Array(repeating: 50, count: n), count: 50)
      let q = NormalDistribution.twoSidedTail(z)
      expectClose(test.p, 1 - pow(1 - q, Double(n)), absolute: 1e-12)
    }
    let far = Self.test(
      mean: [-30] + Array(repeating: 0, count: n - 1), exact: Array(repeating: 0, count: n),
      variance: Array(repeating: 50, count: n), count: 50)
    expectClose(far.p, Double(n) * NormalDistribution.twoSidedTail(30), relative: 1e-12)
  }

  @Test func oppositeBiasesDoNotCancel() {
    let test = Self.test(mean: [1.2, 0.8], exact: [1, 1], variance: [1, 1], count: 10_000)
    expectClose(test.largest, 20, relative: 1e-12)
    #expect(test.p < 1e-80)
    #expect(test.relativeBound > 0.2)
  }

  /// Kolmogorov and Smirnov's distance from the uniform law, at a level of 0.001.
  @Test(arguments: [1, 5], generators)
  func pIsUniformWithoutBias(parameters: Int, generator: String) throws {
    let draws = try Draws("bias p \(parameters)", generator), runs = 2000, replicates = 500
    let p = (0..<runs).map { _ in
      let measured = moments((0..<parameters).map { _ in draws.normals(replicates).map { 3 + 2 * $0 } })
      return Self.test(
        mean: measured.mean, exact: Array(repeating: 3, count: parameters),
        variance: (0..<parameters).map { measured.variance(of: $0) }, count: measured.count
      ).p
    }.sorted()
    let distance = p.enumerated().map { max(abs($1 - Double($0) / 2000), abs($1 - Double($0 + 1) / 2000)) }.max()
    #expect(try #require(distance) < 1.95 / Double(runs).squareRoot())
  }

  /// The bound holds a known bias in 95 % of runs or more, be the noise in one direction or in all.
  @Test(arguments: [[1.0], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [100, 1, 1]], generators)
  func boundHoldsAKnownBias(deviations: [Double], generator: String) throws {
    let draws = try Draws("bias bound \(deviations)", generator), runs = 4000, count = 400
    let exact = deviations.map { _ in 2.0 }, norm = 2 * Double(deviations.count).squareRoot()
    for bias in [0, 0.01, 1] {
      let held = (0..<runs).count { _ in
        let noise = draws.normals(deviations.count)
        let mean = deviations.indices.map { exact[$0] + bias + deviations[$0] * noise[$0] / Double(count).squareRoot() }
        let test = Self.test(mean: mean, exact: exact, variance: deviations.map { $0 * $0 }, count: count)
        return test.relativeBound >= bias * Double(deviations.count).squareRoot() / norm
      }
      let error = (0.95 * 0.05 / Double(runs)).squareRoot()
      #expect(Double(held) / Double(runs) > 0.95 - 3.3 * error)
    }
  }

  @Test func withoutVariance() {
    // A deterministic estimator is right or wrong.
    let right = Self.test(mean: [1, 2], exact: [1, 2], variance: [0, 0], count: 10)
    #expect(right.z == [0, 0] && right.p == 1 && right.relativeBound == 0)
    let wrong = Self.test(mean: [1, 2], exact: [1, 2.5], variance: [0, 0], count: 10)
    #expect(wrong.z == [0, -.infinity] && wrong.largest == .infinity && wrong.p == 0)
    expectClose(wrong.relativeBound, 0.5 / 7.25.squareRoot(), relative: 1e-15)
  }

  @Test func belowTheFloorIsNothing() {
    let test = Self.test(
      mean: [1 + 1e-15, 2], exact: [1, 2], variance: [1e-40, 1e-40], count: 10_000, floor: [1e-14, 1e-14])
    #expect(test.z == [0, 0] && test.p == 1)
    #expect(test.relativeBound < 1e-15)
  }

  @Test func unknownVarianceIsNotABias() {
    for mean in [0.0, 3] {
      let test = Self.test(mean: [mean], exact: [1], variance: [.nan], count: 1)
      #expect(test.z[0].isNaN && test.largest.isNaN && test.p.isNaN && test.relativeBound.isNaN)
    }
  }

  @Test func exactGradientOfZeroHasNoRelativeBias() {
    #expect(Self.test(mean: [0.1], exact: [0], variance: [1], count: 100).relativeBound == .infinity)
    #expect(Self.test(mean: [0], exact: [0], variance: [0], count: 100).relativeBound.isNaN)
  }
}
