internal import CKernels
internal import GradientEstimation
internal import Randomness

/// λ of one lane.
struct LaneParameters {
  let base: UnsafePointer<Double>
  let stride: Int

  subscript(p: Int) -> Double { base[p * stride] }
  /// e^{λ_p}
  func positive(_ p: Int) -> Double { wb_exp(base[p * stride]) }
}

/// y and z of one draw of one lane, and the cotangent of its z, each a stride apart.
struct GammaDraw {
  let y, z: UnsafePointer<Double>
  let cotangent: UnsafePointer<Double>?
  let stride: Int

  func y(_ e: Int) -> Double { y[e * stride] }
  func z(_ d: Int) -> Double { z[d * stride] }
}

/// A gamma variate's shape a, and what follows from it.
struct GammaRow {
  let e: Int
  let shape: Double
  /// ψ(a)
  let digamma: Double
  /// E T_e; see `GammaVariateFamily.statistic`.
  let center: Double
}

/// A family whose draws are functions z = g(y, λ) of independent y_e ~ Gamma(a_e, 1), which the noise holds: a_e = e^{λ_e}
/// for e = 0…E−1. Its log density is
///
///     log q(z) = Σ_e a_e T_e + (terms without λ) − A(λ),   ∂_{λ_e} log q = a_e (T_e − E T_e)
///
/// so that a family says what T_e, its expectation, and ∂z/∂y are, and this file does the rest: draws, score, the pathwise
/// derivative by implicit reparameterization of each y_e (Figurnov, Mohamed and Mnih 2018, equation (7)), and generalised
/// reparameterizations.
protocol GammaVariateFamily: ReparameterizableFamily, GeneralizedReparameterizableFamily {
  /// What the rows share, such as Σ a.
  func total(_ parameters: LaneParameters) -> Double
  /// E T_e.
  func center(_ e: Int, _ parameters: LaneParameters, digamma: Double, total: Double) -> Double
  /// T_e, the logarithm of a coordinate or its like.
  func statistic(_ e: Int, _ draw: GammaDraw) -> Double
  /// What the rows of a draw share: sums over its coordinates.
  func sums(_ draw: GammaDraw) -> (y: Double, cotangent: Double)
  /// Σ_d c_d ∂z_d/∂y_e for cotangents c.
  func pulled(_ e: Int, _ draw: GammaDraw, _ parameters: LaneParameters, _ sums: (y: Double, cotangent: Double))
    -> Double
  /// ∂(−log q(g(y, λ)))/∂y_e at fixed λ.
  func entropySlope(
    _ row: GammaRow, _ draw: GammaDraw, _ parameters: LaneParameters, _ sums: (y: Double, cotangent: Double),
    total: Double
  ) -> Double
  /// z of a draw from its y.
  func transform(
    _ y: UnsafePointer<Double>, _ z: UnsafeMutablePointer<Double>, _ stride: Int, _ parameters: LaneParameters)
  /// add(p, ∂_{λ_p} H[q]) for every p.
  func entropyGradient(_ parameters: LaneParameters, _ total: Double, add: (Int, Double) -> Void)
  /// add(p, ∂_{λ_p} E_q f) for every p.
  func gradient(of f: LogPolynomial, _ parameters: LaneParameters, _ total: Double, add: (Int, Double) -> Void)
}

extension GammaVariateFamily {
  /// Where an estimate looks at a row of a draw.
  typealias Visit = (
    _ row: GammaRow, _ draw: GammaDraw, _ sums: (y: Double, cotangent: Double), _ total: Double,
    _ parameters: LaneParameters, _ place: (k: Int, lane: Int)
  ) -> Void

