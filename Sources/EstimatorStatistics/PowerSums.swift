/// Sums of e, e², e³, e⁴ over replicates, where e = Y / scale − 1 for a scale near E Y: shifted and scaled, so that
/// central moments lose no digits.
public struct PowerSums: Hashable, Sendable {
  public internal(set) var p1 = 0.0, p2 = 0.0, p3 = 0.0, p4 = 0.0

  public init() {}

  /// The sums of `values`, for tests and studies.
  public init(_ values: [Double], scale: Double) {
    for y in values {
      let e = y / scale - 1
      p1 += e
      p2 += e * e
      p3 += e * e * e
      p4 += e * e * e * e
    }
  }

  /// Adds sums of e, e², e³, e⁴.
  mutating func add(_ s1: Double, _ s2: Double, _ s3: Double, _ s4: Double) {
    p1 += s1
    p2 += s2
    p3 += s3
    p4 += s4
  }

  mutating func merge(_ other: PowerSums) {
    p1 += other.p1
    p2 += other.p2
    p3 += other.p3
    p4 += other.p4
  }
}

/// Σ Y / scale and Σ (Y / scale)² over sixteen interleaved groups of replicates.
public struct GroupSums: Hashable, Sendable {
  static let groupCount = 16
  /// Counts, sums and sums of squares, sixteen each.
  var sums = [Double](repeating: 0, count: 3 * groupCount)

  public init() {}

  /// The sums of `values`, for tests and studies.
  public init(_ values: [Double], scale: Double) {
    for (i, y) in values.enumerated() {
      let g = i % Self.groupCount
      sums[g] += 1
      sums[16 + g] += y / scale
      sums[32 + g] += y / scale * (y / scale)
    }
  }

  mutating func merge(_ other: GroupSums) {
    for i in sums.indices { sums[i] += other.sums[i] }
  }

  /// The median over the groups of E[Y²]/E[Y]²: a kurtosis that a few huge replicates cannot move.
  public var medianKurtosis: Double {
    let each = (0..<Self.groupCount).map { g -> Double in
      guard sums[16 + g] > 0 else { return 1 }
      let kurtosis = sums[g] * sums[32 + g] / (sums[16 + g] * sums[16 + g])
      return kurtosis.isNaN ? .infinity : kurtosis  // sums beyond the range of a Double
    }.sorted()
    return 0.5 * (each[7] + each[8])
  }
}

/// Sums of DⁱSʲ, 1 ≤ i + j ≤ 4, over replicates, where D = y_a − y_b and S = (y_a + y_b)/2 − 1 for the scaled Y of two
/// estimators at the same replicates.
public struct CrossSums: Hashable, Sendable {
  /// In the order D, S, DD, DS, SS, DDD, DDS, DSS, SSS, DDDD, DDDS, DDSS, DSSS, SSSS.
  var sums = [Double](repeating: 0, count: 14)

  public init() {}

  /// The sums over paired values, for tests and studies.
  public init(_ a: [Double], scaleA: Double, _ b: [Double], scaleB: Double) {
    for (x, y) in zip(a, b) {
      let d = x / scaleA - y / scaleB, s = 0.5 * (x / scaleA + y / scaleB) - 1
      let powers = [d, s, d * d, d * s, s * s, d * d * d, d * d * s, d * s * s, s * s * s]
      let fourth = [d * d * d * d, d * d * d * s, d * d * s * s, d * s * s * s, s * s * s * s]
      for (i, term) in (powers + fourth).enumerated() { sums[i] += term }
    }
  }

  mutating func merge(_ other: CrossSums) {
    for i in sums.indices { sums[i] += other.sums[i] }
  }
}
