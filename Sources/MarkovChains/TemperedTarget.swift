public import GradientEstimation

/// The density that chains are of, up to its constant, a point on a path that leads to the posterior at β = 1:
///
///     log π_β(z) = log p(z) + β log p(x | z)                  from the prior
///     log π_β(z) = (1 − β) log b(z) + β log p(x, z)           from another normal b
///
/// Neal (2001), section 2.
public struct TemperedTarget: Hashable, Sendable {
  /// β, from 0 to 1.
  public var beta: Double
  /// b; nil for the prior.
  public var base: DiagonalNormal?

  public init(beta: Double = 1, base: DiagonalNormal? = nil) {
    precondition(beta >= 0 && beta <= 1, "TemperedTarget: β must be from 0 to 1")
    (self.beta, self.base) = (beta, base)
  }

  /// p(z | x).
  public static let posterior = TemperedTarget()

  /// The factor of log p(z).
  var priorWeight: Double { base == nil ? 1 : beta }

  /// A sum of parts times their factors: a part of factor 0 counts for nothing, even where it is not finite.
  func value(prior: Double, likelihood: Double, base: Double) -> Double {
    var sum = 0.0
    if priorWeight != 0 { sum += priorWeight * prior }
    if beta != 0 { sum += beta * likelihood }
    if self.base != nil, beta != 1 { sum += (1 - beta) * base }
    return sum
  }
}

extension DiagonalNormal {
  /// log b of each lane, `[B]`, at z `[D × B]`.
  func storeLogDensity(_ z: [Double], into values: inout [Double]) {
    let lanes = values.count, mean = mean, precision = precision, constant = logNormalizer.reduce(0, +)
    for lane in 0..<lanes { values[lane] = constant }
    for d in mean.indices {
      for lane in 0..<lanes {
        let deviation = z[d * lanes + lane] - mean[d]
        values[lane] -= 0.5 * precision[d] * deviation * deviation
      }
    }
  }
}
