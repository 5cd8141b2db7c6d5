internal import CKernels
internal import GradientEstimation

/// One draw of an `AffineCouplingFlow` in eight lanes at once: from ε to z, from z to ε, and what is differentiated there.
struct FlowPass {
  /// λ, `[P]`; e^{log_scale}, ε and z, `[D]` each.
  let lambda, scale, noise, z: UnsafeMutablePointer<Lanes>
  /// e^{log_scale} ⊙ ε, and the gradient of something in z on its way back to z⁰, `[D]` each.
  let offsets, cotangent: UnsafeMutablePointer<Lanes>
  private let tapes: UnsafeMutablePointer<Lanes>
  private let couplings: [AffineCoupling]
  private let dimension, tapeCount: Int

  static func size(of flow: AffineCouplingFlow) -> Int {
    flow.parameterCount + 5 * flow.dimension + flow.couplings.reduce(0) { $0 + $1.tapeCount }
  }

  /// - Parameter memory: `size` numbers.
  init(_ flow: AffineCouplingFlow, _ memory: UnsafeMutablePointer<Lanes>) {
    couplings = flow.couplings
    dimension = flow.dimension
    tapeCount = couplings.reduce(0) { $0 + $1.tapeCount }
    lambda = memory
    scale = lambda + flow.parameterCount
    noise = scale + dimension
    z = noise + dimension
    offsets = z + dimension
    cotangent = offsets + dimension
    tapes = cotangent + dimension
  }

  /// To be called when λ has changed.
  func prepare() {
    for i in 0..<dimension { for lane in 0..<8 { scale[i][lane] = wb_exp(lambda[dimension + i][lane]) } }
  }

  /// z = g(ε, λ). Returns the log determinant Σ log_scale + Σ s.
  @discardableResult
  func goForward() -> Lanes {
    var sum = Lanes(repeating: 0), tape = tapes
    for i in 0..<dimension {
      offsets[i] = scale[i] * noise[i]
      z[i] = lambda[i] + offsets[i]
      sum += lambda[dimension + i]
    }
    for coupling in couplings {
      sum += coupling.apply(to: z, lambda, AffineCoupling.Tape(coupling, at: tape))
      tape += coupling.tapeCount
    }
    return sum
  }

  /// e^{log_scale} ⊙ ε from z, which is used up. Returns the log determinant.
  @discardableResult
  private func goBack() -> Lanes {
    var sum = Lanes(repeating: 0), tape = tapes + tapeCount
    for coupling in couplings.reversed() {
      tape -= coupling.tapeCount
      sum += coupling.undo(z, lambda, AffineCoupling.Tape(coupling, at: tape))
    }
    for i in 0..<dimension {
      offsets[i] = z[i] - lambda[i]
      sum += lambda[dimension + i]
    }
    return sum
  }

  /// Adds the gradient in λ of cotangent · z + weight · (log determinant) to `gradient`, `[P]`. The draw has gone forward or
  /// back just before; its cotangent is used up.
  func pullBack(weight: Lanes, to gradient: UnsafeMutablePointer<Lanes>) {
    var tape = tapes + tapeCount
    for coupling in couplings.reversed() {
      tape -= coupling.tapeCount
      coupling.pullBack(cotangent, weight: weight, lambda, AffineCoupling.Tape(coupling, at: tape), to: gradient)
    }
    for i in 0..<dimension {
      gradient[i] += cotangent[i]
      gradient[dimension + i] += cotangent[i] * offsets[i] + weight
    }
  }

  /// −log q(z). z is used up.
  func entropy() -> Lanes {
    var sum = goBack()
    for i in 0..<dimension {
      let e = offsets[i] / scale[i]
      sum += 0.5 * (logTwoPi + e * e)
    }
    return sum
  }

  /// Makes the cotangent −∇_z log q(z): of ½ |ε|² it is ε/e^{log_scale} at z⁰, and each coupling's inverse and log determinant
  /// bring it to z. z is used up.
  func storeEntropyGradient() {
    goBack()
    var tape = tapes
    for i in 0..<dimension { cotangent[i] = offsets[i] / (scale[i] * scale[i]) }
    for coupling in couplings {
      coupling.pushForward(cotangent, lambda, AffineCoupling.Tape(coupling, at: tape))
      tape += coupling.tapeCount
    }
  }
}

