import GradientEstimation
import Testing

@Suite struct ComponentTests {
  /// The built-in components of this module: ids in kebab-case, and defaults that their own options accept.
  static let components: [any Component] = [
    EvidenceLowerBound(), Expectation(), IndependentSampling(), ToyEstimator(), OptionTests.Example(),
  ]

  @Test(arguments: 0..<5) func defaultsAreAccepted(_ index: Int) {
    func check<C: Component>(_ component: C) {
      let about = C.descriptor
      #expect(about.id.wholeMatch(of: /[a-z][a-z0-9]*(-[a-z0-9]+)*/) != nil && !about.summary.isEmpty)
      #expect(Set(about.options.map(\.name)).count == about.options.count)
      for option in about.options {
        var copy = component
        #expect(option.store(option.value(in: component), in: &copy) && copy == component, "\(option.name)")
      }
    }
    check(Self.components[index])
  }

  @Test func errorsAreTheirDescription() {
    #expect("\(ComponentError(option: "x", "is 3"))" == "is 3" && ComponentError("gone").option == nil)
    #expect("\(EstimatorError("needs a prior"))" == "needs a prior")
  }
}
