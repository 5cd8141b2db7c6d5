public import GradientEstimation
public import Optimization
public import Randomness

/// Maximum a posteriori: a point ẑ_n in place of q(z_n), which an encoder makes of x_n or is a parameter of its own; ẑ and θ climb
/// log p_θ(x, ẑ). With `objective=reconstruction` they climb log p_θ(x | ẑ), and an encoder and a decoder are the plain
/// auto-encoder: auto-encoding variational Bayes with σ = 0 and without the divergence from the prior.
public struct MaximumAPosteriori: LearningAlgorithm {
  /// What is climbed.
  public enum PointObjective: String, CaseIterable, Sendable {
    /// log p(x, z)
    case joint
    /// log p(x | z)
    case reconstruction
  }

  public var objective = PointObjective.joint

  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "map", summary: "maximum a posteriori: points in place of distributions; the plain auto-encoder too",
    equation: "(φ, θ) += α N/M Σ_n ∇_{φ,θ} log p_θ(x_n, f_φ(x_n))",
    notes: [
      Note("Takes", "an optimizer. The encoder gives z itself, or z_n is free where the model says amortised=false."),
      Note("Model", "any p(x, z) of real z with a gradient; one of a single z counts as one datum."),
      Note(
        "Bound", "what it climbs is written where bounds are, and is none: a density at a point is not below log p(x)."),
      Note(
        "Plain auto-encoder",
        "map:objective=reconstruction, q with σ = 0 and no prior. A prior's own network follows log p(z)."),
    ],
    references: [
      Reference("bishop2006", "section 4.4"), Reference("hinton2006"), Reference("kingma2014", "section 4"),
    ],
    options: [
      .choice("objective", \.objective, "joint: log p(x, z); reconstruction: log p(x | z), the plain auto-encoder")
    ]
  )

  public var ingredients: Ingredients { .optimizer }

  private var terms: Terms { objective == .joint ? [.prior, .likelihood] : .likelihood }

  public func check(_ problem: Problem) throws(EstimatorError) {
    guard problem.model is any LatentModel, problem.model is any DifferentiableModel, problem.model.support == .real
    else { throw EstimatorError("needs a model p(x, z) of real z that gives ∇_z") }
  }

  public func makeRule(
    _ setting: LearningSetting, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    try check(setting.problem)
    let problem = setting.problem, start = [Double](repeating: 0, count: problem.model.dimension)
    let network: any InferenceNetwork =
      (problem.model as? any LocalLatentModel)?.inferenceNetwork(initial: start)
      ?? FreeParameters(dataCount: 1, initial: start)
    guard let optimizer = setting.optimizer else { throw EstimatorError("needs an optimizer") }
    func open<O: Optimizer>(_ optimizer: O) -> any LearningRule {
      PointSteps(setting, network, optimizer, terms, random: &random)
    }
    return open(optimizer)
  }
}

private final class PointSteps<O: Optimizer>: LearningRule {
  private let initial: Problem
  private let inference: any InferenceNetwork
  private let terms: Terms
  private let ascent: JointAscent<O>
  private var benches: [Int: Bench] = [:]
  let start: (parameters: [Double], state: O.State)

  private final class Bench {
    var data: AmortizedBlock
    init(_ data: consuming AmortizedBlock) { self.data = data }
  }

  init(
    _ setting: LearningSetting, _ network: any InferenceNetwork, _ optimizer: O, _ terms: Terms,
    random: inout RandomStream
  ) {
    let phi = network.initialParameters(random: &random)
    initial = setting.problem.initialized(random: &random)
    let theta = (initial.model as? any LearnableModel)?.modelParameters ?? []
    (inference, self.terms) = (network, terms)
    ascent = JointAscent(
      optimizer, networkCount: phi.count, modelCount: theta.count, updates: setting.epochs * setting.stepsPerEpoch)
    start = (phi + theta, ascent.initialState)
  }

  var parameterBlocks: [ParameterBlock] { initial.parameterBlocks(after: inference) }
  var dataPerStep: Int { initial.data.minibatch }
  /// Points have no λ of a q.
  var network: (any InferenceNetwork)? { nil }
  func problem(at parameters: [Double]) -> Problem { initial.at(parameters, after: inference.parameterCount) }

  /// Takes the data, and makes z of each.
  private static func take(
    _ bench: Bench, _ indices: [Int32], _ part: DataPart, _ parameters: [Double], _ random: inout RandomStream
  ) {
    bench.data.take(indices, of: part, parameters: parameters, random: &random)
    bench.data.block.draws.z = bench.data.block.draws.parameters
  }

  func step(
    _ indices: [Int32], number: Int, parameters: inout [Double], state: inout O.State, streams: inout EpochStreams
  ) -> LearningStep {
    let bench = bench(lanes: indices.count), problem = problem(at: parameters), share = problem.dataShare
    let factor = Double(problem.data.dataCount(.training)) / Double(indices.count)
    Self.take(bench, indices, .training, parameters, &streams.order)
    let wanted = Quantities(values: terms, gradients: terms).union(
      (problem.model as? any LearnableModel)?.modelGradientQuantities ?? Quantities())
    bench.data.block.evaluate(wanted, of: problem)
    ascent.clear()
    let slopes = bench.data.block.evaluation.gradient(of: terms), ones = [Double](repeating: 1, count: indices.count)
    ascent.addToNetwork(slopes, factor: factor, parameters: parameters, through: &bench.data)
    ascent.addToModel(problem, weights: ones, factor: factor, of: bench.data.block)
    let bounds = bench.data.block.meanValues(of: terms)
    let isFinite = ascent.update(&parameters, &state, number: number)
    return LearningStep(
      bound: bounds.reduce(0, +) / Double(bounds.count), evaluations: share, gradientEvaluations: share,
      isFinite: isFinite)
  }

  private func bench(lanes: Int) -> Bench {
    if let known = benches[lanes] { return known }
    let made = makeBench(initial, lanes)
    benches[lanes] = made
    return made
  }

  private func makeBench(_ problem: Problem, _ lanes: Int) -> Bench {
    let d = problem.model.dimension
    return Bench(
      AmortizedBlock(problem, inference, shape: Shape(samples: 1, dimension: d, parameters: d, lanes: lanes)))
  }

  func bounds(at parameters: [Double], random: inout RandomStream) -> LearningBounds {
    let problem = problem(at: parameters).withAllData
    var evidence: Double?
    func mean(_ part: DataPart, _ random: inout RandomStream) -> DatumBound? {
      let count = problem.data.dataCount(part)
      guard count > 0, part == .training || inference.generalizes else { return nil }
      var total = 0.0
      for first in stride(from: 0, to: count, by: 128) {
        let width = min(128, count - first), bench = makeBench(problem, width)
        Self.take(bench, (first..<first + width).map { Int32($0) }, part, parameters, &random)
        bench.data.block.evaluate(Quantities(values: terms), of: problem)
        total += bench.data.block.meanValues(of: terms).reduce(0, +)
      }
      return DatumBound(value: total / Double(count), mcse: 0)
    }
    if let model = problem.model as? any ExactLikelihoodModel {
      evidence = model.logLikelihood(of: .training)
    } else if !problem.hasLocalLatents {
      evidence = (problem.model as? any LatentModel)?.logEvidence(within: DatumBound.stateLimit)
    }
    let train = mean(.training, &random)
    return LearningBounds(train: train, test: mean(.test, &random), logEvidence: evidence)
  }
}
