internal import ExperimentRunner
internal import GradientEstimation

/// The objective's value at the draws is the same whatever an estimator asks for beside it, and an estimate is the same
/// whatever was computed for others.
enum ObjectiveValue: BlockLaw {
  static let law = Law.objectiveValue

  static func finding(_ bench: Bench) throws -> String? {
    let problem = bench.cell.problem, own = bench.entry.requirements.quantities
    let values = Quantities(values: problem.terms)
    var alone = try bench.draws(0), beside = try bench.draws(0)
    alone.evaluate(values, of: problem)
    beside.evaluate(own.union(values), of: problem)
    for term in problem.terms.members
    where !sameBits(alone.evaluation.values(of: term), beside.evaluation.values(of: term)) {
      return "the value of \(term) changes with what the estimator asks for"
    }
    var company = try bench.draws(0)
    company.evaluate(own.union(bench.cell.quantities).union(values), of: problem)
    return try sameBits(bench.estimate(company), bench.estimate(bench.block(0)))
      ? nil : "its estimate changes with what is computed for others"
  }
}
