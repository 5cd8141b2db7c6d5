internal import CKernels
public import Randomness

/// φ of a hidden unit.
public enum HiddenActivation: String, CaseIterable, Sendable {
  case tanh, relu, softplus

  var kernel: wb_activation {
    switch self {
    case .tanh: WB_TANH
    case .relu: WB_RELU
    case .softplus: WB_SOFTPLUS
    }
  }
}

/// A fully connected network
///
///     a_0 = x,   a_l = φ(W_l a_{l−1} + b_l),   f(x) = W_L a_{L−1} + b_L
///
/// - Parameters: layer by layer W_l, row by row `[H_l × H_{l−1}]`, and b_l `[H_l]`.
/// - Inputs and outputs are `[K × H × B]`, lane fastest: K·B columns. K is 1 but where a lane has several draws. The groups of
///   the inputs, `[H_0 × B]` each, may be further apart than they are large.
/// - What a pass leaves for the next, its *tape*, is the caller's: `[tapeCount]` numbers, in which the activations of each
///   layer, `[K × H_l × B]`, are followed by their cotangents. A value is its sizes and nothing else.
public struct MultilayerPerceptron: Hashable, Sendable {
  /// H_0, …, H_L
  public let sizes: [Int]
  public let activation: HiddenActivation

  /// - Parameter sizes: of the inputs, of each hidden layer, and of the outputs.
  public init(sizes: [Int], activation: HiddenActivation) {
    precondition(sizes.count >= 2 && sizes.allSatisfy { $0 > 0 }, "MultilayerPerceptron: sizes must be positive")
    self.sizes = sizes
    self.activation = activation
  }

  public var inputs: Int { sizes[0] }
  public var outputs: Int { sizes[sizes.count - 1] }
  /// L
  public var layerCount: Int { sizes.count - 1 }
  public var parameterCount: Int { zip(sizes, sizes.dropFirst()).reduce(0) { $0 + ($1.0 + 1) * $1.1 } }
  /// Numbers that a pass over so many columns leaves.
  public func tapeCount(columns: Int) -> Int { 2 * columns * sizes.dropFirst().reduce(0, +) }

  /// Where W_l and b_l begin, l from 1.
  public func offsets(ofLayer l: Int) -> (weights: Int, biases: Int) {
    var start = 0
    for i in 1..<l { start += (sizes[i - 1] + 1) * sizes[i] }
    return (start, start + sizes[l - 1] * sizes[l])
  }

  /// Where the activations of layer l begin in a tape of so many columns, and their cotangents.
  private func places(ofLayer l: Int, _ columns: Int) -> (activations: Int, cotangents: Int) {
    let start = 2 * columns * sizes[1..<l].reduce(0, +)
    return (start, start + columns * sizes[l])
  }

  /// Weights of mean zero and variance 2/(H_{l−1} + H_l), uniform (Glorot and Bengio 2010, equation (16)), and with relu normal
  /// of variance 2/H_{l−1} (He et al. 2015, equation (10)); biases zero.
  public func initialParameters(random: inout RandomStream) -> [Double] {
    var parameters = [Double](repeating: 0, count: parameterCount)
    for l in 1...layerCount {
      let (inputs, outputs) = (sizes[l - 1], sizes[l]), start = offsets(ofLayer: l).weights
      var numbers = [Double](repeating: 0, count: inputs * outputs)
      var span = numbers.mutableSpan
      let scale: Double
      if activation == .relu, l < layerCount {
        random.fillNormals(&span)
        scale = (2 / Double(inputs)).squareRoot()
        for i in numbers.indices { parameters[start + i] = scale * numbers[i] }
      } else {
        random.fillUniforms(&span)
        scale = (6 / Double(inputs + outputs)).squareRoot()
        for i in numbers.indices { parameters[start + i] = scale * (2 * numbers[i] - 1) }
      }
    }
    return parameters
  }

  /// The outputs of a pass, `[K × H_L × B]`, in its tape.
  public func outputs(in tape: UnsafePointer<Double>, columns: Int) -> UnsafePointer<Double> {
    tape + places(ofLayer: layerCount, columns).activations
  }

  /// Room for the cotangents of the outputs, `[K × H_L × B]`, in the tape.
  public func outputCotangents(
    in tape: UnsafeMutablePointer<Double>, columns: Int
  ) -> UnsafeMutablePointer<Double> {
    tape + places(ofLayer: layerCount, columns).cotangents
  }

  /// f of each column; the tape then holds its outputs.
  ///
  /// - Parameters:
  ///   - input: `[K × H_0 × B]`
  ///   - groupStride: from one group of inputs to the next; nil for H_0·B.
  ///   - groups: K
  ///   - lanes: B
  public func forward(
    _ parameters: UnsafePointer<Double>, _ input: UnsafePointer<Double>, groupStride: Int? = nil, groups: Int,
    lanes: Int, tape: UnsafeMutablePointer<Double>
  ) {
    let columns = groups * lanes
    var below = input, apart = groupStride ?? inputs * lanes
    for l in 1...layerCount {
      let (weights, biases) = offsets(ofLayer: l), (height, depth) = (sizes[l], sizes[l - 1])
      let above = tape + places(ofLayer: l, columns).activations
      for k in 0..<groups {
        let out = above + k * height * lanes
        wb_fill_rows(parameters + biases, out, height, lanes)
        addProduct(
          Matrix(start: parameters + weights, stride: depth),
          Matrix(start: below + k * apart, stride: lanes), to: out, stride: lanes, height, lanes, depth)
      }
      if l < layerCount { wb_activate(activation.kernel, above, height * columns) }
      (below, apart) = (UnsafePointer(above), height * lanes)
    }
  }

