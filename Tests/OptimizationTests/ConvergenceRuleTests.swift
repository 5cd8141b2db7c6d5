import Optimization
import Testing

@Suite struct ConvergenceRuleTests {
  func estimates(_ values: [Double], mcse: Double) -> [(value: Double, mcse: Double)] { values.map { ($0, mcse) } }

  @Test func needsTwoWindows() {
    let rule = ConvergenceRule(relativeChange: 0.01, window: 3)
    #expect(!rule.isMet(by: estimates([-10, -10, -10, -10, -10], mcse: 0)))
    #expect(rule.isMet(by: estimates([-10, -10, -10, -10, -10, -10], mcse: 0)))
    #expect(rule.isMet(by: estimates([-500, -10, -10, -10, -10, -10, -10], mcse: 0)), "only the last count")
  }

  /// Means −10 and −9.95: a change of 0.05 of 9.95.
  @Test func comparesTheChangeWithTheObjective() {
    let values = [-10.0, -10, -9.95, -9.95]
    #expect(!ConvergenceRule(relativeChange: 0.00502, window: 2).isMet(by: estimates(values, mcse: 0)))
    #expect(ConvergenceRule(relativeChange: 0.00503, window: 2).isMet(by: estimates(values, mcse: 0)))
    // The other way round it is of 10.
    #expect(ConvergenceRule(relativeChange: 0.00501, window: 2).isMet(by: estimates(values.reversed(), mcse: 0)))
    #expect(!ConvergenceRule(relativeChange: 0.00499, window: 2).isMet(by: estimates(values.reversed(), mcse: 0)))
  }

  /// The standard error of the difference of two means of 4 is mcse √(2/4).
  @Test func uncertaintyCountsAsChange() {
    let flat = [Double](repeating: 100, count: 8), rule = ConvergenceRule(relativeChange: 0.01, window: 4)
    let limit = 1 / 1.959963984540054 / 0.5.squareRoot()
    #expect(rule.isMet(by: estimates(flat, mcse: 0.999 * limit)))
    #expect(!rule.isMet(by: estimates(flat, mcse: 1.001 * limit)))
  }

  @Test func whatIsNoNumberEndsNothing() {
    let rule = ConvergenceRule(relativeChange: 0.5, window: 1)
    #expect(!rule.isMet(by: estimates([1, .nan], mcse: 0)) && !rule.isMet(by: estimates([1, 1], mcse: .nan)))
    #expect(!rule.isMet(by: estimates([0, 0], mcse: 1e-100)))
  }
}
