internal import CKernels
public import GradientEstimation
internal import Randomness

/// A sigmoid belief network of bits: layers z¹ … z^L over the visible bits x = z⁰, the last on top,
///
///     z^L_j ~ Bernoulli(σ(b^L_j)),   z^l_i | z^{l+1} ~ Bernoulli(σ(b^l_i + Σ_j W^l_ij z^{l+1}_j))
///
/// z holds the layers from z¹ up, D = Σ_l H_l.
///
/// - Options: `layers`, H_1 … H_L; `x`, the datum, a text of 0 and 1; `weight_scale`, the standard deviation of the normals that
///   weights and biases are drawn from, by the seed `weights`; `learn`: with `all`, θ holds them.
/// - Exact: log p(x) up to 2^16 states of z, by enumeration, and with it everything under families of bits.
/// - Cost: O(Σ_l H_l H_{l+1}) an evaluation. Relaxed to z in [0, 1]^D, log p is Σ z a − log(1 + e^a) with a the logits.
/// - Reference: Neal (1992), section 2; Mnih and Gregor (2014), section 5.
public struct SigmoidBeliefNetwork: LearnableModel, RelaxableModel {
  private var layers: [Int] = []
  public var layersText = "4"
  public var x = "110100"
  public var weightScale = 1.0
  public var weightSeed = 1
  public var learned = Learned.none

  /// What θ is.
  public enum Learned: String, CaseIterable, Sendable { case none, all }

  private var visible: [Double] = []
  /// For l = 0 … L the biases b^l and, but for the last, the rows of W^l, one after the other.
  private var weights: [Double] = []
  public private(set) var logEvidence: Double?

  public init() {}

  public var dimension: Int { layers.reduce(0, +) }
  public var support: Support { .binary }

  /// A layer's place: its bits in z (of the visible layer none), its biases and rows in θ.
  private struct Layer: Hashable {
    var count, above, bits, bias, rows: Int
  }

  /// From the visible one up.
  private var places: [Layer] = []

  private static func places(visible: Int, _ layers: [Int]) -> [Layer] {
    let sizes = [visible] + layers
    var places: [Layer] = [], parameter = 0, bit = -visible
    for (l, count) in sizes.enumerated() {
      let above = l + 1 < sizes.count ? sizes[l + 1] : 0
      places.append(Layer(count: count, above: above, bits: bit, bias: parameter, rows: parameter + count))
      parameter += count * (1 + above)
      bit += count
    }
    return places
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let lanes = draws.shape.lanes, places = places
    evaluation.store(.prior, needed, at: draws) { store(places[1...], at: $0, $1, $2, lanes: lanes) }
    evaluation.store(.likelihood, needed, at: draws) { store(places[..<1], at: $0, $1, $2, lanes: lanes) }
  }

  /// The bit `i` of a layer in each lane: of the visible layer the datum.
  private func bit(_ layer: Layer, _ i: Int, _ z: UnsafePointer<Double>, _ lane: Int, _ lanes: Int) -> Double {
    layer.bits < 0 ? visible[i] : z[(layer.bits + i) * lanes + lane]
  }

  /// b_i + Σ_j W_ij z_j of the layer above.
  private func logit(_ layer: Layer, _ i: Int, _ z: UnsafePointer<Double>, _ lane: Int, _ lanes: Int) -> Double {
    let row = layer.rows + i * layer.above, above = layer.bits + layer.count
    var sum = weights[layer.bias + i]
    for j in 0..<layer.above { sum += weights[row + j] * z[(above + j) * lanes + lane] }
    return sum
  }

  /// Σ_i z_i a_i − log(1 + e^{a_i}) over some layers, `[B]`, and its gradient in z, `[D × B]`, at z of a draw.
  private func store(
    _ places: ArraySlice<Layer>, at z: UnsafePointer<Double>, _ values: UnsafeMutablePointer<Double>?,
    _ gradient: UnsafeMutablePointer<Double>?, lanes: Int
  ) {
    values?.update(repeating: 0, count: lanes)
    gradient?.update(repeating: 0, count: dimension * lanes)
    for layer in places {
      let above = layer.bits + layer.count
      for i in 0..<layer.count {
        let row = layer.rows + i * layer.above
        for lane in 0..<lanes {
          let a = logit(layer, i, z, lane, lanes), own = bit(layer, i, z, lane, lanes)
          if let values { values[lane] += own * a - wb_softplus(a) }
          if let gradient {
            if layer.bits >= 0 { gradient[(layer.bits + i) * lanes + lane] += a }
            let residual = own - wb_sigmoid(a)
            for j in 0..<layer.above { gradient[(above + j) * lanes + lane] += residual * weights[row + j] }
          }
        }
      }
    }
  }

  public var modelParameterBlocks: [ParameterBlock] {
    guard learned != .none else { return [] }
    return places.enumerated().flatMap { l, layer -> [ParameterBlock] in
      let bias = ParameterBlock(name: "bias_\(l)", range: layer.bias..<layer.rows)
      let end = layer.rows + layer.count * layer.above
      return layer.above == 0 ? [bias] : [bias, ParameterBlock(name: "weight_\(l)", range: layer.rows..<end)]
    }
  }
  public var modelParameters: [Double] { learned == .none ? [] : weights }

