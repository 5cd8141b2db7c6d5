@testable import EvidenceEstimation
import Foundation
import Randomness
import Testing

@Suite struct FittedNormalTests {
  /// Moments of draws far from 0, and the density that they make, against numbers that are known; singular draws have none.
  @Test func fittedNormalHasTheMomentsOfDraws() throws {
    // Two blocks of three lanes, of which the last one is not to be used: (0,0), (2,1) and (4,5), (2,2), shifted by 10⁶.
    let far = 1e6
    var sums = FittedNormal.Sums(dimension: 2)
    sums.add([0, 2, 99, 0, 1, 99].map { $0 + far }, lanes: 3, count: 2)
    sums.add([4, 2, 99, 5, 2, 99].map { $0 + far }, lanes: 3, count: 2)
    let (mean, covariance) = sums.moments
    #expect(mean == [2 + far, 2 + far])
    #expect(covariance[0] == 8.0 / 3 && covariance[2] == 10.0 / 3 && abs(covariance[3] - 14.0 / 3) < 1e-12)
    var scratch = [0.0, 0]
    // log N at m + (1, 0), c = 2: S = 2 covariance, of determinant 4 (112 − 100)/9, inverse element 2·14/3 over it.
    let full = try #require(FittedNormal(sums, diagonal: false, inflation: 2)), determinant = 4 * 12.0 / 9
    let wanted = -log(2 * Double.pi) - 0.5 * log(determinant) - 0.5 * (28.0 / 3) / determinant
    #expect(abs(full.logDensity([3 + far, 2 + far], lane: 0, lanes: 1, scratch: &scratch) - wanted) < 1e-9)
    let plain = try #require(FittedNormal(sums, diagonal: true, inflation: 1))
    let product = -log(2 * Double.pi) - 0.5 * log(8.0 / 3 * 14 / 3) - 0.5 * 3 / 8
    #expect(abs(plain.logDensity([3 + far, 2 + far], lane: 0, lanes: 1, scratch: &scratch) - product) < 1e-9)
    var flat = FittedNormal.Sums(dimension: 2)
    flat.add([0, 1, 2, 0, 1, 2], lanes: 3, count: 3)
    #expect(FittedNormal(flat, diagonal: false, inflation: 1) == nil)
    #expect(FittedNormal(flat, diagonal: true, inflation: 1) != nil)
  }
}
