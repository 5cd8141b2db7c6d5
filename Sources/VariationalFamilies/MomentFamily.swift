internal import GradientEstimation

/// A family that states the gradient of a quadratic's expectation for one λ; blocks are gone through here.
protocol MomentFamily: QuadraticExpectations {
  /// row_p += ∂_{λ_p} E_q t at λ `[P]`, with `room` for `[2 × D]`, such as the mean and ∇t there.
  func addGradient(
    of t: Quadratic, _ lambda: UnsafePointer<Double>, _ room: UnsafeMutablePointer<Double>,
    to row: UnsafeMutablePointer<Double>)
}

extension MomentFamily {
  public func addGradient(
    of t: Quadratic, factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let (d, p, b, shared) = (dimension, draws.shape.parameters, draws.shape.lanes, draws.sharesParameters)
    precondition(
      gradients.count == p * b && t.center.count == d, "addGradient: the gradients must be [P × B], the quadratic of D")
    let parameters = draws.parameters
    gradients.withUnsafeMutableBufferPointer { gradients in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * p + 2 * d) { memory in
        guard let lambda = memory.baseAddress else { return }
        memory.initialize(repeating: 0)
        let row = lambda + p, room = row + p
        for lane in 0..<(shared ? 1 : b) {
          for i in 0..<p {
            lambda[i] = parameters[shared ? i : i * b + lane]
            row[i] = 0
          }
          addGradient(of: t, lambda, room, to: row)
          for i in 0..<p {
            for target in shared ? 0..<b : lane..<lane + 1 { gradients[i * b + target] += factor * row[i] }
          }
        }
      }
    }
  }
}

/// A family of independent coordinates with known moments, two parameters a coordinate, λ_d and λ_{D + d}.
protocol IndependentMomentFamily: MomentFamily {
  /// The mean and variance of a coordinate, and their derivatives in its two parameters.
  func moments(_ first: Double, _ second: Double) -> CoordinateMoments
}

struct CoordinateMoments {
  var mean: Double
  /// ∂m/∂λ_d, ∂m/∂λ_{D + d}
  var meanSlopes: (Double, Double)
  /// ∂v/∂λ_d, ∂v/∂λ_{D + d}
  var varianceSlopes: (Double, Double)
}

extension IndependentMomentFamily {
  func addGradient(
    of t: Quadratic, _ lambda: UnsafePointer<Double>, _ room: UnsafeMutablePointer<Double>,
    to row: UnsafeMutablePointer<Double>
  ) {
    let d = dimension, slope = room + d
    for i in 0..<d { room[i] = moments(lambda[i], lambda[d + i]).mean }
    t.storeGradient(at: room, into: slope)
    for i in 0..<d {
      let known = moments(lambda[i], lambda[d + i]), half = 0.5 * t.curvature[i * d + i]
      row[i] += slope[i] * known.meanSlopes.0 + half * known.varianceSlopes.0
      row[d + i] += slope[i] * known.meanSlopes.1 + half * known.varianceSlopes.1
    }
  }
}