  public func with(modelParameters: [Double]) -> SigmoidBeliefNetwork {
    guard learned != .none else { return self }
    var model = self
    model.weights = modelParameters
    model.logEvidence = nil
    return model
  }

  public func addModelGradient(
    weights shares: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>
  ) {
    guard learned != .none else { return }
    let (d, b) = (dimension, draws.shape.lanes)
    for layer in places {
      let above = layer.bits + layer.count
      for sample in 0..<draws.shape.samples {
        for i in 0..<layer.count {
          let row = layer.rows + i * layer.above
          for lane in 0..<b {
            let residual = draws.z.withUnsafeBufferPointer { all -> Double in
              guard let z = all.baseAddress.map({ $0 + sample * d * b }) else { return 0 }
              return bit(layer, i, z, lane, b) - wb_sigmoid(logit(layer, i, z, lane, b))
            }
            let share = shares[sample * b + lane] * residual
            gradients[(layer.bias + i) * b + lane] += share
            for j in 0..<layer.above {
              gradients[(row + j) * b + lane] += share * draws.z[(sample * d + above + j) * b + lane]
            }
          }
        }
      }
    }
  }

  /// log Σ_z p(x, z), or nil beyond the limit.
  private func enumeratedEvidence() -> Double? {
    let d = dimension, places = places
    guard let states = Enumeration.stateCount(base: 2, exponent: d) else { return nil }
    let lanes = min(states, 256)
    var z = [Double](repeating: 0, count: d * lanes)
    var (prior, likelihood) = ([Double](repeating: 0, count: lanes), [Double](repeating: 0, count: lanes))
    // Of a probability: no term is above 0, and none that counts is far below.
    var total = CompensatedSum()
    for first in stride(from: 0, to: states, by: lanes) {
      for lane in 0..<lanes { for i in 0..<d { z[i * lanes + lane] = Double((first + lane) >> i & 1) } }
      prior.withUnsafeMutableBufferPointer { store(places[1...], at: z, $0.baseAddress, nil, lanes: lanes) }
      likelihood.withUnsafeMutableBufferPointer { store(places[..<1], at: z, $0.baseAddress, nil, lanes: lanes) }
      for lane in 0..<lanes { total.add(wb_exp(prior[lane] + likelihood[lane])) }
    }
    let evidence = wb_log(total.total)
    return evidence.isFinite ? evidence : nil
  }
}

extension SigmoidBeliefNetwork {
  /// So many normals of the standard deviation and the seed that are given.
  private func drawn(_ count: Int) throws(ComponentError) -> [Double] {
    var numbers = [Double](repeating: 0, count: count)
    do {
      guard let generator = Generator.named(Generator.standardName) else { return numbers }
      var stream = try RandomStream(generator, index: UInt(weightSeed)), span = numbers.mutableSpan
      stream.fillNormals(&span)
    } catch {
      throw ComponentError(option: "weights", error.description)
    }
    return numbers.map { weightScale * $0 }
  }
}

extension SigmoidBeliefNetwork: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "sigmoid-belief-network", summary: "layers of bits, each given the one above, and one datum of bits",
    equation: "z^L ~ Bernoulli(σ(b^L)),  z^l | z^{l+1} ~ Bernoulli(σ(b^l + W^l z^{l+1})),  x = z⁰",
    notes: [
      Note("Latents", "z holds the layers from the one next to the data up."),
      Note("Exact", "up to 16 bits: evidence, ELBO and gradient under families of bits, by enumeration."),
      Note("Support", "z of 0 and 1; relaxed to [0, 1] by the same formula."),
    ],
    references: [Reference("neal1992", "section 2"), Reference("saul1996"), Reference("mnih2014", "section 5")],
    options: [
      .sizes("layers", \.layersText, "bits of each layer of latents from the data up, such as 4 or 4x2"),
      .text("x", \.x, "the datum, a text of 0 and 1"),
      .real(
        "weight_scale", \.weightScale, in: RealBounds(lower: 0, upper: 100),
        "standard deviation of the normals that weights and biases are drawn from"),
      .integer("weights", \.weightSeed, in: 0...1_000_000, "the seed that they are drawn by"),
      .choice(
        "learn", \.learned,
        "what is a parameter θ to learn: none; all, biases and weights, whose gradient is the block model_parameters"),
    ],
    examples: [
      Example(options: ["layers": "3", "x": "1011"]),
      Example(options: ["layers": "2x1", "x": "101", "learn": "all"]),
    ])

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let sizes = layersText.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard sizes.allSatisfy({ (1...10_000).contains($0) }) else {
      throw ComponentError(option: "layers", "'\(layersText)' is no list of numbers of bits such as 4x2")
    }
    guard !x.isEmpty, x.allSatisfy({ $0 == "0" || $0 == "1" }) else {
      throw ComponentError(option: "x", "'\(x)' is no text of 0 and 1 such as 110100")
    }
    var model = self
    model.layers = sizes
    model.visible = x.map { $0 == "1" ? 1 : 0 }
    model.places = Self.places(visible: model.visible.count, sizes)
    let count = model.places.reduce(0) { $0 + $1.count * (1 + $1.above) }
    model.weights = try drawn(count)
    model.logEvidence = model.enumeratedEvidence()
    return model
  }
}
