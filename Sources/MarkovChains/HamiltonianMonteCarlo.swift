internal import CKernels
public import GradientEstimation
public import Randomness

/// Hamiltonian Monte Carlo: B chains that move at once, each towards a density of its own.
///
/// With momenta p ~ N(0, I) and the energy H(z, p) = −log π(z) + ½ |p|², a transition takes L leapfrog steps of size ε
///
///     p ← p + ½ ε ∇log π(z),   z ← z + ε p,   p ← p + ½ ε ∇log π(z)
///
/// and accepts where they end with probability min(1, e^{H − H'}), each chain for itself. π is the posterior of each lane's
/// datum, or tempered; see `TemperedTarget`. Every transition leaves π as it is, whatever ε, as long as ε does not depend on
/// where the chain is.
///
/// - Of a `LocalLatentModel` a lane is a datum, its x in the observations; of another model all lanes are chains of one posterior.
/// - Jitter: ε of each chain and transition is multiplied by a uniform draw of [1 − jitter, 1 + jitter], so that no chain
///   goes round in circles where L ε is a period of its target (Neal 2011).
/// - An energy that is not finite, or a gradient, is a rejection. Where π is 0 at the start whatever is finite is accepted.
/// - Cost: L gradients and one value a transition and chain. Nothing is allocated on the way.
/// - Sources: Duane et al. (1987); Neal (2011).
public struct HamiltonianMonteCarlo: ~Copyable {
  /// L
  public let leapfrogSteps: Int
  /// From 0 to below 1.
  public let jitter: Double
  /// B
  public var lanes: Int { block.shape.lanes }
  /// z, `[D × B]`.
  public var positions: [Double] { block.draws.z }
  /// min(1, e^{H − H'}) of each chain in the latest transition, `[B]`.
  public private(set) var acceptances: [Double]
  /// Whether it was accepted, `[B]`.
  public private(set) var isAccepted: [Bool]
  /// Evaluations of the model and of its gradient by each chain until now.
  public private(set) var evaluations = 0
  public private(set) var gradientEvaluations = 0

  private(set) var block: DrawBlock
  /// What is known where the chains are: z, the gradients of log p(z) and of log p(x | z), `[D × B]` each; the values of both
  /// and of log b, `[B]` each.
  private var current: Point
  /// p, `[D × B]`.
  var momenta: [Double]
  private var energies, uniforms: [Double]
  /// ε of each chain, `[B]`.
  var steps: [Double]

  private struct Point {
    var z, priorGradient, likelihoodGradient: [Double]
    var prior, likelihood, base: [Double]
  }

  /// Room for so many chains of a problem's model, all at 0: `start` says where they are.
  ///
  /// - Throws: `EstimatorError` where the model is not one that chains can be of; see `check`.
  public init(
    _ problem: Problem, lanes: Int, leapfrogSteps: Int = 10, jitter: Double = 0.1
  ) throws(EstimatorError) {
    try Self.check(problem)
    guard lanes > 0, leapfrogSteps > 0, jitter >= 0, jitter < 1 else {
      throw EstimatorError("chains want at least one lane, one leapfrog step, and a jitter from 0 to below 1")
    }
    (self.leapfrogSteps, self.jitter) = (leapfrogSteps, jitter)
    let shape = problem.shape(samples: 1, lanes: lanes)
    block = DrawBlock(shape: shape, parameters: Array(repeating: 0, count: shape.parameters))
    let rows = [Double](repeating: 0, count: shape.elementCount), row = [Double](repeating: 0, count: lanes)
    current = Point(
      z: rows, priorGradient: rows, likelihoodGradient: rows, prior: row, likelihood: row, base: row)
    momenta = rows
    (energies, uniforms, steps, acceptances) = (row, row, row, row)
    isAccepted = Array(repeating: false, count: lanes)
  }

  /// - Throws: `EstimatorError` where the model is no p(x, z) of real z whose gradient is known.
  public static func check(_ problem: Problem) throws(EstimatorError) {
    guard problem.model is any LatentModel else {
      throw EstimatorError("chains are of a posterior, and this is a cost function: take a model p(x, z)")
    }
    guard problem.model.support == .real else {
      throw EstimatorError("chains move in all of ℝ^D, and the model is of \(problem.model.support.description)")
    }
    guard problem.model is any DifferentiableModel else {
      throw EstimatorError("chains follow ∇_z log p(x, z), which this model does not have")
    }
    if let model = problem.model as? any SubsampledModel, model.minibatch != nil {
      throw EstimatorError(
        "chains are of the posterior of all data, and this model reads minibatches: take minibatch=none")
    }
  }

