public import Randomness

/// A model of N independent data, each with a latent variable of its own (a *local* one; Hoffman et al. 2013, section 2.1):
///
///     p_θ(x, z) = Π_n p_θ(z_n) p_θ(x_n | z_n)
///
/// A lane of a block is a datum: `Draws.observations` holds its x, and its λ_n may be its own. D is the dimension of one z_n.
/// The model may be of one datum alone as well, an ordinary latent model; see `datum`.
public protocol LocalLatentModel: LearnableModel, LanewiseData {
  /// The class of a datum, for pictures; nil where none is known.
  func label(of part: DataPart, _ index: Int) -> Int?
  /// The model of one datum, `[d]`: p_θ(x, z) with x given.
  func datum(_ x: [Double]) -> any LatentModel
  /// E[x | z] of each lane, `[d × B]`, for z `[D × B]`.
  func meanObservations(at z: [Double], lanes: Int) -> [Double]
  /// A draw of p_θ(x | z) for each lane, `[d × B]`, for z `[D × B]`.
  func observationDraws(at z: [Double], lanes: Int, random: inout RandomStream) -> [Double]
  /// So many draws of p_θ(z), `[D × B]`.
  func priorDraws(lanes: Int, random: inout RandomStream) -> [Double]
  /// What makes λ of data, for a family of that many parameters, which start at `initial`, `[P]`.
  func inferenceNetwork(initial: [Double]) -> any InferenceNetwork
  /// The same model where its training starts.
  func initialized(random: inout RandomStream) -> Self
  /// Adds factor · Σ over lanes and draws of w_k ∇_θ log p_θ(x, z_k) to `gradient`, `[Q]`, from weights `[K × B]`.
  func addTotalModelGradient(
    weights: borrowing Span<Double>, factor: Double, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradient: inout MutableSpan<Double>)
}

extension LocalLatentModel {
  /// Of N(0, I).
  public func priorDraws(lanes: Int, random: inout RandomStream) -> [Double] {
    var z = [Double](repeating: 0, count: dimension * lanes)
    var span = z.mutableSpan
    random.fillNormals(&span)
    return z
  }
}

/// Data a lane of a block each.
public protocol LanewiseData: Sendable {
  /// The data of each part; 0 for a part that there is not.
  func dataCount(_ part: DataPart) -> Int
  /// d, numbers of a datum.
  var observationDimension: Int { get }
  /// M, data of a step of training.
  var minibatch: Int { get }
  /// Stores the data of those indices as `[d × B]`, lane fastest, for `Draws.observations`. Where data are drawn anew whenever
  /// they are used (dynamic binarisation), it is from `random`.
  func storeObservations(
    of part: DataPart, _ indices: [Int32], random: inout RandomStream, into observations: inout MutableSpan<Double>)
  /// Whether `storeObservations` draws.
  var observationsAreDrawn: Bool { get }
}

/// What a model of one z has for data: one datum, which it knows itself.
public struct SingleDatum: LanewiseData {
  public init() {}
  public func dataCount(_ part: DataPart) -> Int { part == .training ? 1 : 0 }
  public var observationDimension: Int { 0 }
  public var minibatch: Int { 1 }
  public var observationsAreDrawn: Bool { false }
  public func storeObservations(
    of part: DataPart, _ indices: [Int32], random: inout RandomStream, into observations: inout MutableSpan<Double>
  ) {}
}

/// Which of the data.
public enum DataPart: String, CaseIterable, Sendable {
  /// What is learned from.
  case training
  /// What is held out.
  case test
}

