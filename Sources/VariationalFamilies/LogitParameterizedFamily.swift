internal import GradientEstimation

/// One whose parameters are its logits.
protocol LogitParameterizedFamily: LogitFamily {}

extension LogitParameterizedFamily {
  public func storeLogits(at draws: borrowing Draws, into logits: inout MutableSpan<Double>) {
    let (p, b, shared) = (draws.shape.parameters, draws.shape.lanes, draws.sharesParameters)
    precondition(logits.count == p * b, "storeLogits: logits must be [D × B]")
    for i in 0..<p {
      for lane in 0..<b { logits[i * b + lane] = draws.parameters[shared ? i : i * b + lane] }
    }
  }

  public func addLogitPullback(
    _ cotangents: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    precondition(cotangents.count == gradients.count, "addLogitPullback: cotangents must be [D × B]")
    for i in 0..<cotangents.count { gradients[i] += cotangents[i] }
  }
}
