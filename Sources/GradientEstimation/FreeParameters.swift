public import Randomness

/// λ_n of each datum as a parameter of its own, φ = (λ_1, …, λ_N): inference that is not amortised.
public struct FreeParameters: InferenceNetwork {
  /// N
  public let dataCount: Int
  /// λ, `[P]`
  public let initial: [Double]

  public init(dataCount: Int, initial: [Double]) {
    (self.dataCount, self.initial) = (dataCount, initial)
  }

  public var parameterBlocks: [ParameterBlock] { [ParameterBlock(name: "local", range: 0..<dataCount * initial.count)] }
  public var generalizes: Bool { false }

  public func initialParameters(random: inout RandomStream) -> [Double] {
    Array(repeating: initial, count: dataCount).flatMap { $0 }
  }

  /// Where λ of a lane is in φ. Of one datum all lanes are of it, and indices are those of a minibatch.
  private func start(_ draws: borrowing Draws, _ lane: Int) -> Int {
    dataCount == 1 ? 0 : Int(draws.dataIndices[lane]) * initial.count
  }

  public func tapeCount(lanes: Int) -> Int { 0 }

  public func encode(_ parameters: [Double], tape: inout [Double], into draws: inout Draws) {
    let lanes = draws.shape.lanes, count = initial.count
    for lane in 0..<lanes {
      let own = start(draws, lane)
      for p in 0..<count { draws.parameters[p * lanes + lane] = parameters[own + p] }
    }
  }

  public func addPullback(
    _ cotangents: [Double], factor: Double, parameters: [Double], at draws: borrowing Draws, tape: inout [Double],
    into gradient: inout MutableSpan<Double>
  ) {
    let lanes = draws.shape.lanes, count = initial.count
    for lane in 0..<lanes {
      let own = start(draws, lane)
      for p in 0..<count { gradient[own + p] += factor * cotangents[p * lanes + lane] }
    }
  }
}
