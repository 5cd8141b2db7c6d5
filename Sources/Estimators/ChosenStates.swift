internal import GradientEstimation

/// What estimators share that choose K states of a family's list in each lane and sum weighted scores over them.
struct ChosenStates {
  /// All states, and q of each.
  var states: StateList
  /// Those taken.
  let taken: OwnDraws
  /// f of the states taken, and the weights of their scores, `[K × B]`.
  private(set) var values: [Double]
  var weights: [Double]
  /// Of the lane at hand the numbers of the states taken, `[K]`.
  var places: [Int]
  /// Zeros, `[P]`.
  private let centers: [Double]

  init(_ problem: Problem, _ shape: Shape) throws(EstimatorError) {
    states = try StateList(problem, lanes: shape.lanes)
    taken = OwnDraws(problem, shape)
    values = Array(repeating: 0, count: shape.drawCount)
    weights = values
    places = Array(repeating: 0, count: shape.samples)
    centers = Array(repeating: 0, count: shape.parameters)
  }

  /// Takes over λ and minibatches, and computes q of all states.
  mutating func prepare(_ draws: borrowing Draws, _ problem: Problem) {
    taken.takeParameters(draws)
    taken.takeData(draws)
    states.evaluate(at: draws, problem)
  }

  /// Makes state s the k-th that a lane takes.
  mutating func take(_ s: Int, as k: Int, lane: Int) {
    places[k] = s
    states.store(s, as: k, lane: lane, in: taken)
  }

  /// The first state with the least `height` of those that are not among the first k taken.
  func least(notAmong k: Int, _ height: (_ state: Int) -> Double) -> Int {
    var best = -1
    for s in 0..<states.count where !places[..<k].contains(s) {
      if best < 0 || height(s) < height(best) { best = s }
    }
    return best
  }

  /// q of the states that are not among the first k taken, together.
  func rest(notAmong k: Int, lane: Int) -> Double {
    var rest = 0.0
    for s in 0..<states.count where !places[..<k].contains(s) { rest += states.probability(of: s, lane: lane) }
    return rest
  }

  /// Computes f of the states taken.
  mutating func evaluate(_ terms: Terms, of problem: Problem) {
    taken.block.evaluate(Quantities(values: terms), of: problem)
    for i in values.indices { values[i] = 0 }
    taken.addValues(of: terms, to: &values)
  }

  /// gradients += Σ of the weighted scores.
  func addScores(_ problem: Problem, into gradients: inout MutableSpan<Double>) {
    problem.family.addScore(
      weights: weights.span, centers: centers.span, at: taken.block.draws, into: &gradients)
  }
}
