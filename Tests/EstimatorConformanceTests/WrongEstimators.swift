import GradientEstimation
import Randomness

// Estimators that are wrong on purpose, each by one of the mistakes that are made. All are written as a plug-in would
// write them, and claim to be right.

/// What the mistakes in a rule on score and pathwise have in common: no options, no state.
protocol Wrong: GradientEstimator where State == NoState, Workspace == NoWorkspace {
  static var id: String { get }
}

extension Wrong {
  static var descriptor: Descriptor<Self> { Descriptor(id: id, summary: "wrong on purpose") }
}

extension Problem {
  /// f of each draw, `[K × B]`.
  func signal(_ block: borrowing DrawBlock) -> [Double] {
    terms.members.reduce(into: [Double](repeating: 0, count: block.shape.drawCount)) { sum, term in
      for (i, value) in block.evaluation.values(of: term).enumerated() { sum[i] += value }
    }
  }

  func addScore(_ weights: [Double], _ block: borrowing DrawBlock, _ gradients: inout MutableSpan<Double>) {
    let centers = [Double](repeating: 0, count: family.parameterCount)
    family.addScore(weights: weights.span, centers: centers.span, at: block.draws, into: &gradients)
  }

  /// The right pathwise gradient of the terms but the entropy, and the entropy's.
  func addPathwise(_ block: borrowing DrawBlock, _ gradients: inout MutableSpan<Double>) {
    guard let family = family as? any ReparameterizableFamily else { return }
    let factor = 1 / Double(block.shape.samples)
    for part in terms.subtracting(.entropy).parts.members {
      family.addPullback(
        cotangents: block.evaluation.gradient(of: part).span, factor: factor, at: block.draws, into: &gradients)
    }
    if terms.contains(.entropy) {
      family.addPathwiseEntropyGradient(factor: factor, at: block.draws, into: &gradients)
    }
  }

  func pathwiseRequirements(samples: Int, claims: Claims = .meanOfDraws) throws(EstimatorError) -> Requirements {
    guard model is any DifferentiableModel else { throw EstimatorError("needs the gradient of the model in z") }
    return Requirements(
      quantities: Quantities(gradients: terms.subtracting(.entropy)), gradientEvaluations: Double(samples) * dataShare,
      claims: claims)
  }
}

/// A score estimator that weights each draw by what `weights` makes of its lane's f.
protocol WrongScore: Wrong {
  /// Weights of the K draws of a lane, from their f.
  static func weights(_ f: [Double]) -> [Double]
  static var minimum: Int { get }
}

extension WrongScore {
  static var minimum: Int { 1 }

  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    Requirements(
      quantities: Quantities(values: problem.terms), minimumSamples: Self.minimum,
      evaluations: Double(samples) * problem.dataShare)
  }

  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    var signal = problem.signal(block)
    let (k, b) = (block.shape.samples, block.shape.lanes)
    for lane in 0..<b {
      let weights = Self.weights((0..<k).map { signal[$0 * b + lane] })
      for draw in 0..<k { signal[draw * b + lane] = weights[draw] }
    }
    problem.addScore(signal, block, &gradients)
  }
}

/// The baseline is the mean of all draws, a draw's own among them.
struct OwnSampleBaseline: WrongScore {
  static let id = "own-sample-baseline"
  static var minimum: Int { 2 }
  static func weights(_ f: [Double]) -> [Double] {
    let mean = f.reduce(0, +) / Double(f.count)
    return f.map { ($0 - mean) / Double(f.count) }
  }
}

/// A running baseline that has seen a tenth of each draw before it is subtracted from it.
struct RunningOwnSample: WrongScore {
  static let id = "running-own-sample"
  static func weights(_ f: [Double]) -> [Double] { f.map { ($0 - (0.9 * -4 + 0.1 * $0)) / Double(f.count) } }
}

/// Leave-one-out as a sample covariance over n, not n − 1: of one draw it is zero.
struct LeaveOneOutOverN: WrongScore {
  static let id = "leave-one-out-over-n"
  static func weights(_ f: [Double]) -> [Double] {
    let n = Double(f.count), sum = f.reduce(0, +)
    return f.map { f.count == 1 ? 0 : ($0 - (sum - $0) / (n - 1)) * (n - 1) / (n * n) }
  }
}

