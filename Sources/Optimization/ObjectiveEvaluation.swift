internal import GradientEstimation
internal import Randomness

/// Estimates the objective at λ from fresh draws, on all data; one of several draws from as many estimates of K draws each. The draws are independent under every sampling scheme: the
/// standard error is of such.
struct ObjectiveEvaluation: ~Copyable {
  private let problem: Problem
  private let draws: Int
  private let samples: Int
  private var blocks: [Int: BlockBox] = [:]

  /// Blocks are not copyable, and a dictionary wants what is.
  private final class BlockBox {
    var block: DrawBlock
    init(_ shape: Shape, _ parameters: [Double]) { block = DrawBlock(shape: shape, parameters: parameters) }
  }

  /// - Parameter samples: K of an objective of several draws; of others each draw is an estimate.
  init(of problem: Problem, draws: Int, samples: Int) {
    self.problem = problem.withAllData.withIndependentDraws
    self.draws = draws
    self.samples = problem.multiSample == nil ? 1 : samples
  }

  /// The mean of f(z) over the draws, and its standard error.
  mutating func estimate(at parameters: [Double], random: inout RandomStream) -> (value: Double, mcse: Double) {
    var values: [Double] = []
    values.reserveCapacity(draws)
    let lanes = Shape.lanes(samples: samples, dimension: problem.model.dimension)
    while values.count < draws { add(min(lanes, draws - values.count), at: parameters, to: &values, &random) }
    let count = Double(draws), mean = values.reduce(0, +) / count
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (mean, (squares / (count - 1) / count).squareRoot())
  }

  private mutating func add(
    _ lanes: Int, at parameters: [Double], to values: inout [Double], _ random: inout RandomStream
  ) {
    let box =
      blocks[lanes]
      ?? BlockBox(
        problem.shape(samples: samples, lanes: lanes), parameters)
    blocks[lanes] = box
    box.block.draws.parameters = parameters
    box.block.sample(problem, random: &random)
    guard problem.multiSample == nil else {
      box.block.evaluate(.bounds(of: problem.terms), of: problem)
      values += box.block.evaluation.bounds
      return
    }
    box.block.evaluate(Quantities(values: problem.terms), of: problem)
    let terms = problem.terms.members.map { box.block.evaluation.values(of: $0) }
    for lane in 0..<lanes { values.append(terms.reduce(0) { $0 + $1[lane] }) }
  }
}
