public import GradientEstimation
public import Randomness

/// The objective of a model of data with latents of their own: the mean over the data of a part of their bounds. A model of one z
/// is one of one datum.
public struct DatumBound: Hashable, Sendable {
  /// (1/N) Σ_n φ_n, estimated.
  public var value: Double
  /// Of the draws; the data are what they are. Nil from one draw a datum.
  public var mcse: Double?

  public init(value: Double, mcse: Double?) {
    self.value = value
    self.mcse = mcse
  }
}

/// Blocks of data with their λ, the pass that leads to them, and what is drawn there.
///
/// A block's lanes are data. It is kept from one minibatch to the next of the same size.
public struct AmortizedBlock: ~Copyable {
  public var block: DrawBlock
  /// What `encode` leaves.
  public var tape: [Double]
  private let data: any LanewiseData
  private let network: any InferenceNetwork
  /// Of a model that reads minibatches of the data of its one z.
  private var minibatches: MinibatchSampler

  /// - Parameter lanes: B, data in the block.
  public init(_ problem: Problem, _ network: any InferenceNetwork, samples: Int, lanes: Int) {
    self.init(problem, network, shape: problem.shape(samples: samples, lanes: lanes))
  }

  /// - Parameter shape: of a block whose parameters are the network's outputs.
  public init(_ problem: Problem, _ network: any InferenceNetwork, shape: Shape) {
    block = DrawBlock(shape: shape, parameters: Array(repeating: 0, count: shape.parameters * shape.lanes))
    data = problem.data
    block.draws.observations = Array(repeating: 0, count: data.observationDimension * shape.lanes)
    tape = Array(repeating: 0, count: network.tapeCount(lanes: shape.lanes))
    minibatches = MinibatchSampler(problem)
    self.network = network
  }

  /// Takes those data, and makes λ of each.
  ///
  /// - Parameter parameters: φ; what follows it is not read, here and below.
  public mutating func take(
    _ indices: [Int32], of part: DataPart, parameters: [Double], random: inout RandomStream
  ) {
    if data.observationDimension > 0 {
      block.draws.dataIndices = indices
      let data = data
      var observations = block.draws.observations.mutableSpan
      data.storeObservations(of: part, indices, random: &random, into: &observations)
    } else {
      minibatches.draw(&block, random: &random)
    }
    encode(parameters)
  }

  /// Makes λ of other data in place of those, `[d × B]`.
  public mutating func encode(_ observations: [Double], parameters: [Double]) {
    block.draws.observations = observations
    encode(parameters)
  }

  private mutating func encode(_ parameters: [Double]) {
    // Lent on its own: it is not part of what the block is.
    var pass: [Double] = []
    swap(&pass, &tape)
    network.encode(parameters, tape: &pass, into: &block.draws)
    swap(&pass, &tape)
  }

  /// gradient += factor · Σ over the data of (∂λ_n/∂φ)ᵀ c_n, for `gradients` c by lane, `[P × B]`.
  public mutating func addPullback(
    _ gradients: [Double], factor: Double, parameters: [Double], into gradient: inout MutableSpan<Double>
  ) {
    var pass: [Double] = []
    swap(&pass, &tape)
    network.addPullback(
      gradients, factor: factor, parameters: parameters, at: block.draws, tape: &pass, into: &gradient)
    swap(&pass, &tape)
  }
}

extension DatumBound {
  /// Data of a block when bounds are evaluated.
  static let lanes = 128