/// Averages the first draw n times, and claims a mean over n draws.
struct CopiesOfOneDraw: Wrong {
  static let id = "copies-of-one-draw"
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    Requirements(
      quantities: Quantities(values: problem.terms), evaluations: Double(samples) * problem.dataShare,
      claims: .meanOfDraws)
  }
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    var weights = problem.signal(block)
    for i in weights.indices where i >= block.shape.lanes { weights[i] = 0 }
    problem.addScore(weights, block, &gradients)
  }
}

/// A pathwise estimator whose gradients `spoil` changes.
protocol WrongPathwise: Wrong {
  /// Changes the gradients `[P × B]` of a family with `dimension` means and as many log scales.
  static func spoil(_ gradients: inout MutableSpan<Double>, _ block: borrowing DrawBlock)
}

extension WrongPathwise {
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try problem.pathwiseRequirements(samples: samples)
  }
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    problem.addPathwise(block, &gradients)
    Self.spoil(&gradients, block)
  }
}

/// The gradient in σ where it should be in log σ.
struct MissingScaleFactor: WrongPathwise {
  static let id = "missing-scale-factor"
  static func spoil(_ gradients: inout MutableSpan<Double>, _ block: borrowing DrawBlock) {
    let shape = block.shape
    for p in shape.dimension..<shape.parameters {
      var scale = 1.0
      // e^x by its series: |x| is at most 2 here.
      for n in stride(from: 30.0, to: 0, by: -1) { scale = 1 + scale * block.draws.parameters[p] / n }
      for lane in 0..<shape.lanes { gradients[p * shape.lanes + lane] /= scale }
    }
  }
}

/// The second coordinate has the wrong sign.
struct SignError: WrongPathwise {
  static let id = "sign-error"
  static func spoil(_ gradients: inout MutableSpan<Double>, _ block: borrowing DrawBlock) {
    for lane in 0..<block.shape.lanes { gradients[block.shape.lanes + lane] *= -1 }
  }
}

/// The first two coordinates are off by as much in opposite directions: their sum is right.
struct OppositeBiases: WrongPathwise {
  static let id = "opposite-biases"
  static func spoil(_ gradients: inout MutableSpan<Double>, _ block: borrowing DrawBlock) {
    let b = block.shape.lanes
    for lane in 0..<b {
      gradients[lane] += 0.2
      gradients[b + lane] -= 0.2
    }
  }
}

/// Everything 2 % too small.
struct ShrunkByTwoPercent: WrongPathwise {
  static let id = "shrunk-by-two-percent"
  static func spoil(_ gradients: inout MutableSpan<Double>, _ block: borrowing DrawBlock) {
    for i in gradients.indices { gradients[i] *= 0.98 }
  }
}

/// What is not finite becomes zero, and nobody counts it.
struct NonfiniteAsZero: WrongPathwise {
  static let id = "nonfinite-as-zero"
  static func spoil(_ gradients: inout MutableSpan<Double>, _ block: borrowing DrawBlock) {
    for i in gradients.indices where !gradients[i].isFinite { gradients[i] = 0 }
  }
}

/// The baseline of a lane is the f of the lane before: unbiased, and yet lanes are not independent.
struct LeakBetweenLanes: Wrong {
  static let id = "leak-between-lanes"
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    Requirements(quantities: Quantities(values: problem.terms), evaluations: Double(samples) * problem.dataShare)
  }
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    let signal = problem.signal(block)
    var weights = signal, baseline = -4.0
    for i in weights.indices {
      if i % block.shape.lanes == 0 { baseline = -4 }
      weights[i] = (signal[i] - baseline) / Double(block.shape.samples)
      baseline = signal[i]
    }
    problem.addScore(weights, block, &gradients)
  }
}

/// A baseline kept in scratch from one block to the next.
struct LearnsWhileEstimating: GradientEstimator {
  static let descriptor = Descriptor<Self>(id: "learns-while-estimating", summary: "wrong on purpose")
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    Requirements(quantities: Quantities(values: problem.terms), evaluations: Double(samples) * problem.dataShare)
  }
  func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Double { 0 }
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Double, into gradients: inout MutableSpan<Double>
  ) {
    let signal = problem.signal(block), baseline = workspace
    problem.addScore(signal.map { ($0 - baseline) / Double(block.shape.samples) }, block, &gradients)
    workspace = 0.9 * baseline + 0.1 * signal.reduce(0, +) / Double(signal.count)
  }
}

