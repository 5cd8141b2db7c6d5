import GradientEstimation
import Testing

@Suite struct TermsTests {
  @Test func aSetOfTerms() {
    let terms: Terms = [.cost, .prior]
    #expect(Array(terms.members) == [.prior, .cost] && terms.contains(Term.cost) && !terms.contains(Term.entropy))
    for term in Term.allCases { #expect(Array(Terms(term).members) == [term]) }
    #expect(Array(Terms(Term.allCases.map { Terms($0) }).members) == Term.allCases && Array(Terms([]).members) == [])
  }

  /// What is sampled and what is closed make up the ELBO, in every split.
  @Test func splits() {
    #expect(Split.allCases.map(\.rawValue) == ["monte-carlo", "entropy", "analytic"])
    #expect(Split.monteCarlo.closedForm == [] && Split.entropy.closedForm == .entropy)
    #expect(Split.analytic.closedForm == [.prior, .entropy])
  }

  @Test func quantitiesUniteAndRestrict() {
    let a = Quantities(values: .prior, gradients: .cost), b = Quantities(values: .cost, coordinateValues: .prior)
    let both = a.union(b)
    #expect(both == Quantities(values: [.prior, .cost], gradients: .cost, coordinateValues: .prior))
    let curved = Quantities(diagonalHessians: [.prior, .cost])
    #expect(a.union(curved).diagonalHessians == [.prior, .cost] && curved != Quantities())
    #expect(curved.restricted(to: .prior) == Quantities(diagonalHessians: .prior))
    #expect(both.restricted(to: .prior) == Quantities(values: .prior, coordinateValues: .prior))
    #expect(both.restricted(to: .entropy) == Quantities() && both.restricted(to: [.prior, .cost]) == both)
  }

  @Test func sumsOfTerms() {
    let joint: Terms = [.prior, .likelihood]
    #expect(Array(joint.union(.entropy).parts.members) == [joint, .entropy])
    #expect(Array(joint.parts.members) == [joint] && Array(Terms.entropy.parts.members) == [.entropy])
    #expect(Array(Terms([]).parts.members) == [] && TermSums(Terms([])) == [])
    let sums: TermSums = [TermSums(joint), TermSums(.likelihood)]
    #expect(sums.contains(joint) && sums.contains(.likelihood) && !sums.contains(.prior) && sums.terms == joint)
    #expect(sums.restricted(to: .likelihood) == TermSums(.likelihood) && sums.restricted(to: joint) == sums)
    let all = TermSums(Terms(Term.allCases.map { Terms($0) }))
    #expect(Array(all.members).count == 1 && all.terms.contains(Term.cost))
  }
}
