import Estimators
import GradientEstimation
import Randomness
import SamplingSchemes
import Testing
import VariationalFamilies

/// What is said of evaluations against those that are asked for: of an estimate, and of what is learned from it.
@Suite struct LearningCostTests {
  final class Counts: @unchecked Sendable {
    var values = 0, gradients = 0
  }

  /// A cost that counts the draws at which its values and its gradients are asked for.
  struct CountedCost: CostFunction, RelaxableModel {
    let counts: Counts
    private var inner: CoupledCost { CoupledCost(dimension: 2) }
    var dimension: Int { 2 }
    var sense: Sense { .minimize }

    func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
      if needed.values.contains(.cost) { counts.values += draws.shape.drawCount }
      if needed.gradients.contains(.cost) { counts.gradients += draws.shape.drawCount }
      inner.evaluate(needed, at: draws, into: &evaluation)
    }
  }

  struct Rule: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let check: @Sendable () throws -> Void

    init<E: GradientEstimator>(_ name: String, _ estimator: E, learns: Bool) {
      testDescription = name
      check = {
        let counts = Counts(), lanes = 4
        let problem = try Problem(
          model: CountedCost(counts: counts), family: MeanFieldBernoulli(dimension: 2), objective: Expectation(),
          sampling: IndependentSampling())
        let needed = try estimator.requirements(samples: 3, of: problem)
        func expectCounts(_ values: Double, _ gradients: Double) {
          #expect(counts.values == Int(values) * lanes && counts.gradients == Int(gradients) * lanes)
        }
        var block = DrawBlock(shape: problem.shape(samples: 3, lanes: lanes), parameters: [0.3, -0.8])
        var random = try RandomStream(#require(Generator.named("mt19937")), index: 8)
        block.sample(problem, random: &random)
        block.evaluate(needed.quantities, of: problem)
        var workspace = try estimator.makeWorkspace(for: problem, shape: block.shape)
        var gradients = [Double](repeating: 0, count: 2 * lanes), span = gradients.mutableSpan
        var state = estimator.initialState(for: problem, parameters: [0.3, -0.8])
        estimator.estimate(problem, block, state: state, random: &random, workspace: &workspace, into: &span)
        expectCounts(needed.evaluations, needed.gradientEvaluations)
        (counts.values, counts.gradients) = (0, 0)
        estimator.adapt(&state, problem: problem, block: block, workspace: &workspace)
        expectCounts(needed.learningEvaluations, needed.learningGradientEvaluations)
        #expect((needed.learningEvaluations > 0) == learns)
      }
    }
  }

  static let rules = [
    Rule("rebar", Rebar(temperature: 0.5, learning: .all), learns: true),
    Rule("coupled", Rebar(temperature: 0.5, learning: .all, coupling: true), learns: true),
    Rule("coefficient", Rebar(temperature: 0.5, learning: .coefficient), learns: false),
    Rule("fixed", Rebar(temperature: 0.5), learns: false), Rule("relax", Relax(), learns: true),
    Rule("muprop", MuProp(), learns: false), Rule("disarm", DisARM(), learns: false),
    Rule("local-expectation", LocalExpectation(), learns: false),
    Rule("concrete", Concrete(temperature: 0.5), learns: false),
    Rule("unordered-set", UnorderedSet(), learns: false), Rule("sum-and-sample", SumAndSample(), learns: false),
  ]

  @Test(arguments: rules) func countsAreThoseStated(_ rule: Rule) throws { try rule.check() }
}
