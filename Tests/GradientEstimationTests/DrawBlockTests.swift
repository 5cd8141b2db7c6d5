import GradientEstimation
import Randomness
import Testing

@Suite struct DrawBlockTests {
  static let shape = Shape(samples: 2, dimension: 2, parameters: 2, lanes: 3)
  static let joint: Terms = [.prior, .likelihood]
  static let everything = Quantities(
    values: [.prior, .likelihood, .entropy],
    gradientSums: [TermSums(.prior), TermSums(.likelihood), TermSums(.entropy), TermSums(joint)],
    coordinateValues: joint, diagonalHessians: .prior)

  static func problem() throws -> Problem {
    try Problem(
      model: ToyModel(), family: ToyFamily(), objective: EvidenceLowerBound(), sampling: IndependentSampling())
  }

  /// Runs `body` on a block that has been sampled.
  static func withBlock(
    _ body: (_ block: inout DrawBlock, _ problem: Problem, _ random: inout RandomStream) throws -> Void
  ) throws {
    let problem = try problem()
    var random = try GradientEstimatorTests.stream()
    var block = DrawBlock(shape: shape, parameters: [0.5, -1])
    block.sample(problem, random: &random)
    try body(&block, problem, &random)
  }

  /// Every array of a block: values, gradients and coordinate values, term by term.
  static func arrays(_ block: borrowing DrawBlock) -> [[Double]] {
    var all: [[Double]] = []
    for term in Term.allCases {
      all += [
        block.evaluation.values(of: term), block.evaluation.gradient(of: Terms(term)),
        block.evaluation.coordinateValues(of: term), block.evaluation.diagonalHessian(of: term),
      ]
    }
    return all
  }

  @Test func sizes() {
    #expect(Self.shape.drawCount == 6 && Self.shape.elementCount == 12)
    let shared = Draws(shape: Self.shape, parameters: [0, 0])
    #expect(shared.sharesParameters && shared.minibatchSize == 0 && shared.z == Array(repeating: 0, count: 12))
    var own = Draws(shape: Self.shape, parameters: Array(repeating: 0, count: 6))
    own.dataIndices = Array(repeating: 0, count: 12)
    #expect(!own.sharesParameters && own.minibatchSize == 4)
  }

  @Test func evaluateComputesWhatIsAskedAndNoMore() throws {
    let (v, e) = (Self.shape.drawCount, Self.shape.elementCount)
    for (needed, sizes) in [
      (Quantities(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      (Quantities(values: .prior), [v, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      (Quantities(gradients: [.likelihood, .entropy]), [0, 0, 0, 0, 0, e, 0, 0, 0, e, 0, 0, 0, 0, 0, 0]),
      (
        Quantities(values: .entropy, coordinateValues: .prior, diagonalHessians: .likelihood),
        [0, 0, e, 0, 0, 0, 0, e, v, 0, 0, 0, 0, 0, 0, 0]
      ),
    ] {
      try Self.withBlock { block, problem, _ in
        block.evaluate(needed, of: problem)
        #expect(Self.arrays(block).map(\.count) == sizes, "\(needed)")
      }
    }
  }

  @Test func quantitiesAreThoseOfTheDraws() throws {
    try Self.withBlock { block, problem, _ in
      let z = block.draws.z, noise = block.draws.noise
      #expect(z == noise.enumerated().map { i, e in e + (i / 3 % 2 == 0 ? 0.5 : -1) })
      block.evaluate(Self.everything, of: problem)
      #expect(block.draws.z == z && block.draws.noise == noise)
      // Twice is not twice as much: the arrays are zeroed first.
      block.evaluate(Self.everything, of: problem)
      #expect(block.evaluation.gradient(of: .prior) == z.map { -$0 })
      #expect(block.evaluation.gradient(of: .entropy) == noise)
      #expect(block.evaluation.gradient(of: Self.joint) == z.map { 1 - $0 })
      #expect(block.evaluation.coordinateValues(of: .prior) == z.map { -0.5 * $0 * $0 })
      for k in 0..<2 {
        for lane in 0..<3 {
          let (first, second) = (z[6 * k + lane], z[6 * k + 3 + lane])
          #expect(block.evaluation.values(of: .likelihood)[3 * k + lane] == first + second)
        }
      }
    }
  }

  /// A sum is its terms added up, wherever only the terms are served.
  @Test func aSumOfTermsThatAreServedOneByOne() throws {
    try Self.withBlock { block, problem, _ in
      block.evaluate(Quantities(gradients: [.prior, .likelihood, .entropy]), of: problem)
      let (z, noise) = (block.draws.z, block.draws.noise)
      #expect(block.evaluation.gradient(of: Self.joint) == z.map { 1 - $0 })
      #expect(block.evaluation.gradient(of: .entropy) == noise)
    }
  }

  /// What was computed earlier for other quantities stays.
  @Test func quantitiesAccumulate() throws {
    try Self.withBlock { block, problem, _ in
      block.evaluate(Quantities(values: .prior), of: problem)
      let prior = block.evaluation.values(of: .prior)
      block.evaluate(Quantities(values: .likelihood), of: problem)
      #expect(block.evaluation.values(of: .prior) == prior)
      #expect(block.evaluation.values(of: .likelihood).count == Self.shape.drawCount)
    }
  }

  /// Every number named moves by the given relative amount, some up and some down; the draws and the rest do not.
  @Test func perturbationMovesWhatIsNamed() throws {
    try Self.withBlock { block, problem, _ in
      block.evaluate(Self.everything, of: problem)
      let before = Self.arrays(block), z = block.draws.z, noise = block.draws.noise
      let disturbed = Quantities(
        values: .prior, gradients: [.likelihood, .entropy], coordinateValues: .likelihood, diagonalHessians: .prior)
      block.perturb(disturbed, relative: 0x1p-20)
      let after = Self.arrays(block)
      #expect(block.draws.z == z && block.draws.noise == noise && block.draws.parameters == [0.5, -1])
      // Values, gradient, coordinate values, second derivatives: four arrays a term.
      let moved = [0, 3, 5, 6, 9]
      var ups = 0, downs = 0
      for i in before.indices {
        if !moved.contains(i) { #expect(after[i] == before[i]) }
        for (new, old) in zip(after[i], before[i]) where moved.contains(i) {
          #expect(new == old * (1 + 0x1p-20) || new == old * (1 - 0x1p-20))
          if abs(new) > abs(old) { ups += 1 } else { downs += 1 }
        }
      }
      // A disturbed problem does the same to whatever is evaluated of it.
      var unsteady = DrawBlock(shape: Self.shape, parameters: [0.5, -1])
      (unsteady.draws.noise, unsteady.draws.z) = (noise, z)
      unsteady.evaluate(Self.everything, of: problem)
      let steady = Self.arrays(unsteady)
      unsteady.evaluate(disturbed, of: problem.disturbed(by: 0x1p-20))
      #expect(steady == before && Self.arrays(unsteady) == after)
      #expect(ups + downs == 6 + 4 * 12 && ups > 5 && downs > 5)
    }
  }
}
