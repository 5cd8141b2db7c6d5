internal import CKernels
public import Randomness

/// The sizes of a block. Arrays are *replicate fastest*: element (k, d, lane) of `[K × D × B]` is at
/// `(k·D + d)·B + lane`.
public struct Shape: Hashable, Sendable {
  /// K, draws per estimate.
  public let samples: Int
  /// D, latent dimension.
  public let dimension: Int
  /// E, numbers of noise a draw; D for most families.
  public let noiseDimension: Int
  /// P, parameters of the family.
  public let parameters: Int
  /// B, replicates in the block.
  public let lanes: Int

  /// - Parameter noiseDimension: E; nil for D.
  public init(samples: Int, dimension: Int, noiseDimension: Int? = nil, parameters: Int, lanes: Int) {
    precondition(
      samples > 0 && dimension > 0 && noiseDimension ?? 1 > 0 && parameters > 0 && lanes > 0,
      "Shape: sizes must be positive")
    self.samples = samples
    self.dimension = dimension
    self.noiseDimension = noiseDimension ?? dimension
    self.parameters = parameters
    self.lanes = lanes
  }

  /// Lanes of a block: as many as keep the draws in the cache, a function of K and D alone.
  public static func lanes(samples: Int, dimension: Int) -> Int {
    var lanes = 1024
    while lanes > 32, lanes * samples * dimension > 1 << 14 { lanes /= 2 }
    return lanes
  }

  /// K·B
  public var drawCount: Int { samples * lanes }
  /// K·D·B
  public var elementCount: Int { samples * dimension * lanes }
  /// K·E·B
  public var noiseCount: Int { samples * noiseDimension * lanes }
}

/// Draws z of q_λ, with the noise they were made from and the λ of their lanes.
public struct Draws: ~Copyable {
  public let shape: Shape
  /// λ: `[P]` where every lane has the same, else `[P × B]`.
  public var parameters: [Double]
  /// ε, `[K × E × B]`: what the family maps to z.
  public var noise: [Double]
  /// z, `[K × D × B]`.
  public var z: [Double]
  /// The minibatch of each lane, `[M × B]`; empty where the whole data set is used. Where a lane is a datum, which one.
  public var dataIndices: [Int32] = []
  /// Of a `LocalLatentModel`, x of the datum that each lane is, `[d × B]`; empty where the model knows its datum itself.
  public var observations: [Double] = []

  /// Zeroed draws at a λ that all lanes share (`[P]`), or one for each lane (`[P × B]`).
  public init(shape: Shape, parameters: [Double]) {
    precondition(
      parameters.count == shape.parameters || parameters.count == shape.parameters * shape.lanes,
      "Draws: parameters must be [P] or [P × B]")
    self.shape = shape
    self.parameters = parameters
    noise = Array(repeating: 0, count: shape.noiseCount)
    z = Array(repeating: 0, count: shape.elementCount)
  }

  /// Whether every lane has the same λ.
  public var sharesParameters: Bool { parameters.count == shape.parameters }
  /// M, or 0 where the whole data set is used.
  public var minibatchSize: Int { dataIndices.count / shape.lanes }
}

/// What has been computed at the draws of a block.
///
/// Quantities that were not asked for are empty arrays.
public struct Evaluation: ~Copyable {
  public let shape: Shape
  private var valueArrays: [[Double]]
  private var gradientArrays: [[Double]]
  private var coordinateArrays: [[Double]]
  private var hessianArrays: [[Double]]
  /// What the model keeps of an evaluation for the next, such as the activations of a network: its `tapeCount` numbers.
  public private(set) var tape: [Double] = []
  /// Of an objective of several draws: log weights ℓ, `[K × B]`.
  public internal(set) var logWeights: [Double] = []
  /// φ, `[B]`.
  public internal(set) var bounds: [Double] = []
  /// φ_k = ∂φ/∂ℓ_k and ∂²φ/∂ℓ_k², `[K × B]`.
  public internal(set) var slopes: [Double] = []
  public internal(set) var curvatures: [Double] = []

  public init(shape: Shape) {
    self.shape = shape
    valueArrays = Array(repeating: [], count: Term.allCases.count)
    gradientArrays = Array(repeating: [], count: 1 << Term.allCases.count)
    coordinateArrays = valueArrays
    hessianArrays = valueArrays
  }

  /// Value of `term`, `[K × B]`.
  public func values(of term: Term) -> [Double] { valueArrays[term.rawValue] }
  /// ∇_z of the sum of `terms`, `[K × D × B]`.
  public func gradient(of terms: Terms) -> [Double] { gradientArrays[Int(terms.rawValue)] }
  /// Value of `term` coordinate by coordinate, `[K × D × B]`.
  public func coordinateValues(of term: Term) -> [Double] { coordinateArrays[term.rawValue] }
  /// ∂²/∂z_d² of `term`, `[K × D × B]`.
  public func diagonalHessian(of term: Term) -> [Double] { hessianArrays[term.rawValue] }

