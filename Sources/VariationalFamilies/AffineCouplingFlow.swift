internal import CKernels
internal import Foundation
public import GradientEstimation
public import Randomness

/// A normalising flow of L affine couplings (Real NVP) over independent normals.
///
/// - z⁰ = mean + e^{log_scale} ⊙ ε, ε ~ N(0, I), and z = z^L by L couplings. The first keeps coordinates 1, 3, 5 … and moves
///   the others by what a network of H hidden units reads of them, z_d ← z_d e^{s_d} + t_d; the second keeps what the first
///   moved, and so on in turns. See `AffineCoupling`, which has the network's equation: |s| is below 2.
/// - λ: blocks `mean` and `log_scale`, D each, and of the networks, coupling by coupling and in each hidden unit by hidden
///   unit, `input_weight` (of the coordinates kept), `hidden_bias`, `shift_weight` and `log_scale_weight` (of the coordinates
///   moved): P = 2D + L H (1 + D + number moved), about 2D + L H (1 + 3D/2). t and s have no constants: `mean` and
///   `log_scale` are those. Where the last two blocks are zero, q is the mean-field normal.
/// - log q(z) = Σ_d (log N(ε_d) − log_scale_d) − Σ_ℓ Σ s^ℓ, with ε and all s from z by the couplings' inverses.
/// - score: ∇_λ log q(z) at fixed z is the derivative of the draw in λ, taken along −∇_z log q, less that of Σ log_scale + Σ s.
/// - Pathwise entropy: d/dλ [−log q(g(ε, λ))] is that of Σ log_scale + Σ s, which depends on ε.
/// - No closed forms, not of the entropy. With D = 2 expectations of differentiable integrands are known by quadrature.
/// - Reference: Dinh, Sohl-Dickstein and Bengio (2017), sections 3.2 and 3.5; for variational inference Rezende and Mohamed
///   (2015).
/// - Cost: O(L H D) a draw.
public struct AffineCouplingFlow: ReparameterizableFamily, TransformedFamily {
  public let dimension: Int
  /// L
  public let layers: Int
  /// H
  public let hidden: Int
  let couplings: [AffineCoupling]
  public var pathwiseEntropyIsExact: Bool { false }

  /// - Precondition: D is at least 2, L and H at least 1.
  public init(dimension: Int, layers: Int, hidden: Int) {
    precondition(dimension >= 2 && layers >= 1 && hidden >= 1, "AffineCouplingFlow: nothing to couple")
    self.dimension = dimension
    self.layers = layers
    self.hidden = hidden
    let odd = (dimension + 1) / 2
    let kept = (0..<layers).map { $0 % 2 == 0 ? odd : dimension - odd }
    let inputs = hidden * kept.reduce(0, +), outputs = hidden * (layers * dimension) - inputs
    let biases = 2 * dimension + inputs, shifts = biases + hidden * layers, logScales = shifts + outputs
    blockStarts = [0, dimension, 2 * dimension, biases, shifts, logScales, logScales + outputs]
    couplings = kept.enumerated().map { layer, count in
      let keptBefore = kept[..<layer].reduce(0, +), movedBefore = layer * dimension - keptBefore
      return AffineCoupling(
        kept: layer % 2, keptCount: count, movedCount: dimension - count, hidden: hidden,
        inputs: 2 * dimension + hidden * keptBefore, biases: biases + hidden * layer,
        shifts: shifts + hidden * movedBefore, logScales: logScales + hidden * movedBefore)
    }
  }

  /// Where the blocks begin in λ, and P.
  private let blockStarts: [Int]
  private static let blockNames = [
    "mean", "log_scale", "input_weight", "hidden_bias", "shift_weight", "log_scale_weight",
  ]
  public var parameterCount: Int { blockStarts[Self.blockNames.count] }
  public var parameterBlocks: [ParameterBlock] {
    Self.blockNames.enumerated().map { ParameterBlock(name: $1, range: blockStarts[$0]..<blockStarts[$0 + 1]) }
  }