  /// Places the chains: evaluates the model there, with its gradient.
  ///
  /// - Parameters:
  ///   - problem: with its model at θ; of the same shape as that of `init`.
  ///   - positions: z, `[D × B]`.
  ///   - observations: x, `[d × B]`; empty where the model knows its data itself.
  /// - Throws: `EstimatorError` that names the array of the wrong shape.
  public mutating func start(
    _ problem: Problem, at positions: [Double], observations: [Double] = []
  ) throws(EstimatorError) {
    let wanted = ((problem.model as? any LocalLatentModel)?.observationDimension ?? 0) * lanes
    guard problem.model.dimension == block.shape.dimension, positions.count == block.shape.elementCount else {
      throw EstimatorError(
        "buffer of the wrong shape: positions, [D × B], should be \(block.shape.elementCount) and are \(positions.count)"
      )
    }
    guard observations.count == wanted else {
      throw EstimatorError(
        "buffer of the wrong shape: observations, [d × B], should be \(wanted) and are \(observations.count)")
    }
    Self.copy(positions, to: &block.draws.z)
    if block.draws.observations.count == wanted {
      Self.copy(observations, to: &block.draws.observations)
    } else {
      block.draws.observations = observations
    }
    evaluate(problem, values: true)
    keepAll()
  }

  /// Moves every chain once, from where `start` or the transition before left it.
  ///
  /// - Parameters:
  ///   - target: π, which may be another in each transition.
  ///   - stepSize: ε, above 0.
  /// - Returns: the mean over the chains of min(1, e^{H − H'}), what a `StepSizeAdaptation` takes.
  @discardableResult
  public mutating func transition(
    _ problem: Problem, target: TemperedTarget = .posterior, stepSize: Double, random: inout RandomStream
  ) -> Double {
    let lanes = lanes
    refresh(stepSize, &random)
    storeBase(of: target)
    for lane in 0..<lanes {
      energies[lane] =
        kineticEnergy(lane)
        - target.value(
          prior: current.prior[lane], likelihood: current.likelihood[lane], base: current.base[lane])
    }
    integrate(problem, target)
    return decide(target)
  }

  /// The same of chains that are kept elsewhere: places them, moves them once and returns where they are.
  ///
  /// - Parameters:
  ///   - positions: z, `[D × B]`.
  ///   - beta: β, from 0 to 1.
  /// - Throws: `EstimatorError` that names the array of the wrong shape.
  @discardableResult
  public mutating func transition(
    _ problem: Problem, _ positions: inout [Double], observations: [Double], beta: Double = 1, stepSize: Double,
    random: inout RandomStream
  ) throws(EstimatorError) -> Double {
    try start(problem, at: positions, observations: observations)
    let acceptance = transition(problem, target: TemperedTarget(beta: beta), stepSize: stepSize, random: &random)
    Self.copy(block.draws.z, to: &positions)
    return acceptance
  }

  /// Adds factor · d log π_β/dβ where the chains are, log p(x | z) or log p(x, z) − log b(z), to `sums`, `[B]`.
  public mutating func addPathDerivative(of target: TemperedTarget, factor: Double, to sums: inout [Double]) {
    storeBase(of: target)
    for lane in sums.indices {
      let own = current.likelihood[lane]
      sums[lane] += factor * (target.base == nil ? own : own + current.prior[lane] - current.base[lane])
    }
  }

  /// log p(x, z) of each chain where it is, `[B]`.
  public var logJoint: [Double] { zip(current.prior, current.likelihood).map { $0 + $1 } }
}

// MARK: Parts of a transition

extension HamiltonianMonteCarlo {
  /// New momenta, step sizes and the uniforms that decide.
  private mutating func refresh(_ stepSize: Double, _ random: inout RandomStream) {
    var span = momenta.mutableSpan
    random.fillNormals(&span)
    if jitter > 0 {
      var span = steps.mutableSpan
      random.fillUniforms(&span)
      for lane in steps.indices { steps[lane] = stepSize * (1 + jitter * (2 * steps[lane] - 1)) }
    } else {
      for lane in steps.indices { steps[lane] = stepSize }
    }
    var deciding = uniforms.mutableSpan
    random.fillUniforms(&deciding)
  }

  private func kineticEnergy(_ lane: Int) -> Double {
    var sum = 0.0
    for d in 0..<block.shape.dimension {
      let p = momenta[d * lanes + lane]
      sum += p * p
    }
    return 0.5 * sum
  }

