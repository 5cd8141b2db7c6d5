internal import ExperimentRunner
internal import Foundation
internal import GradientEstimation

/// The gradient in the model's parameters is the derivative in θ of the objective's value at the draws, which do not depend on
/// θ: lane by lane, whatever estimator goes with it in λ. Where λ follows a weighted score, θ follows the importance-weighted
/// bound of the same draws.
enum ModelGradient {
  /// Of central differences with steps of 10⁻⁴: their error is of the order of 10⁻⁸.
  private static let step = 1e-4, tolerance = 1e-6

  static func applies(to cell: GridCell) -> Bool { cell.cell.problem.modelParameterCount > 0 }

  static func outcome(_ grid: GridProblem, _ cell: GridCell, _ bench: Bench) throws -> Outcome {
    // It is no estimator's: every one has it.
    Outcome(
      .modelGradient, "all", problem: grid.text, place: cell.place,
      try finding(bench, cell.cell.problem).map { .failed($0) } ?? .passed)
  }

  private static func finding(_ bench: Bench, _ problem: Problem) throws -> String? {
    guard let model = problem.model as? any LearnableModel else { return nil }
    let count = problem.modelParameterCount, lanes = Bench.lanes
    var gradients = [Double](repeating: 0, count: count * lanes), followed = problem
    if problem.multiSample?.rule == .weightedScore {
      var bound = RenyiBound()
      bound.alpha = 0
      followed = try Problem(
        model: problem.model, family: problem.family, objective: bound, sampling: problem.sampling)
    }
    var block = try bench.draws(0)
    block.evaluate(problem.modelGradientQuantities, of: problem)
    problem.storeModelGradient(block, into: &gradients)
    for q in 0..<count {
      let differences = try difference(bench, followed, model, q), row = gradients[q * lanes..<(q + 1) * lanes]
      let size = row.reduce(1) { max($0, abs($1)) }
      for (lane, pair) in zip(row, differences).enumerated() where !(abs(pair.0 - pair.1) <= tolerance * size) {
        return
          "θ_\(q) has \(numberText(pair.0)) in lane \(lane), and the objective's value changes by \(numberText(pair.1))"
      }
    }
    return nil
  }

  /// (value at θ + h e_q − value at θ − h e_q) / 2h of each lane.
  private static func difference<M: LearnableModel>(
    _ bench: Bench, _ problem: Problem, _ model: M, _ q: Int
  ) throws -> [Double] {
    func values(_ h: Double) throws -> [Double] {
      var moved = model.modelParameters
      moved[q] += h
      let other = problem.with(model: model.with(modelParameters: moved))
      var block = try bench.draws(0)
      block.evaluate(
        problem.multiSample == nil ? Quantities(values: problem.terms) : .bounds(of: problem.terms), of: other)
      if problem.multiSample != nil { return block.evaluation.bounds }
      let (samples, lanes) = (block.shape.samples, block.shape.lanes)
      return (0..<lanes).map { lane in
        problem.terms.members.reduce(0.0) { sum, term in
          (0..<samples).reduce(sum) { $0 + block.evaluation.values(of: term)[$1 * lanes + lane] }
        } / Double(samples)
      }
    }
    return zip(try values(step), try values(-step)).map { ($0 - $1) / (2 * step) }
  }
}