  /// The cotangents of every layer, and added to those of the inputs where they are wanted, from those of the outputs in the
  /// tape. A column's are those of its own outputs: they may be scaled by column afterwards.
  public func backward(
    _ parameters: UnsafePointer<Double>, groups: Int, lanes: Int, tape: UnsafeMutablePointer<Double>,
    inputCotangents: UnsafeMutablePointer<Double>?, groupStride: Int? = nil
  ) {
    let columns = groups * lanes
    for l in stride(from: layerCount, through: 1, by: -1) {
      let weights = offsets(ofLayer: l).weights, (height, depth) = (sizes[l], sizes[l - 1])
      let above = tape + places(ofLayer: l, columns).cotangents
      guard let below = l > 1 ? tape + places(ofLayer: l - 1, columns).cotangents : inputCotangents else { return }
      if l > 1 { below.update(repeating: 0, count: depth * columns) }
      let apart = l == 1 ? groupStride ?? depth * lanes : depth * lanes
      for k in 0..<groups {
        addProduct(
          Matrix(start: parameters + weights, stride: depth, isTransposed: true),
          Matrix(start: above + k * height * lanes, stride: lanes), to: below + k * apart, stride: lanes,
          depth, lanes, height)
      }
      if l > 1 {
        wb_activation_pullback(
          activation.kernel, tape + places(ofLayer: l - 1, columns).activations, below, depth * columns)
      }
    }
  }

  /// Adds Σ over columns of w · ∂(their outputs)/∂(parameters)ᵀ (their cotangents) to `gradient`, `[parameterCount]`, after
  /// `backward`.
  ///
  /// - Parameters:
  ///   - weights: w by column, `[K × B]`; nil for `factor` everywhere, which multiplies them too.
  public func addGradient(
    _ input: UnsafePointer<Double>, groupStride: Int? = nil, groups: Int, lanes: Int, tape: UnsafePointer<Double>,
    weights: UnsafePointer<Double>?, factor: Double, to gradient: UnsafeMutablePointer<Double>
  ) {
    let columns = groups * lanes
    withUnsafeTemporaryAllocation(of: Double.self, capacity: weights == nil ? 1 : lanes * (sizes.max() ?? 1)) { room in
      guard let scaled = room.baseAddress else { return }
      for l in 1...layerCount {
        let start = offsets(ofLayer: l), (height, depth) = (sizes[l], sizes[l - 1])
        let cotangents = tape + places(ofLayer: l, columns).cotangents
        let below = l > 1 ? tape + places(ofLayer: l - 1, columns).activations : input
        let apart = l == 1 ? groupStride ?? depth * lanes : depth * lanes
        for k in 0..<groups {
          var slopes = cotangents + k * height * lanes
          if let weights {
            wb_scale_lanes(slopes, weights + k * lanes, scaled, height, lanes)
            slopes = UnsafePointer(scaled)
          }
          addProduct(
            Matrix(start: slopes, stride: lanes),
            Matrix(start: below + k * apart, stride: lanes, isTransposed: true), factor: factor,
            to: gradient + start.weights, stride: depth, height, depth, lanes)
          wb_add_row_sums(slopes, factor, gradient + start.biases, height, lanes)
        }
      }
    }
  }

  /// Adds of each lane Σ_k w_k · ∂(its outputs)/∂(parameters)ᵀ (their cotangents) to `gradients`, `[parameterCount × B]`,
  /// after `backward`.
  ///
  /// - Parameter weights: w, `[K × B]`
  public func addGradients(
    _ input: UnsafePointer<Double>, groupStride: Int? = nil, groups: Int, lanes: Int, tape: UnsafePointer<Double>,
    weights: UnsafePointer<Double>, to gradients: UnsafeMutablePointer<Double>
  ) {
    let columns = groups * lanes
    withUnsafeTemporaryAllocation(of: Double.self, capacity: lanes) { room in
      guard let scaled = room.baseAddress else { return }
      for l in 1...layerCount {
        let start = offsets(ofLayer: l), (height, depth) = (sizes[l], sizes[l - 1])
        let cotangents = tape + places(ofLayer: l, columns).cotangents
        let below = l > 1 ? tape + places(ofLayer: l - 1, columns).activations : input
        let apart = l == 1 ? groupStride ?? depth * lanes : depth * lanes
        for k in 0..<groups {
          for h in 0..<height {
            wb_scale_lanes(cotangents + (k * height + h) * lanes, weights + k * lanes, scaled, 1, lanes)
            wb_add_scaled(gradients + (start.biases + h) * lanes, scaled, 1, lanes)
            let rows = gradients + (start.weights + h * depth) * lanes
            wb_add_lane_products(scaled, below + k * apart, rows, depth, lanes)
          }
        }
      }
    }
  }
}
