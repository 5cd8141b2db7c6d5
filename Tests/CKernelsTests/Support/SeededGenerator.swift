/// SplitMix64, so that tests with arbitrary input are the same on every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// `count` numbers of `range`.
  mutating func numbers(_ count: Int, in range: ClosedRange<Double> = -2...2) -> [Double] {
    (0..<count).map { _ in range.lowerBound + (range.upperBound - range.lowerBound) * Double(next() >> 11) * 0x1p-53 }
  }
}

/// The largest |a − b|, relative to 1 + |b|; infinite unless all are finite and as many.
func largestError(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count, (a + b).allSatisfy(\.isFinite) else { return .infinity }
  return zip(a, b).map { abs($0 - $1) / (1 + abs($1)) }.max() ?? .infinity
}

/// Numbers of lanes below, at and beyond the width of a vector.
let laneCounts = [1, 3, 7, 8, 9, 17]
