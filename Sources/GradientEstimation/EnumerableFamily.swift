internal import CKernels

/// A family of distributions over finitely many states: every expectation is a sum.
///
/// The law: −log q and the score are functions of z and λ alone, whatever the noise holds.
public protocol EnumerableFamily: VariationalFamily {
  /// S, the number of states; nil where it is beyond `Enumeration.limit`.
  var stateCount: Int? { get }
  /// Stores the states from number `first` on as the draws z of a block of K = 1, one in each lane.
  func storeStates(from first: Int, into draws: inout Draws)
}

/// Going through all states of an `EnumerableFamily`.
public enum Enumeration {
  /// The most states that are gone through.
  public static let limit = 1 << 16
  private static let lanes = 256

  /// `base` to the power of `exponent`, or nil where it is beyond the limit.
  public static func stateCount(base: Int, exponent: Int) -> Int? {
    var count = 1
    for _ in 0..<exponent {
      count *= base
      if count > limit { return nil }
    }
    return count
  }

  /// Lends the states at λ `[P]` block by block, K = 1, with what is `needed` of `model` on all its data, and q(z) of each.
  ///
  /// - Returns: false where `family` has too many states, or is no `EnumerableFamily`.
  public static func forEachBlock(
    of family: any VariationalFamily, _ model: any Integrand, _ needed: Quantities, parameters: [Double],
    _ body: (_ block: borrowing DrawBlock, _ probabilities: [Double]) -> Void
  ) -> Bool {
    guard let family = family as? any EnumerableFamily, let count = family.stateCount else { return false }
    var model = model
    if let subsampled = model as? any SubsampledModel { model = subsampled.withAllData }
    var quantities = needed
    quantities.values.formUnion(.entropy)
    for first in stride(from: 0, to: count, by: lanes) {
      let shape = Shape(
        samples: 1, dimension: family.dimension, noiseDimension: family.noiseDimension,
        parameters: family.parameterCount, lanes: min(lanes, count - first))
      var block = DrawBlock(shape: shape, parameters: parameters)
      family.storeStates(from: first, into: &block.draws)
      block.evaluate(quantities, of: model, family)
      body(block, block.evaluation.values(of: .entropy).map { wb_exp(-$0) })
    }
    return true
  }

  /// log Σ_z p(x, z) of a model whose z are bits, over all of them; nil beyond the limit, or where no z has a finite
  /// log p(x, z).
  public static func logEvidence(ofBits model: any LatentModel) -> Double? {
    let d = model.dimension
    guard let states = stateCount(base: 2, exponent: d) else { return nil }
    var joint: [Double] = []
    joint.reserveCapacity(states)
    for first in stride(from: 0, to: states, by: evidenceLanes) {
      let lanes = min(evidenceLanes, states - first)
      var block = DrawBlock(shape: Shape(samples: 1, dimension: d, parameters: 1, lanes: lanes), parameters: [0])
      for lane in 0..<lanes { for i in 0..<d { block.draws.z[i * lanes + lane] = Double((first + lane) >> i & 1) } }
      let values = Quantities(values: [.prior, .likelihood])
      block.evaluation.reserve(values)
      model.evaluate(values, at: block.draws, into: &block.evaluation)
      for lane in 0..<lanes { joint.append(block.evaluation.sum(of: [.prior, .likelihood], at: lane)) }
    }
    guard let largest = joint.max(), largest.isFinite else { return nil }
    var total = CompensatedSum()
    for value in joint { total.add(wb_exp(value - largest)) }
    return largest + wb_log(total.total)
  }

  /// Wide enough for products of matrices.
  private static let evidenceLanes = 1024
}

