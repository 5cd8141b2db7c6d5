/// What an interval's reader must know.
public enum IntervalMark: String, Sendable {
  case none = ""
  /// Too few replicates for so heavy a tail: the interval may be too narrow.
  case heavyTail = "heavy-tail"
  /// The variance is zero to rounding.
  case rounding
}

extension GradientMoments {
  /// The mark of a block's interval.
  ///
  /// - Parameter floor: the variance that rounding alone leaves in each coordinate, `[P]`.
  public func mark(ofBlock b: Int, floor: [Double]) -> IntervalMark {
    let variance = variance(ofBlock: b), bound = blocks[b].reduce(0) { $0 + (weights?[$1] ?? 1) * floor[$1] }
    if variance <= bound && bound.isFinite { return .rounding }
    return isHeavyTailed(block: b) || nonfinite > 0 || !variance.isFinite ? .heavyTail : .none
  }
}