  /// Estimates the bound of a part of the data from `draws` estimates a datum; nil where there are no data, or no λ for them.
  ///
  /// - Parameters:
  ///   - problem: with its model at θ.
  ///   - parameters: φ
  public static func estimate(
    _ problem: Problem, _ network: any InferenceNetwork, parameters: [Double], part: DataPart, samples: Int,
    draws: Int, random: inout RandomStream
  ) -> DatumBound? {
    let data = problem.data, count = data.dataCount(part), samples = problem.multiSample == nil ? 1 : samples
    guard count > 0, part == .training || network.generalizes else { return nil }
    let problem = problem.withIndependentDraws.withAllData
    var total = CompensatedSum(), spread = 0.0
    for first in stride(from: 0, to: count, by: lanes) {
      let width = min(lanes, count - first)
      var amortized = AmortizedBlock(problem, network, samples: samples, lanes: width)
      var sums = [Double](repeating: 0, count: width), squares = sums
      let indices = (first..<first + width).map { Int32($0) }
      for draw in 0..<draws {
        if draw == 0 || data.observationsAreDrawn {
          amortized.take(indices, of: part, parameters: parameters, random: &random)
        }
        amortized.block.sample(problem, random: &random)
        let values = amortized.block.objective(of: problem)
        for lane in 0..<width {
          // Welford's update.
          let deviation = values[lane] - sums[lane]
          sums[lane] += deviation / Double(draw + 1)
          squares[lane] += deviation * (values[lane] - sums[lane])
        }
      }
      for lane in 0..<width {
        total.add(sums[lane])
        if draws > 1 { spread += squares[lane] / Double(draws - 1) / Double(draws) }
      }
    }
    return DatumBound(
      value: total.total / Double(count), mcse: draws > 1 ? spread.squareRoot() / Double(count) : nil)
  }
}

extension DatumBound {
  /// The most states of all data together that are gone through for what is exact, each time that it is asked for.
  package static let stateLimit = 1 << 14

  /// What is exact of the data to train on, means over them: the bound at φ, and log p(x); each nil where a datum has none.
  public static func exact(
    _ problem: Problem, _ network: any InferenceNetwork, parameters: [Double], random: inout RandomStream
  ) -> (bound: Double?, logEvidence: Double?) {
    guard let model = problem.model as? any LocalLatentModel else {
      let found =
        problem.multiSample == nil
        ? problem.family.exactExpectation(of: problem.terms, for: problem.withAllData.model, parameters: parameters)
        : nil
      return (found?.value, (problem.model as? any LatentModel)?.logEvidence(within: stateLimit))
    }
    let count = model.dataCount(.training)
    guard !model.observationsAreDrawn else { return (nil, nil) }
    let isAffordable = (problem.family as? any EnumerableFamily).map { ($0.stateCount ?? .max) <= stateLimit / count }
    var bound = problem.multiSample == nil && isAffordable ?? true ? Optional(CompensatedSum()) : nil
    var evidence = Optional(CompensatedSum())
    for first in stride(from: 0, to: count, by: lanes) where bound != nil || evidence != nil {
      let width = min(lanes, count - first)
      var data = AmortizedBlock(problem, network, samples: 1, lanes: width)
      data.take((first..<first + width).map { Int32($0) }, of: .training, parameters: parameters, random: &random)
      for lane in 0..<width where bound != nil || evidence != nil {
        func column(_ rows: [Double]) -> [Double] { stride(from: lane, to: rows.count, by: width).map { rows[$0] } }
        let datum = model.datum(column(data.block.draws.observations))
        if let own = datum.logEvidence(within: stateLimit / count) { evidence?.add(own) } else { evidence = nil }
        guard bound != nil else { continue }
        let lambda = column(data.block.draws.parameters)
        if let own = problem.family.exactExpectation(of: problem.terms, for: datum, parameters: lambda)?.value {
          bound?.add(own)
        } else {
          bound = nil
        }
      }
    }
    return (bound.map { $0.total / Double(count) }, evidence.map { $0.total / Double(count) })
  }
}

extension DrawBlock {
  /// The objective of each lane: φ of its draws, or f(z) of one.
  mutating func objective(of problem: Problem) -> [Double] {
    if problem.multiSample != nil {
      evaluate(.bounds(of: problem.terms), of: problem)
      return evaluation.bounds
    }
    evaluate(Quantities(values: problem.terms), of: problem)
    return meanValues(of: problem.terms)
  }

  /// Σ over `terms` of the mean over a lane's draws of their values, which are there.
  public borrowing func meanValues(of terms: Terms) -> [Double] {
    var sums = [Double](repeating: 0, count: shape.lanes)
    for term in terms.members {
      let values = evaluation.values(of: term)
      for i in values.indices { sums[i % shape.lanes] += values[i] }
    }
    return sums.map { $0 / Double(shape.samples) }
  }
}