extension AffineCouplingFlow {
  /// Lends `body` the draws in up to eight lanes at a time, from `lanes.lowerBound` on, all of these lanes before the next,
  /// with `room` numbers of its own. ε and z are 0 where what is given of them is empty.
  func forEachPass(
    _ shape: Shape, _ parameters: [Double], noise: [Double] = [], z: [Double] = [], room: Int = 0,
    _ body: (_ pass: FlowPass, _ k: Int, _ lanes: Range<Int>, _ room: UnsafeMutablePointer<Lanes>) -> Void
  ) {
    let (d, p, b) = (dimension, parameterCount, shape.lanes), size = FlowPass.size(of: self)
    let isShared = parameters.count == p
    withUnsafeTemporaryAllocation(of: Lanes.self, capacity: size + room) { memory in
      guard let base = memory.baseAddress else { return }
      memory.initialize(repeating: Lanes(repeating: 0))
      let pass = FlowPass(self, base)
      for start in stride(from: 0, to: b, by: 8) {
        let lanes = start..<min(start + 8, b)
        if isShared {
          if start == 0 {
            for i in 0..<p { pass.lambda[i] = Lanes(repeating: parameters[i]) }
            pass.prepare()
          }
        } else {
          for i in 0..<p { pass.lambda[i] = parameters.lanes(lanes, of: i, b) }
          pass.prepare()
        }
        for k in 0..<shape.samples {
          if !noise.isEmpty { for i in 0..<d { pass.noise[i] = noise.lanes(lanes, of: k * d + i, b) } }
          if !z.isEmpty { for i in 0..<d { pass.z[i] = z.lanes(lanes, of: k * d + i, b) } }
          body(pass, k, lanes, base + size)
        }
      }
    }
  }

  /// Adds what `body` adds to rows `[P]` to the gradients of their lanes.
  func addPerPass(
    _ draws: borrowing Draws, _ gradients: inout MutableSpan<Double>, noise: [Double] = [], z: [Double] = [],
    room: Int = 0,
    _ body: (
      _ pass: FlowPass, _ k: Int, _ lanes: Range<Int>, _ rows: UnsafeMutablePointer<Lanes>,
      _ room: UnsafeMutablePointer<Lanes>
    ) -> Void
  ) {
    let (p, b, last) = (parameterCount, draws.shape.lanes, draws.shape.samples - 1)
    precondition(gradients.count == p * b, "the gradients must be [P × B]")
    gradients.withUnsafeMutableBufferPointer { gradients in
      forEachPass(draws.shape, draws.parameters, noise: noise, z: z, room: p + room) { pass, k, lanes, memory in
        if k == 0 { memory.update(repeating: Lanes(repeating: 0), count: p) }
        body(pass, k, lanes, memory, memory + p)
        guard k == last else { return }
        for i in 0..<p { for lane in lanes { gradients[i * b + lane] += memory[i][lane - lanes.lowerBound] } }
      }
    }
  }
}

extension UnsafeBufferPointer<Double> {
  /// Up to eight numbers of a row of `width`, and 0 for those missing.
  func lanes(_ lanes: Range<Int>, of row: Int, _ width: Int) -> Lanes {
    let start = row * width + lanes.lowerBound
    if lanes.count == 8 {
      return UnsafeRawBufferPointer(self).loadUnaligned(
        fromByteOffset: start * MemoryLayout<Double>.stride, as: Lanes.self)
    }
    var numbers = Lanes(repeating: 0)
    for i in 0..<lanes.count { numbers[i] = self[start + i] }
    return numbers
  }
}

extension [Double] {
  /// The same.
  func lanes(_ lanes: Range<Int>, of row: Int, _ width: Int) -> Lanes {
    withUnsafeBufferPointer { $0.lanes(lanes, of: row, width) }
  }
}