  /// Room for what `needed` names; keeps what is there already.
  mutating func reserve(_ needed: Quantities) {
    func room(_ array: inout [Double], _ count: Int) {
      if array.count != count { array = Array(repeating: 0, count: count) }
    }
    for term in needed.values.members { room(&valueArrays[term.rawValue], shape.drawCount) }
    for sum in needed.gradients.members { room(&gradientArrays[Int(sum.rawValue)], shape.elementCount) }
    for term in needed.coordinateValues.members { room(&coordinateArrays[term.rawValue], shape.elementCount) }
    for term in needed.diagonalHessians.members { room(&hessianArrays[term.rawValue], shape.elementCount) }
    if needed.bounds {
      room(&logWeights, shape.drawCount)
      room(&bounds, shape.lanes)
      room(&slopes, shape.drawCount)
      room(&curvatures, shape.drawCount)
    }
  }

  /// Lends the tape, with room for `count` numbers, while the quantities are stored.
  public mutating func withTape(
    count: Int, _ body: (inout Evaluation, UnsafeMutablePointer<Double>) -> Void
  ) {
    var own: [Double] = []
    swap(&own, &tape)
    if own.count != count { own = Array(repeating: 0, count: count) }
    own.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { body(&self, start) } }
    swap(&own, &tape)
  }

  /// ℓ as the sum of the values of `terms`.
  mutating func sumUpLogWeights(of terms: Terms) {
    for i in logWeights.indices { logWeights[i] = 0 }
    for term in terms.members {
      let part = valueArrays[term.rawValue]
      for i in logWeights.indices { logWeights[i] += part[i] }
    }
  }

  /// Room to store the value of `term` in, `[K × B]`.
  public mutating func withValues<R>(of term: Term, _ body: (UnsafeMutableBufferPointer<Double>) -> R) -> R {
    valueArrays[term.rawValue].withUnsafeMutableBufferPointer { body($0) }
  }

  /// Room to store ∇_z of the sum of `terms` in, `[K × D × B]`.
  public mutating func withGradient<R>(of terms: Terms, _ body: (UnsafeMutableBufferPointer<Double>) -> R) -> R {
    gradientArrays[Int(terms.rawValue)].withUnsafeMutableBufferPointer { body($0) }
  }

  /// Stores the gradient of a sum, which has those of its terms.
  mutating func addUpGradient(of sum: Terms) {
    var isFirst = true
    for term in sum.members {
      let part = gradient(of: Terms(term))
      withGradient(of: sum) { room in
        if isFirst { _ = room.update(from: part) } else { wb_add_scaled(room.baseAddress, part, 1, room.count) }
      }
      isFirst = false
    }
  }

  /// Room for both at once, `[K × B]` and `[K × D × B]`; empty where not asked for.
  public mutating func withValuesAndGradient<R>(
    of term: Term, _ body: (UnsafeMutableBufferPointer<Double>, UnsafeMutableBufferPointer<Double>) -> R
  ) -> R {
    valueArrays[term.rawValue].withUnsafeMutableBufferPointer { values in
      gradientArrays[Int(Terms(term).rawValue)].withUnsafeMutableBufferPointer { body(values, $0) }
    }
  }

  /// Room to store the coordinate values of `term` in, `[K × D × B]`.
  public mutating func withCoordinateValues<R>(
    of term: Term, _ body: (UnsafeMutableBufferPointer<Double>) -> R
  ) -> R {
    coordinateArrays[term.rawValue].withUnsafeMutableBufferPointer { body($0) }
  }

  /// Room to store ∂²/∂z_d² of `term` in, `[K × D × B]`.
  public mutating func withDiagonalHessian<R>(
    of term: Term, _ body: (UnsafeMutableBufferPointer<Double>) -> R
  ) -> R {
    hessianArrays[term.rawValue].withUnsafeMutableBufferPointer { body($0) }
  }

  /// Multiplies every quantity by 1 ± `relative`, what an error of that size would do. The signs are the hash of a number
  /// and its place: as good as random, and equal numbers at one place stay equal.
  mutating func perturb(_ needed: Quantities, relative: Double) {
    func disturb(_ array: inout [Double]) {
      for i in array.indices {
        let mixed = (array[i].bitPattern ^ UInt64(i)) &* 0x9E37_79B9_7F4A_7C15
        let sign = ((mixed ^ (mixed >> 32)) &* 0xD6E8_FEB8_6659_FD93) >> 63
        array[i] *= sign == 0 ? 1 - relative : 1 + relative
      }
    }
    for term in needed.values.members { disturb(&valueArrays[term.rawValue]) }
    for sum in needed.gradients.members { disturb(&gradientArrays[Int(sum.rawValue)]) }
    for term in needed.coordinateValues.members { disturb(&coordinateArrays[term.rawValue]) }
    for term in needed.diagonalHessians.members { disturb(&hessianArrays[term.rawValue]) }
    if needed.bounds {
      disturb(&logWeights)
      disturb(&bounds)
      disturb(&slopes)
      disturb(&curvatures)
    }
  }
}

/// A block of B replicates, K draws each, and what has been computed at them.
///
/// The harness makes it, asks every compared estimator what it needs, prepares that, and lends the block: estimators
/// borrow it, so none can change what the next one sees.
public struct DrawBlock: ~Copyable {
  public var draws: Draws
  public var evaluation: Evaluation
  public var shape: Shape { draws.shape }

