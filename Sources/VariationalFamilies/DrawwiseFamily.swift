internal import GradientEstimation
internal import Randomness

/// One draw at one λ.
struct Draw {
  /// λ, `[P]`.
  var lambda: UnsafePointer<Double>
  /// What `prepare` made of λ.
  var prepared: UnsafePointer<Double>
  /// ε, `[E]`.
  var noise: UnsafePointer<Double>
  /// z, `[D]`.
  var z: UnsafePointer<Double>
  /// Room that holds nothing.
  var scratch: UnsafeMutablePointer<Double>
}

/// A family that is stated for one draw at one λ; its blocks are gone through here, lane by lane.
///
/// What of λ is dear, such as exponentials or a factorisation, is prepared once for all lanes that share it.
protocol DrawwiseFamily: VariationalFamily {
  /// Numbers that `prepare` stores.
  var preparedCount: Int { get }
  /// Numbers of scratch that a draw may use.
  var scratchCount: Int { get }
  func prepare(_ lambda: UnsafePointer<Double>, into prepared: UnsafeMutablePointer<Double>)
  /// Fills ε; by default with standard normals.
  func fillNoise(
    _ noise: inout MutableSpan<Double>, shape: Shape, scheme: any SamplingScheme, random: inout RandomStream)
  /// Stores z = g(ε, λ). What stands at `draw.z` is of no meaning.
  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>)
  /// −log q(z)
  func entropy(_ draw: Draw) -> Double
  /// Stores −∇_z log q(z), `[D]`.
  func entropyGradient(_ draw: Draw, into gradient: UnsafeMutablePointer<Double>)
  /// Stores ∇_λ log q(z) at fixed z, `[P]`.
  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>)
  /// gradient_p += ∂_{λ_p} of E_q[Σ terms], of `analyticTerms`. There is no draw: noise and z hold nothing.
  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>)
}

/// One that moves with its parameters.
protocol DrawwiseReparameterizableFamily: DrawwiseFamily, ReparameterizableFamily {
  /// gradient_p += factor · cᵀ ∂z/∂λ_p, c `[D]`.
  func addPullback(
    _ cotangent: UnsafePointer<Double>, _ factor: Double, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>)
}

/// One that factorises over coordinates.
protocol DrawwiseFactorizedFamily: DrawwiseFamily, FactorizedFamily {
  /// Stores −log q_d(z_d), `[D]`.
  func entropies(_ draw: Draw, into values: UnsafeMutablePointer<Double>)
}

extension DrawwiseFamily {
  var preparedCount: Int { 0 }
  var scratchCount: Int { 0 }
  func prepare(_ lambda: UnsafePointer<Double>, into prepared: UnsafeMutablePointer<Double>) {}

  func fillNoise(
    _ noise: inout MutableSpan<Double>, shape: Shape, scheme: any SamplingScheme, random: inout RandomStream
  ) { scheme.fillNormals(&noise, shape: shape, random: &random) }

  public func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {
    let shape = draws.shape
    var noise = draws.noise.mutableSpan
    fillNoise(&noise, shape: shape, scheme: scheme, random: &random)
    transform(&draws)
  }

  /// Fills `draws.z` with g(ε, λ).
  public func transform(_ draws: inout Draws) {
    let (shape, parameters, epsilon) = (draws.shape, draws.parameters, draws.noise)
    let (d, b) = (dimension, shape.lanes)
    draws.z.withUnsafeMutableBufferPointer { all in
      forEachDraw(shape, parameters, noise: epsilon, z: [], room: d) { draw, k, lane, z in
        transform(draw, into: z)
        for i in 0..<d { all[(k * d + i) * b + lane] = z[i] }
      }
    }
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (d, b) = (dimension, draws.shape.lanes)
    if needed.values.contains(.entropy) {
      evaluation.withValues(of: .entropy) { values in
        forEachDraw(draws, room: 0) { draw, k, lane, _ in values[k * b + lane] = entropy(draw) }
      }
    }
    if needed.gradients.contains(.entropy) {
      evaluation.withGradient(of: .entropy) { all in
        forEachDraw(draws, room: d) { draw, k, lane, gradient in
          entropyGradient(draw, into: gradient)
          for i in 0..<d { all[(k * d + i) * b + lane] = gradient[i] }
        }
      }
    }
    if needed.coordinateValues.contains(.entropy), let family = self as? any DrawwiseFactorizedFamily {
      evaluation.withCoordinateValues(of: .entropy) { all in
        forEachDraw(draws, room: d) { draw, k, lane, values in
          family.entropies(draw, into: values)
          for i in 0..<d { all[(k * d + i) * b + lane] = values[i] }
        }
      }
    }
  }

  public func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    let (p, b) = (draws.shape.parameters, draws.shape.lanes)
    precondition(
      weights.count == draws.shape.drawCount && centers.count == p, "addScore: weights must be [K × B], centers [P]")
    weights.withUnsafeBufferPointer { weights in
      centers.withUnsafeBufferPointer { centers in
        addPerDraw(draws, &gradients, room: p) { draw, k, lane, row, score in
          self.score(draw, into: score)
          let weight = weights[k * b + lane]
          for i in 0..<p { row[i] += (weight - centers[i]) * score[i] }
        }
      }
    }
  }

  public func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    guard terms != [] else { return }
    addPerLambda(draws, &gradients) { addAnalyticGradient(of: terms, for: model, $0, to: $1) }
  }
}

extension DrawwiseReparameterizableFamily {
  public func addPullback(
    cotangents: Span<Double>, factor: Double, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    let (d, b) = (dimension, draws.shape.lanes)
    precondition(cotangents.count == draws.shape.elementCount, "addPullback: cotangents must be [K × D × B]")
    cotangents.withUnsafeBufferPointer { cotangents in
      addPerDraw(draws, &gradients, room: d) { draw, k, lane, row, cotangent in
        for i in 0..<d { cotangent[i] = cotangents[(k * d + i) * b + lane] }
        addPullback(cotangent, factor, draw, to: row)
      }
    }
  }

  /// d/dλ [−log q_λ(g(ε, λ))] = −(∂g/∂λ)ᵀ ∇_z log q − ∇_λ log q.
  public func addPathwiseEntropyGradient(
    factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let (d, p) = (dimension, draws.shape.parameters)
    addPerDraw(draws, &gradients, room: max(d, p)) { draw, _, _, row, room in
      entropyGradient(draw, into: room)
      addPullback(room, factor, draw, to: row)
      score(draw, into: room)
      for i in 0..<p { row[i] -= factor * room[i] }
    }
  }
}

extension DrawwiseFactorizedFamily {
  func entropy(_ draw: Draw) -> Double {
    // The coordinates' values are as many as the scratch holds at least.
    entropies(draw, into: draw.scratch)
    return (0..<dimension).reduce(0) { $0 + draw.scratch[$1] }
  }

  public func addCoordinateScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    let (d, p, b) = (dimension, draws.shape.parameters, draws.shape.lanes)
    precondition(
      weights.count == draws.shape.elementCount && centers.count == p,
      "addCoordinateScore: weights must be [K × D × B], centers [P]")
    weights.withUnsafeBufferPointer { weights in
      centers.withUnsafeBufferPointer { centers in
        addPerDraw(draws, &gradients, room: p) { draw, k, lane, row, score in
          self.score(draw, into: score)
          for i in 0..<p {
            row[i] += (weights[(k * d + coordinate(ofParameter: i)) * b + lane] - centers[i]) * score[i]
          }
        }
      }
    }
  }
}
