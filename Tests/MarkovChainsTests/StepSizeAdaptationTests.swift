import Foundation
import MarkovChains
import Testing

@Suite struct StepSizeAdaptationTests {
  /// It goes on from its bytes as it would have.
  @Test func adaptationIsCodable() throws {
    var adaptation = StepSizeAdaptation(initial: 0.1, acceptance: 0.9)
    for i in 0..<40 { adaptation.update(acceptance: i % 3 == 0 ? 0.5 : 1) }
    var copy = try JSONDecoder().decode(StepSizeAdaptation.self, from: try JSONEncoder().encode(adaptation))
    #expect(copy == adaptation)
    for a in [0.3, .nan, 0.95] {
      adaptation.update(acceptance: a)
      copy.update(acceptance: a)
    }
    adaptation.freeze()
    copy.freeze()
    #expect(copy == adaptation && copy.isFrozen && copy.stepSize > 0)
    let frozen = copy
    copy.update(acceptance: 0)
    #expect(copy == frozen)
  }

  /// ε stays a number where everything is accepted or nothing is, for as long as it may be.
  @Test func stepSizesStayFinite() {
    for a in [0.0, 1] {
      var adaptation = StepSizeAdaptation(initial: 1, acceptance: 0.65)
      for _ in 0..<100_000 { adaptation.update(acceptance: a) }
      adaptation.freeze()
      #expect(adaptation.stepSize > 0 && adaptation.stepSize.isFinite)
    }
  }
}
