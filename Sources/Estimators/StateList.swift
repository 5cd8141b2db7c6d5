internal import GradientEstimation

/// All states of a discrete family, and log q of each at the λ of each lane.
struct StateList {
  /// The most states that are listed.
  static let limit = 256

  let count: Int
  private let states: OwnDraws

  /// S, the number of states.
  ///
  /// - Throws: `EstimatorError` where the family has no list of states, or a longer one.
  static func count(of problem: Problem) throws(EstimatorError) -> Int {
    guard let family = problem.family as? any EnumerableFamily, let count = family.stateCount, count <= limit else {
      throw EstimatorError("needs a discrete family of at most \(limit) states, which it lists")
    }
    return count
  }

  /// How many states are drawn without replacement.
  ///
  /// - Throws: `EstimatorError` where they are more than `limit` or than there are.
  static func check(samples: Int, of problem: Problem, limit: Int = limit) throws(EstimatorError) {
    let most = min(try count(of: problem), limit)
    guard samples <= most else {
      throw EstimatorError("draws without replacement, at most \(most) here, and samples is \(samples)")
    }
  }

  init(_ problem: Problem, lanes: Int) throws(EstimatorError) {
    count = try Self.count(of: problem)
    states = OwnDraws(problem, problem.shape(samples: count, lanes: lanes))
    guard let family = problem.family as? any EnumerableFamily else { return }
    let (d, parameters) = (family.dimension, [Double](repeating: 0, count: problem.parameterCount))
    var list = Draws(shape: problem.shape(samples: 1, lanes: count), parameters: parameters)
    family.storeStates(from: 0, into: &list)
    for s in 0..<count {
      for i in 0..<d {
        for lane in 0..<lanes { states.block.draws.z[(s * d + i) * lanes + lane] = list.z[i * count + s] }
      }
    }
  }

  /// Computes −log q of all states at the λ of `draws`.
  func evaluate(at draws: borrowing Draws, _ problem: Problem) {
    states.takeParameters(draws)
    states.block.evaluate(Quantities(values: .entropy), of: problem)
  }

  /// −log q of each state, `[S × B]`.
  var entropies: [Double] { states.block.evaluation.values(of: .entropy) }

  /// Stores state s as draw k of a lane.
  func store(_ s: Int, as k: Int, lane: Int, in target: OwnDraws) {
    let (d, b) = (states.block.shape.dimension, states.block.shape.lanes)
    for i in 0..<d {
      target.block.draws.z[(k * d + i) * b + lane] = states.block.draws.z[(s * d + i) * b + lane]
    }
  }
}