  public init(shape: Shape, parameters: [Double]) {
    draws = Draws(shape: shape, parameters: parameters)
    evaluation = Evaluation(shape: shape)
  }

  /// New draws of q_λ.
  public mutating func sample(_ problem: borrowing Problem, random: inout RandomStream) {
    problem.family.sample(&draws, scheme: problem.sampling, random: &random)
  }

  /// Computes what is `needed` at the draws, each quantity once.
  public mutating func evaluate(_ needed: Quantities, of problem: borrowing Problem) {
    evaluate(needed, of: problem.model, problem.family)
    if needed.bounds {
      evaluation.reserve(needed)
      evaluateBounds(of: problem)
    }
    if problem.disturbance != 0 { evaluation.perturb(needed, relative: problem.disturbance) }
  }

  /// Makes what an objective of several draws is anew from the values that are there.
  public mutating func evaluateBounds(of problem: borrowing Problem) {
    problem.multiSample?.fill(&evaluation, problem.terms)
  }

  mutating func evaluate(_ needed: Quantities, of model: any Integrand, _ family: any VariationalFamily) {
    let own = needed.restricted(to: .entropy)
    if own != Quantities() {
      evaluation.reserve(own)
      family.evaluate(own, at: draws, into: &evaluation)
    }
    var asked = needed.restricted(to: model.terms)
    guard asked != Quantities() else { return }
    evaluation.reserve(asked)
    let sums = asked.gradients
    if !model.servesSums || model is any NumericallyDifferentiatedModel {
      asked.gradients = sums.singleTerms
      evaluation.reserve(asked)
    }
    if asked.gradients != [], let model = model as? any NumericallyDifferentiatedModel {
      var direct = asked
      direct.gradients = []
      if direct != Quantities() { model.evaluate(direct, at: draws, into: &evaluation) }
      evaluation.storeDifferences(of: asked.gradients.terms, model, at: draws)
    } else {
      model.evaluate(asked, at: draws, into: &evaluation)
    }
    for sum in sums.subtracting(asked.gradients).members { evaluation.addUpGradient(of: sum) }
  }

  /// What an estimator may rely on: that the block is one of `problem`, holds what is `needed`, and that there is room for
  /// `gradientCount` numbers, `[P × B]`.
  ///
  /// - Throws: `EstimatorError` that names the buffer of the wrong shape and its sizes.
  public borrowing func check(
    for problem: Problem, holds needed: Quantities, gradientCount: Int
  ) throws(EstimatorError) {
    let lanes = shape.lanes, p = draws.parameters.count
    try Self.check("the block's dimension", shape.dimension, problem.model.dimension)
    try Self.check("the block's number of parameters", shape.parameters, problem.parameterCount)
    try Self.check("gradients, [P × B],", gradientCount, shape.parameters * lanes)
    try Self.check("parameters, [P] or [P × B],", p, shape.parameters * (draws.sharesParameters ? 1 : lanes))
    try Self.check("noise, [K × E × B],", draws.noise.count, shape.noiseCount)
    try Self.check("z, [K × D × B],", draws.z.count, shape.elementCount)
    try Self.check("dataIndices, [M × B],", draws.dataIndices.count, draws.minibatchSize * lanes)
    if let model = problem.model as? any LocalLatentModel {
      try Self.check("observations, [d × B],", draws.observations.count, model.observationDimension * lanes)
    }
    for term in needed.values.members {
      try Self.check("values of \(term), [K × B],", evaluation.values(of: term).count, shape.drawCount)
    }
    for sum in needed.gradients.members {
      try Self.check("a gradient of terms, [K × D × B],", evaluation.gradient(of: sum).count, shape.elementCount)
    }
    for term in needed.coordinateValues.members {
      let count = evaluation.coordinateValues(of: term).count
      try Self.check("coordinate values of \(term), [K × D × B],", count, shape.elementCount)
    }
    for term in needed.diagonalHessians.members {
      let count = evaluation.diagonalHessian(of: term).count
      try Self.check("the diagonal Hessian of \(term), [K × D × B],", count, shape.elementCount)
    }
    if needed.bounds {
      try Self.check("log weights, [K × B],", evaluation.logWeights.count, shape.drawCount)
      try Self.check("bounds, [B],", evaluation.bounds.count, lanes)
      try Self.check("slopes, [K × B],", evaluation.slopes.count, shape.drawCount)
      try Self.check("curvatures, [K × B],", evaluation.curvatures.count, shape.drawCount)
    }
  }

  private static func check(
    _ what: @autoclosure () -> String, _ found: Int, _ wanted: Int
  ) throws(EstimatorError) {
    guard found == wanted else {
      throw EstimatorError("buffer of the wrong shape: \(what()) should be \(wanted) and is \(found)")
    }
  }

  /// Disturbs what was computed by relative errors of ± `relative`; see `RoundingFloor`.
  public mutating func perturb(_ needed: Quantities, relative: Double) {
    evaluation.perturb(needed, relative: relative)
  }
}