  /// N(0, I): the networks' outputs have no weight yet. Hidden units differ, so that they part: with φ the golden section,
  /// the n-th input weight is √(3/keptCount) (2 {nφ} − 1), and the n-th bias 2 {n√2} − 1, {x} the fractional part of x.
  public var initialParameters: [Double] {
    func spread(_ n: Int, _ number: Double) -> Double {
      let x = Double(n) * number
      return 2 * (x - x.rounded(.down)) - 1
    }
    var parameters = [Double](repeating: 0, count: parameterCount)
    let golden = 0.5 * (5.0.squareRoot() - 1), root = 2.0.squareRoot()
    for coupling in couplings {
      let size = (3 / Double(coupling.keptCount)).squareRoot()
      for p in coupling.inputs..<coupling.inputs + hidden * coupling.keptCount {
        parameters[p] = size * spread(p - blockStarts[2] + 1, golden)
      }
    }
    for p in blockStarts[3]..<blockStarts[4] { parameters[p] = spread(p - blockStarts[3] + 1, root) }
    return parameters
  }

  /// A diagonal normal, with the networks as they are at first.
  public func parameters(of distribution: any Prior) -> [Double]? {
    let diagonal = distribution as? DiagonalNormal ?? (distribution as? MultivariateNormal)?.diagonal
    guard let normal = diagonal, normal.mean.count == dimension else { return nil }
    return normal.mean + normal.scale.map { wb_log($0) } + initialParameters[(2 * dimension)...]
  }

  public func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {
    let shape = draws.shape
    var noise = draws.noise.mutableSpan
    scheme.fillNormals(&noise, shape: shape, random: &random)
    transform(&draws)
  }

  public func transform(_ draws: inout Draws) {
    let (shape, parameters, noise, d) = (draws.shape, draws.parameters, draws.noise, dimension)
    draws.z.withUnsafeMutableBufferPointer { z in
      forEachPass(shape, parameters, noise: noise) { pass, k, lanes, _ in
        pass.goForward()
        for i in 0..<d { store(pass.z[i], lanes, z, of: k * d + i, shape.lanes) }
      }
    }
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (d, b) = (dimension, draws.shape.lanes)
    if needed.values.contains(.entropy) {
      evaluation.withValues(of: .entropy) { values in
        forEachPass(draws.shape, draws.parameters, z: draws.z) { pass, k, lanes, _ in
          store(pass.entropy(), lanes, values, of: k, b)
        }
      }
    }
    if needed.gradients.contains(.entropy) {
      evaluation.withGradient(of: .entropy) { gradient in
        forEachPass(draws.shape, draws.parameters, z: draws.z) { pass, k, lanes, _ in
          pass.storeEntropyGradient()
          for i in 0..<d { store(pass.cotangent[i], lanes, gradient, of: k * d + i, b) }
        }
      }
    }
  }

  private func store(
    _ numbers: Lanes, _ lanes: Range<Int>, _ rows: UnsafeMutableBufferPointer<Double>, of row: Int, _ width: Int
  ) {
    for lane in lanes { rows[row * width + lane] = numbers[lane - lanes.lowerBound] }
  }

