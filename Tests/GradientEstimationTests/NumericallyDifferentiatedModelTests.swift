import Foundation
import GradientEstimation
import Randomness
import Testing

/// f(z) = e^{z_1} z_2 and a prior, with D = 2, by values alone. Reads the first index of a lane's minibatch, if there are any.
struct ValuesOnly: LatentModel, NumericallyDifferentiatedModel {
  var dimension: Int { 2 }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    precondition(needed.gradients == [], "ValuesOnly: asked for a gradient")
    let (k, b) = (draws.shape.samples, draws.shape.lanes), z = draws.z
    let weights = (0..<b).map { draws.dataIndices.isEmpty ? 1 : Double(draws.dataIndices[$0]) }
    for term in needed.values.members {
      evaluation.withValues(of: term) { values in
        for draw in 0..<k {
          for lane in 0..<b {
            let (x, y) = (z[2 * draw * b + lane], z[(2 * draw + 1) * b + lane])
            values[draw * b + lane] = term == .prior ? -0.5 * (x * x + y * y) : weights[lane] * exp(x) * y
          }
        }
      }
    }
  }
}

@Suite struct NumericallyDifferentiatedModelTests {
  static func block(_ problem: Problem, _ needed: Quantities, indices: [Int32] = []) throws -> DrawBlock {
    let shape = Shape(samples: 2, dimension: 2, parameters: problem.parameterCount, lanes: 3)
    var block = DrawBlock(shape: shape, parameters: Array(repeating: 0, count: problem.parameterCount))
    block.draws.z = [0.3, -1, 200, 2, 0.1, -0.7, 1, 0, -3, 0.5, 4, -0.2]
    block.draws.z[2] = 3
    block.draws.dataIndices = indices
    block.evaluate(needed, of: problem)
    return block
  }

  static func problem() throws -> Problem {
    try Problem(
      model: ValuesOnly(), family: ToyFamily(dimension: 2), objective: EvidenceLowerBound(),
      sampling: IndependentSampling())
  }

  /// Each coordinate within 10⁻⁹ of the derivative; values and sums of terms as of any model; lanes keep their data.
  @Test(arguments: [[], [2, 5, 7]] as [[Int32]]) func centralDifferences(_ indices: [Int32]) throws {
    let needed = Quantities(values: .prior, gradients: [.prior, .likelihood])
    let block = try Self.block(try Self.problem(), needed, indices: indices), z = block.draws.z
    let found = block.evaluation.gradient(of: [.prior, .likelihood]), values = block.evaluation.values(of: .prior)
    for draw in 0..<2 {
      for lane in 0..<3 {
        let (i, j) = (2 * draw * 3 + lane, (2 * draw + 1) * 3 + lane),
          weight = indices.isEmpty ? 1 : Double(indices[lane])
        let first = weight * exp(z[i]) * z[j] - z[i], second = weight * exp(z[i]) - z[j]
        #expect(abs(found[i] - first) < 1e-8 * (1 + abs(first)))
        #expect(abs(found[j] - second) < 1e-8 * (1 + abs(second)))
        #expect(values[draw * 3 + lane] == -0.5 * (z[i] * z[i] + z[j] * z[j]))
      }
    }
  }

  /// A gradient costs the 2D = 4 evaluations that it takes, and those of values stay.
  @Test func whatItCosts() throws {
    let requirements = Requirements(quantities: Quantities(), evaluations: 3, gradientEvaluations: 5)
    let counted = requirements.counted(for: try Self.problem())
    #expect(counted.evaluations == 23 && counted.gradientEvaluations == 0)
    #expect(try Self.problem().gradientIsNumerical)
  }
}