/// Draws from the stream that it is lent, and does not say so.
struct UndeclaredNumbers: Wrong {
  static let id = "undeclared-numbers"
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try problem.pathwiseRequirements(samples: samples, claims: [])
  }
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    problem.addPathwise(block, &gradients)
    var noise = [Double](repeating: 0, count: gradients.count), span = noise.mutableSpan
    random.fillNormals(&span)
    for i in noise.indices { gradients[i] += noise[i] }
  }
}

/// The total derivative, which keeps the score term, and claims to vanish at the posterior.
struct FalseClaim: Wrong {
  static let id = "false-claim"
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try problem.pathwiseRequirements(samples: samples, claims: .zeroAtPosterior)
  }
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) { problem.addPathwise(block, &gradients) }
}

/// Half of the gradient, as it says; but it says that it is a third.
struct MisstatedBias: WrongPathwise {
  static let id = "misstated-bias"
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    var requirements = try problem.pathwiseRequirements(samples: samples, claims: [])
    requirements.bias = .biased("a third of the gradient")
    return requirements
  }
  func expectedGradient(of problem: Problem, samples: Int, parameters: [Double]) -> [Double]? {
    problem.exact(at: parameters)?.gradient.map { $0 / 3 }
  }
  static func spoil(_ gradients: inout MutableSpan<Double>, _ block: borrowing DrawBlock) {
    for i in gradients.indices { gradients[i] *= 0.5 }
  }
}

/// Refuses every cost function without a word.
struct SilentRefusal: Wrong {
  static let id = "silent-refusal"
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard problem.terms.contains(.entropy) else { throw EstimatorError("unsupported") }
    return try problem.pathwiseRequirements(samples: samples, claims: [])
  }
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) { problem.addPathwise(block, &gradients) }
}

/// ARM, with f of the draw and f of its mirror image in each other's place.
struct SwappedEvaluations: Wrong {
  static let id = "swapped-evaluations"
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard problem.family is any IndependentBernoulliFamily else {
      throw EstimatorError("needs a family of independent Bernoullis")
    }
    return Requirements(
      quantities: Quantities(values: problem.terms), evaluations: Double(2 * samples) * problem.dataShare,
      claims: .meanOfDraws)
  }
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any IndependentBernoulliFamily else { return }
    let (shape, noise) = (block.shape, block.draws.noise)
    var mirrored = DrawBlock(shape: shape, parameters: block.draws.parameters)
    mirrored.draws.noise = noise.map { 1 - $0 }
    family.transform(&mirrored.draws)
    mirrored.evaluate(Quantities(values: problem.terms), of: problem)
    let (first, second) = (problem.signal(mirrored), problem.signal(block))
    var cotangents = [Double](repeating: 0, count: shape.dimension * shape.lanes)
    for i in noise.indices {
      let draw = i / (shape.dimension * shape.lanes) * shape.lanes + i % shape.lanes
      cotangents[i % cotangents.count] += (first[draw] - second[draw]) * (noise[i] - 0.5) / Double(shape.samples)
    }
    family.addLogitPullback(cotangents.span, at: block.draws, into: &gradients)
  }
}

/// A right estimator's gradient, 2 % too small.
struct Shrunk<Base: GradientEstimator>: GradientEstimator {
  private let base = Base()
  static var descriptor: Descriptor<Self> { Descriptor(id: "shrunk-\(Base.descriptor.id)", summary: "2 % too small") }
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    var requirements = try base.requirements(samples: samples, of: problem)
    requirements.claims = []
    return requirements
  }
  func initialState(for problem: Problem, parameters: [Double]) -> Base.State {
    base.initialState(for: problem, parameters: parameters)
  }
  func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Base.Workspace {
    try base.makeWorkspace(for: problem, shape: shape)
  }
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: Base.State, random: inout RandomStream,
    workspace: inout Base.Workspace, into gradients: inout MutableSpan<Double>
  ) {
    base.estimate(problem, block, state: state, random: &random, workspace: &workspace, into: &gradients)
    for i in gradients.indices { gradients[i] *= 0.98 }
  }
}