  /// The leapfrog steps of all chains, from where they are: the block is where they lead, with values and gradients there.
  mutating func integrate(_ problem: Problem, _ target: TemperedTarget) {
    for step in 0..<leapfrogSteps {
      if step == 0 {
        kick(target, 0.5, z: current.z, current.priorGradient, current.likelihoodGradient)
      }
      drift()
      let isLast = step == leapfrogSteps - 1
      evaluate(problem, values: isLast)
      kick(
        target, isLast ? 0.5 : 1, z: block.draws.z, block.evaluation.gradient(of: .prior),
        block.evaluation.gradient(of: .likelihood))
    }
  }

  /// p += share · ε ∇log π(z)
  private mutating func kick(
    _ target: TemperedTarget, _ share: Double, z: [Double], _ prior: [Double], _ likelihood: [Double]
  ) {
    let lanes = lanes, (a, b) = (target.priorWeight, target.beta)
    for d in 0..<block.shape.dimension {
      let row = d * lanes
      if a != 0 {
        for lane in 0..<lanes { momenta[row + lane] += share * a * steps[lane] * prior[row + lane] }
      }
      if b != 0 {
        for lane in 0..<lanes { momenta[row + lane] += share * b * steps[lane] * likelihood[row + lane] }
      }
      guard let base = target.base, b != 1 else { continue }
      let mean = base.mean[d], slope = share * (1 - b) * base.precision[d]
      for lane in 0..<lanes { momenta[row + lane] -= slope * steps[lane] * (z[row + lane] - mean) }
    }
  }

  /// z += ε p
  private mutating func drift() {
    let lanes = lanes
    for d in 0..<block.shape.dimension {
      for lane in 0..<lanes { block.draws.z[d * lanes + lane] += steps[lane] * momenta[d * lanes + lane] }
    }
  }

  private static let gradients = TermSums(.prior).union(TermSums(.likelihood))

  private mutating func evaluate(_ problem: Problem, values: Bool) {
    block.evaluate(
      Quantities(values: values ? [.prior, .likelihood] : [], gradientSums: Self.gradients, coordinateValues: []),
      of: problem)
    if values { evaluations += 1 }
    gradientEvaluations += 1
  }

  /// log b where the chains are.
  private mutating func storeBase(of target: TemperedTarget) {
    if let base = target.base { base.storeLogDensity(current.z, into: &current.base) }
  }

  /// Accepts or rejects, chain by chain.
  private mutating func decide(_ target: TemperedTarget) -> Double {
    let prior = block.evaluation.values(of: .prior), likelihood = block.evaluation.values(of: .likelihood)
    let lanes = lanes
    // Where a chain was is not needed any more once its energy is: the row of log b is free for where it goes.
    if let base = target.base { base.storeLogDensity(block.draws.z, into: &current.base) }
    var sum = 0.0
    for lane in 0..<lanes {
      let energy =
        kineticEnergy(lane)
        - target.value(prior: prior[lane], likelihood: likelihood[lane], base: current.base[lane])
      let change = energies[lane] - energy
      // Not finite: an energy that is no number, or a state of density 0 or ∞.
      acceptances[lane] = energy.isFinite && !change.isNaN ? (change >= 0 ? 1 : wb_exp(change)) : 0
      isAccepted[lane] = uniforms[lane] < acceptances[lane]
      sum += acceptances[lane]
    }
    keep()
    return sum / Double(lanes)
  }

  /// What is known of the block becomes what is known of where the chains are, of those that accepted; the others go back.
  private mutating func keep() {
    let lanes = lanes
    let prior = block.evaluation.values(of: .prior), likelihood = block.evaluation.values(of: .likelihood)
    let priorGradient = block.evaluation.gradient(of: .prior)
    let likelihoodGradient = block.evaluation.gradient(of: .likelihood)
    for lane in 0..<lanes where isAccepted[lane] {
      (current.prior[lane], current.likelihood[lane]) = (prior[lane], likelihood[lane])
    }
    for d in 0..<block.shape.dimension {
      for lane in 0..<lanes {
        let i = d * lanes + lane
        if isAccepted[lane] {
          current.z[i] = block.draws.z[i]
          current.priorGradient[i] = priorGradient[i]
          current.likelihoodGradient[i] = likelihoodGradient[i]
        } else {
          block.draws.z[i] = current.z[i]
        }
      }
    }
  }

  private mutating func keepAll() {
    for lane in isAccepted.indices { isAccepted[lane] = true }
    keep()
  }

  private static func copy(_ source: [Double], to target: inout [Double]) {
    target.withUnsafeMutableBufferPointer { _ = $0.update(from: source) }
  }
}
