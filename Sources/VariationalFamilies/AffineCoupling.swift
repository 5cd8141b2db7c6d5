internal import CKernels

/// A number in each of eight lanes.
typealias Lanes = SIMD8<Double>

/// One affine coupling of an `AffineCouplingFlow`: every other coordinate is kept, x, and the rest, y, is scaled and shifted
/// by a network of one hidden layer that reads x,
///
///     y ← y ⊙ e^s + t,   h_j = tanh(b_j + w_j·x),   t = Σ_j h_j u_j,   s = c tanh(Σ_j h_j v_j / c)
///
/// Given x it is affine in y: its inverse is y ← (y − t) ⊙ e^{−s}, and its log determinant Σ s. No factor leaves (e^{−c}, e^c).
struct AffineCoupling: Sendable {
  /// Coordinates kept + 2i stay, and 1 − kept + 2i move.
  let kept: Int
  let keptCount, movedCount: Int
  /// H
  let hidden: Int
  /// Where in λ its numbers are, hidden unit by hidden unit: w, `[H × keptCount]`; b, `[H]`; u and v, `[H × movedCount]`.
  let inputs, biases, shifts, logScales: Int

  /// c
  static let bound = 2.0

  /// Numbers of a `Tape`, in each lane.
  var tapeCount: Int { keptCount + hidden + 5 * movedCount }

  /// What going through a coupling leaves behind for going back.
  struct Tape {
    /// x; h; e^s; ds/d(Σ h v); y e^s; t and s, and on the way back what they are multiplied by.
    let x, units, factors, slopes, stretched, shift, logScale: UnsafeMutablePointer<Lanes>

    init(_ coupling: AffineCoupling, at start: UnsafeMutablePointer<Lanes>) {
      let m = coupling.movedCount
      x = start
      units = x + coupling.keptCount
      factors = units + coupling.hidden
      slopes = factors + m
      stretched = slopes + m
      shift = stretched + m
      logScale = shift + m
    }
  }

  /// Moves z, `[D]`. Returns Σ s.
  func apply(to z: UnsafeMutablePointer<Lanes>, _ lambda: UnsafePointer<Lanes>, _ tape: Tape) -> Lanes {
    let sum = readKept(z, lambda, tape)
    for m in 0..<movedCount {
      let i = 1 - kept + 2 * m
      tape.stretched[m] = z[i] * tape.factors[m]
      z[i] = tape.stretched[m] + tape.shift[m]
    }
    return sum
  }

  /// Moves z, `[D]`, back. Returns Σ s.
  func undo(_ z: UnsafeMutablePointer<Lanes>, _ lambda: UnsafePointer<Lanes>, _ tape: Tape) -> Lanes {
    let sum = readKept(z, lambda, tape)
    for m in 0..<movedCount {
      let i = 1 - kept + 2 * m
      tape.stretched[m] = z[i] - tape.shift[m]
      z[i] = tape.stretched[m] / tape.factors[m]
    }
    return sum
  }

  /// Runs the network. Returns Σ s.
  private func readKept(_ z: UnsafePointer<Lanes>, _ lambda: UnsafePointer<Lanes>, _ tape: Tape) -> Lanes {
    for i in 0..<keptCount { tape.x[i] = z[kept + 2 * i] }
    for h in 0..<hidden {
      let w = lambda + inputs + h * keptCount
      var sum = lambda[biases + h]
      for i in 0..<keptCount { sum += w[i] * tape.x[i] }
      tape.units[h] = sum
    }
    wb_tanh_all(doubles(tape.units), 8 * hidden)
    for m in 0..<movedCount {
      var shift = Lanes(repeating: 0), logScale = shift
      for h in 0..<hidden {
        shift += tape.units[h] * lambda[shifts + h * movedCount + m]
        logScale += tape.units[h] * lambda[logScales + h * movedCount + m]
      }
      tape.shift[m] = shift
      tape.logScale[m] = logScale / Self.bound
    }
    wb_tanh_all(doubles(tape.logScale), 8 * movedCount)
    var sum = Lanes(repeating: 0)
    for m in 0..<movedCount {
      let bounded = tape.logScale[m]
      tape.slopes[m] = 1 - bounded * bounded
      tape.factors[m] = Self.bound * bounded
      sum += tape.factors[m]
    }
    wb_exp_all(doubles(tape.factors), 8 * movedCount)
    return sum
  }

  /// The same memory, as C knows it.
  private func doubles(_ lanes: UnsafeMutablePointer<Lanes>) -> UnsafeMutablePointer<Double> {
    UnsafeMutableRawPointer(lanes).assumingMemoryBound(to: Double.self)
  }

  /// Turns a cotangent of what came out, `[D]`, into one of what went in, and adds to `gradient` that of
  /// cotangent · (what came out) + weight · Σ s in λ.
  func pullBack(
    _ cotangent: UnsafeMutablePointer<Lanes>, weight: Lanes, _ lambda: UnsafePointer<Lanes>, _ tape: Tape,
    to gradient: UnsafeMutablePointer<Lanes>
  ) {
    for m in 0..<movedCount {
      let i = 1 - kept + 2 * m
      tape.shift[m] = cotangent[i]
      tape.logScale[m] = (cotangent[i] * tape.stretched[m] + weight) * tape.slopes[m]
      cotangent[i] *= tape.factors[m]
    }
    for h in 0..<hidden {
      let unit = tape.units[h], w = inputs + h * keptCount, out = h * movedCount
      let incoming = pullBackUnit(h, lambda, tape)
      for m in 0..<movedCount {
        gradient[shifts + out + m] += tape.shift[m] * unit
        gradient[logScales + out + m] += tape.logScale[m] * unit
      }
      gradient[biases + h] += incoming
      for i in 0..<keptCount {
        gradient[w + i] += incoming * tape.x[i]
        cotangent[kept + 2 * i] += incoming * lambda[w + i]
      }
    }
  }

  /// Turns the gradient of some f in what went in, `[D]`, into that of f + Σ s in what came out: the way back through the
  /// inverse, whose derivative is −e^{−s} in t and −y in s.
  func pushForward(_ slope: UnsafeMutablePointer<Lanes>, _ lambda: UnsafePointer<Lanes>, _ tape: Tape) {
    for m in 0..<movedCount {
      let i = 1 - kept + 2 * m
      slope[i] /= tape.factors[m]
      tape.shift[m] = -slope[i]
      tape.logScale[m] = (1 - slope[i] * tape.stretched[m]) * tape.slopes[m]
    }
    for h in 0..<hidden {
      let incoming = pullBackUnit(h, lambda, tape), w = lambda + inputs + h * keptCount
      for i in 0..<keptCount { slope[kept + 2 * i] += incoming * w[i] }
    }
  }

  /// What the input of hidden unit h is multiplied by, given what t and s are.
  private func pullBackUnit(_ h: Int, _ lambda: UnsafePointer<Lanes>, _ tape: Tape) -> Lanes {
    let u = lambda + shifts + h * movedCount, v = lambda + logScales + h * movedCount, unit = tape.units[h]
    var sum = Lanes(repeating: 0)
    for m in 0..<movedCount { sum += tape.shift[m] * u[m] + tape.logScale[m] * v[m] }
    return sum * (1 - unit * unit)
  }
}