  public func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    let (p, b) = (parameterCount, draws.shape.lanes)
    precondition(
      weights.count == draws.shape.drawCount && centers.count == p, "addScore: weights must be [K × B], centers [P]")
    weights.withUnsafeBufferPointer { weights in
      centers.withUnsafeBufferPointer { centers in
        addPerPass(draws, &gradients, z: draws.z, room: p) { pass, k, lanes, rows, score in
          pass.storeEntropyGradient()
          score.update(repeating: Lanes(repeating: 0), count: p)
          pass.pullBack(weight: Lanes(repeating: -1), to: score)
          let weight = weights.lanes(lanes, of: k, b)
          for i in 0..<p { rows[i] += (weight - centers[i]) * score[i] }
        }
      }
    }
  }

  public func addPullback(
    cotangents: Span<Double>, factor: Double, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    let (d, b) = (dimension, draws.shape.lanes)
    precondition(cotangents.count == draws.shape.elementCount, "addPullback: cotangents must be [K × D × B]")
    cotangents.withUnsafeBufferPointer { cotangents in
      addPerPass(draws, &gradients, noise: draws.noise) { pass, k, lanes, rows, _ in
        pass.goForward()
        for i in 0..<d { pass.cotangent[i] = factor * cotangents.lanes(lanes, of: k * d + i, b) }
        pass.pullBack(weight: Lanes(repeating: 0), to: rows)
      }
    }
  }

  /// −log q(g(ε, λ)) = ½ Σ (log 2π + ε²) + the log determinant.
  public func addPathwiseEntropyGradient(
    factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let d = dimension
    addPerPass(draws, &gradients, noise: draws.noise) { pass, _, _, rows, _ in
      pass.goForward()
      pass.cotangent.update(repeating: Lanes(repeating: 0), count: d)
      pass.pullBack(weight: Lanes(repeating: factor), to: rows)
    }
  }

  public func analyticTerms(for model: any Integrand) -> Terms { [] }
  public func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {}

  /// By quadrature where D = 2 and the model gives its own gradient; nil where no grid of `NormalGrid.all` is fine enough.
  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    guard dimension == 2, model is any DifferentiableModel, !(model is any NumericallyDifferentiatedModel) else {
      return nil
    }
    for grid in NormalGrid.all {
      if let found = grid.expectation(of: terms, for: model, under: self, parameters) { return found }
    }
    return nil
  }
}

/// `affine-coupling`, by its options.
public struct AffineCouplingFlowSpecification: FamilySpecification {
  public var layers = 2
  public var hidden = 4
  public init() {}

  /// The most parameters.
  static let largestCount = 500_000

  public static let descriptor = Descriptor<Self>(
    id: "affine-coupling", summary: "a normalising flow of affine couplings (Real NVP) over independent normals",
    equation:
      "z⁰ = mean + exp(log_scale) ⊙ ε,  z_moved ← z_moved ⊙ exp(s(z_kept)) + t(z_kept), layers times",
    notes: [
      Note(
        "Parameters",
        "mean [D], log_scale [D]; of networks with one tanh layer, coupling by coupling and hidden unit by hidden unit, input_weight, hidden_bias, shift_weight (t), log_scale_weight (s = 2 tanh(·/2)): P = 2D + layers · hidden · (1 + 3D/2) for even D. Starts at N(0, I), the last two at 0, the hidden units spread by a fixed rule; a point that leaves the last two out is a mean-field normal."
      ),
      Note(
        "Couplings", "the first keeps coordinates 1, 3, 5 … and moves the others, the second the other way, and so on."),
      Note("Requires", "D at least 2."),
      Note("Closed forms", "none, not of the entropy either; the inverse is, and so log q at every z."),
      Note(
        "Exact",
        "for D = 2 expectations under models that give their own ∇_z, by quadrature on the noise that is refined until it is right to about 10⁻¹²; unknown where that takes too fine a grid."
      ),
      Note("Cost", "O(layers · hidden · D) a draw."),
    ],
    references: [
      Reference("dinh2017", "sections 3.2, 3.5"), Reference("rezende2015", "section 3.1"),
      Reference("trefethen2014", "section 5"),
    ],
    options: [
      .integer("layers", \.layers, in: 1...100, "L, couplings, which keep odd and even coordinates in turns"),
      .integer("hidden", \.hidden, in: 1...1000, "H, hidden units of each coupling's network"),
    ],
    examples: [
      Example(
        options: ["layers": "1", "hidden": "1"],
        points: [
          "mean=0.8x-0.6,log_scale=-0.6,input_weight=0.9,hidden_bias=0.3,shift_weight=0.8,log_scale_weight=-0.5"
        ],
        models: ["probabilistic-pca", "banana"])
    ])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    guard dimension >= 2 else {
      throw ComponentError(
        "couples coordinates, of which the model has one: take 'mean-field-normal' or 'mixture-normal'")
    }
    let family = AffineCouplingFlow(dimension: dimension, layers: layers, hidden: hidden), count = family.parameterCount
    guard count <= Self.largestCount else {
      throw ComponentError(
        "would have \(count) parameters in \(dimension) dimensions, of at most \(Self.largestCount): take fewer layers or hidden units"
      )
    }
    return family
  }
}