/// What makes the parameters λ_n of q(z_n) from x_n, with parameters φ of its own: an encoder, amortised inference (Kingma and
/// Welling 2014, section 2.3); or a table of λ_n, inference that is not amortised.
///
/// The laws: lanes do not mix; `addPullback` is the derivative of `encode`; of the `parameters` that they are lent, φ comes first
/// and what follows, the model's θ, is not read.
public protocol InferenceNetwork: Sendable {
  /// The parts of φ in order and without gaps.
  var parameterBlocks: [ParameterBlock] { get }
  /// φ where training starts.
  func initialParameters(random: inout RandomStream) -> [Double]
  /// Whether it has λ for data that it was not trained on.
  var generalizes: Bool { get }
  /// Numbers that `encode` leaves for `addPullback`, for so many lanes.
  func tapeCount(lanes: Int) -> Int
  /// Stores λ of each lane as `draws.parameters`, `[P × B]`, from its observations and index.
  func encode(_ parameters: [Double], tape: inout [Double], into draws: inout Draws)
  /// gradient += factor · Σ over lanes of (∂λ/∂φ)ᵀ c, for cotangents c `[P × B]`, after `encode`.
  func addPullback(
    _ cotangents: [Double], factor: Double, parameters: [Double], at draws: borrowing Draws, tape: inout [Double],
    into gradient: inout MutableSpan<Double>)
}

extension InferenceNetwork {
  /// Of φ.
  public var parameterCount: Int { parameterBlocks.last?.range.upperBound ?? 0 }
}

extension Problem {
  /// Adds factor · Σ over lanes of an estimate of ∇_θ of each lane's objective to `gradient`, `[Q]`; see
  /// `storeModelGradient`.
  public func addTotalModelGradient(
    factor: Double, of block: borrowing DrawBlock, into gradient: inout MutableSpan<Double>
  ) {
    if multiSample != nil {
      addTotalModelGradient(weights: block.evaluation.slopes.span, factor: factor, of: block, into: &gradient)
      return
    }
    let (draws, share) = (block.shape.drawCount, factor / Double(block.shape.samples))
    withUnsafeTemporaryAllocation(of: Double.self, capacity: draws) { weights in
      weights.initialize(repeating: 1)
      addTotalModelGradient(weights: weights.span, factor: share, of: block, into: &gradient)
    }
  }

  /// Adds factor · Σ over lanes and draws of w_k ∇_θ log p_θ(x, z_k) to `gradient`, `[Q]`, from weights `[K × B]`.
  public func addTotalModelGradient(
    weights: borrowing Span<Double>, factor: Double, of block: borrowing DrawBlock,
    into gradient: inout MutableSpan<Double>
  ) {
    if let model = model as? any LocalLatentModel {
      model.addTotalModelGradient(
        weights: weights, factor: factor, at: block.draws, block.evaluation, into: &gradient)
      return
    }
    guard !gradient.isEmpty, let model = model as? any LearnableModel else { return }
    let lanes = block.shape.lanes
    withUnsafeTemporaryAllocation(of: Double.self, capacity: gradient.count * lanes) { rows in
      rows.initialize(repeating: 0)
      var span = rows.mutableSpan
      model.addModelGradient(weights: weights, at: block.draws, block.evaluation, into: &span)
      for q in gradient.indices {
        for lane in 0..<lanes { gradient[q] += factor * rows[q * lanes + lane] }
      }
    }
  }

  /// The most states a datum that `exact(ofDatum:)` goes through.
  public static let datumStateLimit = 1 << 10

  /// The exact value and gradient of the objective of one datum x `[d]` of a `LocalLatentModel` at its own λ `[P]`; nil where
  /// they are not known, or where the family has more states than `datumStateLimit`.
  public func exact(ofDatum x: [Double], at parameters: [Double], samples: Int) -> ExactExpectation? {
    guard let local = model as? any LocalLatentModel else { return nil }
    let datum = local.datum(x)
    guard let family = family as? any EnumerableFamily else {
      return with(model: datum).exact(at: parameters, samples: samples)
    }
    guard let states = family.stateCount, states <= Self.datumStateLimit else { return nil }
    // Of sums over states the gradient in θ is most of the work, and nothing here asks for it.
    return with(model: ModelOfValues(model: datum)).exact(at: parameters, samples: samples)
  }

  /// What a step of learning takes its data from.
  public var data: any LanewiseData { model as? any LocalLatentModel ?? SingleDatum() }
}

/// A model of which nothing but its values is known, not even that it learns.
private struct ModelOfValues: LatentModel {
  let model: any LatentModel
  var dimension: Int { model.dimension }
  var terms: Terms { model.terms }
  var support: Support { model.support }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    model.evaluate(needed, at: draws, into: &evaluation)
  }
}