  /// Every noise of every draw, lanes innermost. Lanes go by in portions, whose sums fit on the stack.
  func forEachRow(
    _ draws: borrowing Draws, cotangents: UnsafePointer<Double>?, needsSums: Bool, _ visit: Visit
  ) {
    let shape = draws.shape, lanes = shape.lanes, portion = 24
    let stride = draws.sharesParameters ? 1 : lanes
    draws.parameters.withUnsafeBufferPointer { parameters in
      draws.noise.withUnsafeBufferPointer { noise in
        draws.z.withUnsafeBufferPointer { z in
          guard let parameters = parameters.baseAddress, let noise = noise.baseAddress, let z = z.baseAddress else {
            return
          }
          func at(_ lane: Int) -> LaneParameters {
            LaneParameters(base: stride == 1 ? parameters : parameters + lane, stride: stride)
          }
          func draw(_ k: Int, _ lane: Int) -> GammaDraw {
            GammaDraw(
              y: noise + k * shape.noiseDimension * lanes + lane, z: z + k * shape.dimension * lanes + lane,
              cotangent: cotangents.map { $0 + k * shape.dimension * lanes + lane }, stride: lanes)
          }
          withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * portion) { scratch in
            for first in Swift.stride(from: 0, to: lanes, by: portion) {
              let count = min(portion, lanes - first)
              for i in 0..<(stride == 1 ? 1 : count) { scratch[i] = total(at(first + i)) }
              for k in 0..<shape.samples {
                if needsSums {
                  for i in 0..<count {
                    (scratch[portion + i], scratch[2 * portion + i]) = sums(draw(k, first + i))
                  }
                }
                for e in 0..<shape.noiseDimension {
                  var row = GammaRow(e: e, shape: 0, digamma: 0, center: 0)
                  for i in 0..<count {
                    let lane = first + i, own = at(lane), total = scratch[stride == 1 ? 0 : i]
                    if i == 0 || stride != 1 { row = self.row(e, own, total) }
                    let sums = needsSums ? (scratch[portion + i], scratch[2 * portion + i]) : (0, 0)
                    visit(row, draw(k, lane), sums, total, own, (k, lane))
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  private func row(_ e: Int, _ parameters: LaneParameters, _ total: Double) -> GammaRow {
    let shape = parameters.positive(e), digamma = wb_digamma(shape)
    return GammaRow(
      e: e, shape: shape, digamma: digamma, center: center(e, parameters, digamma: digamma, total: total))
  }

  /// The rows of λ, and Σ a, of each lane; of the first alone where all share them.
  func forEachLane(
    _ draws: borrowing Draws, _ visit: (_ parameters: LaneParameters, _ total: Double, _ lanes: Range<Int>) -> Void
  ) {
    let lanes = draws.shape.lanes, shared = draws.sharesParameters
    draws.parameters.withUnsafeBufferPointer {
      guard let base = $0.baseAddress else { return }
      for lane in 0..<(shared ? 1 : lanes) {
        let parameters = LaneParameters(base: base + lane, stride: shared ? 1 : lanes)
        visit(parameters, total(parameters), shared ? 0..<lanes : lane..<lane + 1)
      }
    }
  }

  func drawVariates(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {
    let shape = draws.shape, lanes = shape.lanes, rows = shape.noiseDimension, parameters = draws.parameters
    let step = draws.sharesParameters ? lanes : 1
    let independent = scheme is IndependentSampling
    var noise = draws.noise.mutableSpan
    if !independent { scheme.fillUniforms(&noise, shape: shape, random: &random) }
    for k in 0..<shape.samples {
      for e in 0..<rows {
        for lane in Swift.stride(from: 0, to: lanes, by: step) {
          let a = wb_exp(parameters[step == lanes ? e : e * lanes + lane]), start = (k * rows + e) * lanes + lane
          if independent {
            random.fillGammas(&noise, in: start..<start + step, shape: a)
          } else {
            noise.withUnsafeMutableBufferPointer {
              guard let base = $0.baseAddress else { return }
              wb_gamma_quantiles(a, base + start, step)
            }
          }
        }
      }
    }
    let y = draws.noise
    draws.z.withUnsafeMutableBufferPointer { z in
      parameters.withUnsafeBufferPointer { parameters in
        y.withUnsafeBufferPointer { y in
          guard let z = z.baseAddress, let y = y.baseAddress, let base = parameters.baseAddress else { return }
          for k in 0..<shape.samples {
            for lane in 0..<lanes {
              let own = LaneParameters(base: step == lanes ? base : base + lane, stride: step == lanes ? 1 : lanes)
              transform(y + k * rows * lanes + lane, z + k * shape.dimension * lanes + lane, lanes, own)
            }
          }
        }
      }
    }
  }

  /// gradients_e += Σ_k (w − c_e) a_e (T_e − E T_e), for weights `[K × B]`, or `[K × D × B]` of coordinate e mod D.
  func addVariateScore(
    weights: Span<Double>, byCoordinate: Bool, centers: Span<Double>, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    let (d, b) = (dimension, draws.shape.lanes)
    gradients.withUnsafeMutableBufferPointer { gradients in
      forEachRow(draws, cotangents: nil, needsSums: false) { row, draw, _, _, _, place in
        let weight = weights[(byCoordinate ? place.k * d + row.e % d : place.k) * b + place.lane]
        gradients[row.e * b + place.lane] +=
          (weight - centers[row.e]) * row.shape * (statistic(row.e, draw) - row.center)
      }
    }
  }

  /// gradients_e += factor Σ_k Σ_d c_d ∂z_d/∂y_e · a_e ∂y_e/∂a_e.
  func addVariatePullback(
    cotangents: Span<Double>, factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    precondition(cotangents.count == draws.shape.elementCount, "addPullback: cotangents must be [K × D × B]")
    let b = draws.shape.lanes
    cotangents.withUnsafeBufferPointer { cotangents in
      gradients.withUnsafeMutableBufferPointer { gradients in
        forEachRow(draws, cotangents: cotangents.baseAddress, needsSums: true) {
          row, draw, sums, _, parameters, place in
          let slope = wb_gamma_slope(row.shape, row.digamma, draw.y(row.e))
          gradients[row.e * b + place.lane] += factor * pulled(row.e, draw, parameters, sums) * row.shape * slope
        }
      }
    }
  }

  /// gradients_e += factor Σ_k d/dλ_e [−log q(g(y, λ))].
  func addVariateEntropy(factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>) {
    let b = draws.shape.lanes
    gradients.withUnsafeMutableBufferPointer { gradients in
      forEachRow(draws, cotangents: nil, needsSums: true) { row, draw, sums, total, parameters, place in
        let slope = wb_gamma_slope(row.shape, row.digamma, draw.y(row.e))
        let path = entropySlope(row, draw, parameters, sums, total: total) * slope
        gradients[row.e * b + place.lane] += factor * row.shape * (path - statistic(row.e, draw) + row.center)
      }
    }
  }

  public func uniformsPerNoise(of transformation: GeneralizedTransformation) -> Int {
    if case .rejectionSampler(let augmentation) = transformation { augmentation } else { 0 }
  }

  func addVariateGeneralized(
    _ transformation: GeneralizedTransformation, cotangents: Span<Double>, weights: Span<Double>,
    uniforms: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let shape = draws.shape, b = shape.lanes
    precondition(
      cotangents.count == shape.elementCount && weights.count == shape.drawCount
        && uniforms.count >= uniformsPerNoise(of: transformation) * shape.noiseCount,
      "addGeneralizedGradient: buffer of the wrong shape")
    cotangents.withUnsafeBufferPointer { cotangents in
      gradients.withUnsafeMutableBufferPointer { gradients in
        forEachRow(draws, cotangents: cotangents.baseAddress, needsSums: true) {
          row, draw, sums, _, parameters, place in
          let found: GammaDerivative
          switch transformation {
          case .standardizedLogarithm: found = .standardizedLogarithm(row, y: draw.y(row.e))
          case .rejectionSampler(let augmentation):
            let place = (place.k * shape.noiseDimension + row.e) * b + place.lane
            found = .rejectionSampler(
              row, y: draw.y(row.e), augmentation: augmentation, uniforms, first: place, step: shape.noiseCount)
          }
          gradients[row.e * b + place.lane] +=
            row.shape
            * (pulled(row.e, draw, parameters, sums) * found.slope + weights[place.k * b + place.lane]
              * found.correction)
        }
      }
    }
  }

  /// Adds closed-form gradients, lane by lane.
  func addClosedForms(
    of terms: Terms, for model: any Integrand, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let prior = terms.contains(.prior) ? logPolynomial(ofPrior: model) : nil, b = draws.shape.lanes
    gradients.withUnsafeMutableBufferPointer { gradients in
      forEachLane(draws) { parameters, total, lanes in
        func add(_ p: Int, _ value: Double) { for lane in lanes { gradients[p * b + lane] += value } }
        if terms.contains(.entropy) { entropyGradient(parameters, total, add: add) }
        if let prior { gradient(of: prior, parameters, total, add: add) }
      }
    }
  }

  /// The log density of the model's prior, where its expectation is known.
  func logPolynomial(ofPrior model: any Integrand) -> LogPolynomial? {
    let prior = ((model as? any LatentModel)?.prior as? any LogPolynomialPrior)?.logDensity
    return prior.flatMap { knows($0) ? $0 : nil }
  }

  /// Whether E_q f is known.
  func knows(_ f: LogPolynomial) -> Bool { support == .unitInterval || !f.hasComplement }

  /// E Σ terms and its gradient at λ, with E of each coordinate's part of a polynomial by `mean`.
  func exact(
    of terms: Terms, for model: any Integrand, parameters: [Double], entropy: [Double],
    mean: (LogPolynomial, Int) -> Double
  ) -> ExactExpectation? {
    let d = dimension
    var values = [Double](repeating: 0, count: d)
    var slopes = [Double](repeating: 0, count: parameterCount)
    let known = parameters.withUnsafeBufferPointer { pointer -> Bool in
      guard let base = pointer.baseAddress else { return false }
      let lane = LaneParameters(base: base, stride: 1), total = total(lane)
      for term in terms.members {
        if term == .entropy {
          for i in 0..<d { values[i] += entropy[i] }
          entropyGradient(lane, total) { slopes[$0] += $1 }
        } else if let f = (model as? any LogPolynomialModel)?.logPolynomial(of: term), knows(f) {
          for i in 0..<d { values[i] += mean(f, i) }
          gradient(of: f, lane, total) { slopes[$0] += $1 }
        } else {
          return false
        }
      }
      return true
    }
    guard known else { return nil }
    return ExactExpectation(
      value: values.reduce(0, +), gradient: slopes, coordinateValues: values, optimalShift: nil)
  }
}
