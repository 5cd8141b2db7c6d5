internal import CKernels
internal import GradientEstimation

/// All states of a discrete family, and log q of each at the λ of each lane.
struct StateList {
  /// The most states that are listed.
  static let limit = 256

  let count: Int
  /// The states as K = S draws: in one lane, for lanes of one λ, and in all.
  private let single, all: OwnDraws
  /// −log q and q of each state, `[S]` or `[S × B]`.
  private var entropies, probabilities: [Double]
  private var isShared = true

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
    single = OwnDraws(problem, problem.shape(samples: count, lanes: 1))
    all = OwnDraws(problem, problem.shape(samples: count, lanes: lanes))
    entropies = Array(repeating: 0, count: count * lanes)
    probabilities = entropies
    guard let family = problem.family as? any EnumerableFamily else { return }
    let (d, parameters) = (family.dimension, [Double](repeating: 0, count: problem.parameterCount))
    var list = Draws(shape: problem.shape(samples: 1, lanes: count), parameters: parameters)
    family.storeStates(from: 0, into: &list)
    for s in 0..<count {
      for i in 0..<d {
        single.block.draws.z[s * d + i] = list.z[i * count + s]
        for lane in 0..<lanes { all.block.draws.z[(s * d + i) * lanes + lane] = list.z[i * count + s] }
      }
    }
  }

  /// Computes q of all states at the λ of `draws`.
  mutating func evaluate(at draws: borrowing Draws, _ problem: Problem) {
    isShared = draws.sharesParameters
    let states = isShared ? single : all
    states.takeParameters(draws)
    states.block.evaluate(Quantities(values: .entropy), of: problem)
    let values = states.block.evaluation.values(of: .entropy)
    for i in values.indices {
      entropies[i] = values[i]
      probabilities[i] = wb_exp(-values[i])
    }
  }

  /// −log q of a state.
  func entropy(of s: Int, lane: Int) -> Double { entropies[isShared ? s : s * all.block.shape.lanes + lane] }

  /// q of a state.
  func probability(of s: Int, lane: Int) -> Double { probabilities[isShared ? s : s * all.block.shape.lanes + lane] }

  /// Stores state s as draw k of a lane.
  func store(_ s: Int, as k: Int, lane: Int, in target: OwnDraws) {
    let (d, b) = (target.block.shape.dimension, target.block.shape.lanes)
    for i in 0..<d { target.block.draws.z[(k * d + i) * b + lane] = single.block.draws.z[s * d + i] }
  }
}
