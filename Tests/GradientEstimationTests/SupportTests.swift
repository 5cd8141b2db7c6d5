import GradientEstimation
import Testing

@Suite struct SupportTests {
  @Test func aPointOfTheInnerLiesInTheOuter() {
    let all: [Support] = [.real, .positive, .unitInterval, .simplex]
    let within: [Support: Set<Support>] = [
      .real: [.real], .positive: [.positive, .real], .unitInterval: [.unitInterval, .positive, .real],
      .simplex: [.simplex, .unitInterval, .positive, .real],
    ]
    for inner in all {
      for outer in all { #expect(inner.isWithin(outer) == within[inner]?.contains(outer), "\(inner) in \(outer)") }
    }
  }
}