extension EnumerableFamily {
  /// By enumeration of all states, in compensated sums.
  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    var own: Terms = []
    if self is any FactorizedFamily, let model = model as? any FactorizedModel {
      own = terms.intersection(model.factorizedTerms.union(.entropy))
    }
    let rest = terms.subtracting(own), (d, p) = (dimension, parameterCount)
    // Sums are of f less one of its values, which changes none of them, E s = 0: a constant f then gives exact zeros.
    var value = CompensatedSum(), level: Double?
    var coordinates = [CompensatedSum](repeating: .init(), count: d)
    var gradient = [CompensatedSum](repeating: .init(), count: p), squares = gradient, weighted = gradient
    // Weights that are no part of the sum have no gradient in θ.
    let learnable = terms.contains(.likelihood) ? model as? any LearnableModel : nil
    var inModel = [CompensatedSum](repeating: .init(), count: learnable?.modelParameters.count ?? 0)
    let isDone = Enumeration.forEachBlock(
      of: self, model,
      Quantities(values: terms, coordinateValues: own).union(learnable?.modelGradientQuantities ?? Quantities()),
      parameters: parameters
    ) { block, probabilities in
      let b = block.shape.lanes, scores = scores(at: block.draws), slopes = learnable?.slopes(at: block) ?? []
      // A state that q does not have counts nothing, whatever f is there.
      for lane in 0..<b where probabilities[lane] > 0 {
        let q = probabilities[lane]
        let whole = block.evaluation.sum(of: terms, at: lane), others = block.evaluation.sum(of: rest, at: lane)
        if level == nil, whole.isFinite { level = whole }
        let f = whole - (level ?? 0)
        value.add(q * f)
        for i in 0..<p {
          let s = scores[i * b + lane]
          gradient[i].add(q * f * s)
          squares[i].add(q * s * s)
          weighted[i].add(q * f * s * s)
        }
        for i in inModel.indices { inModel[i].add(q * slopes[i * b + lane]) }
        for i in 0..<d {
          var part = others
          for term in own.members { part += block.evaluation.coordinateValues(of: term)[i * b + lane] }
          coordinates[i].add(q * part)
        }
      }
    }
    guard isDone else { return nil }
    return ExactExpectation(
      value: value.total + (level ?? 0), gradient: gradient.map(\.total), coordinateValues: coordinates.map(\.total),
      optimalShift: zip(weighted, squares).map { $1.total > 0 ? $0.total / $1.total - value.total : 0 },
      modelGradient: learnable.map { _ in inModel.map(\.total) })
  }
}

extension Evaluation {
  /// The sum of the values of `terms` at one draw, index `[K × B]`.
  func sum(of terms: Terms, at draw: Int) -> Double {
    var sum = 0.0
    for term in terms.members { sum += values(of: term)[draw] }
    return sum
  }
}

extension LearnableModel {
  /// ∇_θ log p_θ(x, z) of each lane, summed over its draws: `[Q × B]`.
  func slopes(at block: borrowing DrawBlock) -> [Double] {
    var slopes = [Double](repeating: 0, count: modelParameters.count * block.shape.lanes)
    let ones = [Double](repeating: 1, count: block.shape.drawCount)
    var span = slopes.mutableSpan
    addModelGradient(weights: ones.span, at: block.draws, block.evaluation, into: &span)
    return slopes
  }
}

extension VariationalFamily {
  /// ∇_λ log q of each lane's draws, summed over them: `[P × B]`.
  func scores(at draws: borrowing Draws) -> [Double] {
    let shape = draws.shape
    var scores = [Double](repeating: 0, count: shape.parameters * shape.lanes)
    let ones = [Double](repeating: 1, count: shape.drawCount)
    let zeros = [Double](repeating: 0, count: shape.parameters)
    var span = scores.mutableSpan
    addScore(weights: ones.span, centers: zeros.span, at: draws, into: &span)
    return scores
  }
}

/// A sum that carries what rounding loses (Neumaier 1974).
package struct CompensatedSum: Sendable {
  private var sum = 0.0, lost = 0.0
  package init() {}
  package var total: Double { sum + lost }

  package mutating func add(_ x: Double) {
    let next = sum + x
    lost += abs(sum) >= abs(x) ? (sum - next) + x : (x - next) + sum
    sum = next
  }
}
