@testable import EvidenceEstimation
import Foundation
import Randomness
import Testing

@Suite struct LogMeanWeightTests {
  /// Against sums as they are written, where these do not overflow; and where weights are no numbers.
  @Test func logMeanWeightIsThatOfTheFormula() throws {
    var random = try stream(130), logs = [Double](repeating: 0, count: 30)
    var span = logs.mutableSpan
    random.fillNormals(&span)
    let weights = logs.map { exp($0) }, mean = weights.reduce(0, +) / 30
    for groups in [30, 7, 2] {
      var square = 0.0
      for group in 0..<groups {
        let members = weights.indices.filter { $0 % groups == group }
        let deviation = members.reduce(0) { $0 + weights[$1] } - Double(members.count) * mean
        square += deviation * deviation
      }
      let error = (square * Double(groups) / Double(groups - 1)).squareRoot() / (30 * mean)
      let own = LogMeanWeight(logs.map { $0 - 1000 }, groups: groups == 30 ? nil : groups)
      #expect(abs(own.value - log(mean) + 1000) < 1e-12)
      #expect(abs(try #require(own.standardError) / error - 1) < 1e-12)
      #expect(own.paretoShape != nil)
    }
    let none = LogMeanWeight([-.infinity, -.infinity]), one = LogMeanWeight([2])
    #expect(none.value == -.infinity && none.standardError == nil && none.paretoShape == nil)
    #expect(one.value == 2 && one.standardError == nil)
    #expect(LogMeanWeight([0, .nan]).value.isNaN && LogMeanWeight([.nan]).value.isNaN)
    #expect(LogMeanWeight([0, .infinity]).value == .infinity)
    #expect(abs(LogMeanWeight([-.infinity, 0]).value + log(2)) < 1e-15)
    let few = [Double](repeating: -.infinity, count: 50), some = (0..<50).map { -0.1 * Double($0) }
    #expect(LogMeanWeight([0] + few).paretoShape == nil)
    #expect(LogMeanWeight([1000] + some).paretoShape == .infinity)
    #expect((try #require(LogMeanWeight(some).paretoShape)).isFinite)
  }
}
