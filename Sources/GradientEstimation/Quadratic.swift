/// t(z) = value + slopeᵀ(z − center) + ½ (z − center)ᵀ H (z − center), H symmetric.
public struct Quadratic: Codable, Hashable, Sendable {
  /// c, `[D]`
  public let center: [Double]
  public let value: Double
  /// ∇t(c), `[D]`
  public let slope: [Double]
  /// H, `[D × D]`, row by row.
  public let curvature: [Double]

  public init(center: [Double], value: Double, slope: [Double], curvature: [Double]) {
    precondition(
      slope.count == center.count && curvature.count == center.count * center.count,
      "Quadratic: a slope must be [D] and a curvature [D × D]")
    self.center = center
    self.value = value
    self.slope = slope
    self.curvature = curvature
  }

  /// Stores ∇t, `[K × D × B]`, and t, `[K × B]`, at the points z, `[K × D × B]`.
  public func evaluate(at z: [Double], _ shape: Shape, values: inout [Double], gradient rows: inout [Double]) {
    precondition(
      z.count == shape.elementCount && rows.count == z.count && values.count == shape.drawCount
        && shape.dimension == center.count, "Quadratic: buffer of the wrong shape")
    let (d, b) = (shape.dimension, shape.lanes)
    rows.withUnsafeMutableBufferPointer { rows in
      values.withUnsafeMutableBufferPointer { values in
        z.withUnsafeBufferPointer { z in
          for k in 0..<shape.samples {
            let draw = k * d * b
            for lane in 0..<b { values[k * b + lane] = value }
            for i in 0..<d {
              let row = draw + i * b
              for lane in 0..<b { rows[row + lane] = slope[i] }
              for j in 0..<d where curvature[i * d + j] != 0 {
                let (h, c, other) = (curvature[i * d + j], center[j], draw + j * b)
                for lane in 0..<b { rows[row + lane] += h * (z[other + lane] - c) }
              }
              let (g, c) = (slope[i], center[i])
              for lane in 0..<b { values[k * b + lane] += 0.5 * (z[row + lane] - c) * (g + rows[row + lane]) }
            }
          }
        }
      }
    }
  }

  /// Stores ∇t at one point, `[D]` both, and returns t there.
  @discardableResult
  public func storeGradient(at z: UnsafePointer<Double>, into gradient: UnsafeMutablePointer<Double>) -> Double {
    let d = center.count
    var sum = value
    for i in 0..<d {
      gradient[i] = slope[i]
      for j in 0..<d { gradient[i] += curvature[i * d + j] * (z[j] - center[j]) }
      sum += 0.5 * (z[i] - center[i]) * (slope[i] + gradient[i])
    }
    return sum
  }
}

/// A family under which the expectations of quadratics are known: its mean m and covariance Σ tell them,
///
///     E_q t = t(m) + ½ tr(H Σ),   ∇_m = ∇t(m),   ∇_Σ = ½ H
public protocol QuadraticExpectations: VariationalFamily {
  /// Whether Σ is finite; true by default.
  var hasCovariance: Bool { get }
  /// gradients_p += factor · ∂_{λ_p} E_q t, for each lane's λ.
  func addGradient(
    of t: Quadratic, factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>)
}

extension QuadraticExpectations {
  public var hasCovariance: Bool { true }
}
