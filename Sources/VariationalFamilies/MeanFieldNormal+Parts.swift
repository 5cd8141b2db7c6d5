internal import CKernels
public import GradientEstimation
public import Randomness

/// m and s² by block: `mean` is m, and ∂s²/∂log_scale = 2 s².
extension MeanFieldNormal: IndependentNormalFamily {
  public func moments(
    at draws: borrowing Draws, mean: inout MutableSpan<Double>, variance: inout MutableSpan<Double>
  ) {
    let (b, shared) = (draws.shape.lanes, draws.sharesParameters)
    precondition(
      mean.count == dimension * b && variance.count == dimension * b, "moments: buffer of the wrong shape")
    withPair(draws.parameters, draws.shape, shared ? 0 : 1) { center, logScale in
      for d in 0..<dimension {
        let common = shared ? wb_exp(2 * logScale[d]) : 0
        for lane in 0..<b {
          mean[d * b + lane] = center[shared ? d : d * b + lane]
          variance[d * b + lane] = shared ? common : wb_exp(2 * logScale[d * b + lane])
        }
      }
    }
  }

  public func addMomentPullback(
    mean: Span<Double>, variance: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let (b, shared, scales) = (draws.shape.lanes, draws.sharesParameters, dimension * draws.shape.lanes)
    precondition(
      mean.count == scales && variance.count == scales && gradients.count == 2 * scales,
      "addMomentPullback: buffer of the wrong shape")
    gradients.withUnsafeMutableBufferPointer { gradients in
      withPair(draws.parameters, draws.shape, shared ? 0 : 1) { _, logScale in
        for d in 0..<dimension {
          let common = shared ? 2 * wb_exp(2 * logScale[d]) : 0
          for i in d * b..<(d + 1) * b {
            gradients[i] += mean[i]
            gradients[scales + i] += variance[i] * (shared ? common : 2 * wb_exp(2 * logScale[i]))
          }
        }
      }
    }
  }
}

/// m and s², by block.
extension MeanFieldNormal: IndependentMomentFamily {
  func moments(_ mean: Double, _ logScale: Double) -> CoordinateMoments {
    CoordinateMoments(mean: mean, meanSlopes: (1, 0), varianceSlopes: (0, 2 * wb_exp(2 * logScale)))
  }
}

/// The weak derivatives of N(m, s²), by standardised coordinate ε = (z − m)/s:
///
/// | parameter | c | q⁺ | q⁻ |
/// |---|---|---|---|
/// | m | 1/(s √(2π)) | W, Weibull(√2, 2), that is Rayleigh | −W |
/// | log s | 1 | M, double-sided Maxwell, density m² e^{−m²/2}/√(2π) | N(0, 1) |
///
/// Coupled, W is one number for both, and the normal is U·M with U ~ U(0, 1), which is N(0, 1) too. Mohamed et al. (2020),
/// section 6 and table 1, where σ in place of log σ has the factor 1/σ.
extension MeanFieldNormal: WeaklyDifferentiableFamily {
  public func sampleParts(
    ofParameter p: Int, coupled: Bool, positive: inout Draws, negative: inout Draws, random: inout RandomStream
  ) {
    let shape = positive.shape, d = coordinate(ofParameter: p)
    for k in 0..<shape.samples {
      let row = (k * dimension + d) * shape.lanes..<(k * dimension + d + 1) * shape.lanes
      positive.noise.withUnsafeMutableBufferPointer { positive in
        negative.noise.withUnsafeMutableBufferPointer { negative in
          let up = UnsafeMutableBufferPointer(rebasing: positive[row])
          let down = UnsafeMutableBufferPointer(rebasing: negative[row])
          if p < dimension {
            Self.fillRayleigh(up, down, coupled: coupled, &random)
          } else {
            Self.fillMaxwell(up, down, coupled: coupled, &random)
          }
        }
      }
    }
    transform(&positive)
    transform(&negative)
  }

  public func partsFactor(
    ofParameter p: Int, at draws: borrowing Draws, into factors: inout MutableSpan<Double>
  ) {
    precondition(factors.count == draws.shape.lanes, "partsFactor: factors must be [B]")
    for lane in factors.indices {
      let scale = draws.parameters[
        draws.sharesParameters ? dimension + p % dimension : (dimension + p % dimension) * draws.shape.lanes + lane]
      factors[lane] = p < dimension ? wb_exp(-scale) / (2 * Double.pi).squareRoot() : 1
    }
  }

  /// W = √(−2 log U).
  private static func fillRayleigh(
    _ up: UnsafeMutableBufferPointer<Double>, _ down: UnsafeMutableBufferPointer<Double>, coupled: Bool,
    _ random: inout RandomStream
  ) {
    fillUniforms(up, &random)
    if !coupled { fillUniforms(down, &random) }
    for i in up.indices {
      up[i] = (-2 * wb_log(up[i])).squareRoot()
      down[i] = coupled ? -up[i] : -(-2 * wb_log(down[i])).squareRoot()
    }
  }

  /// M is the length of three normals, of which the first gives it the sign; the square of the other two is −2 log U. The
  /// share of the first in the length is uniform (Archimedes): it is U·M.
  private static func fillMaxwell(
    _ up: UnsafeMutableBufferPointer<Double>, _ down: UnsafeMutableBufferPointer<Double>, coupled: Bool,
    _ random: inout RandomStream
  ) {
    fillNormals(down, &random)
    fillUniforms(up, &random)
    for i in up.indices {
      let length = (down[i] * down[i] - 2 * wb_log(up[i])).squareRoot()
      up[i] = down[i] < 0 ? -length : length
    }
    if !coupled { fillNormals(down, &random) }
  }

  private static func fillUniforms(_ row: UnsafeMutableBufferPointer<Double>, _ random: inout RandomStream) {
    var span = row.mutableSpan
    random.fillOpenUniforms(&span)
  }

  private static func fillNormals(_ row: UnsafeMutableBufferPointer<Double>, _ random: inout RandomStream) {
    var span = row.mutableSpan
    random.fillNormals(&span)
  }
}
