internal import CKernels
internal import EstimatorStatistics
internal import Foundation
internal import Synchronization

/// t_ν⁻¹(Φ(x)), which makes a Student's t of a standard normal x, from a table.
///
/// T(x) is smooth, with T′ = φ(x)/t_ν(T) and T″ = −x T′ + ψ T′², ψ = (ν + 1) T/(ν + T²): quintic Hermite interpolation of
/// nodes 1/128 apart leaves a relative error below 3e-12 for ν ≥ 1. T is odd, bit by bit.
struct StudentQuantiles: Hashable, Sendable {
  private static let perUnit = 128.0
  /// Tables that have been made, by ν: a family is made for every cell of a plan.
  private static let made = Mutex<[Double: StudentQuantiles]>([:])
  /// A normal of double precision made by its inverse distribution function is below 8.3.
  private static let last = 9.0

  private let degrees, logNormalizer: Double
  /// T, T′h and T″h² of each node, h apart.
  private let nodes: [Double]

  /// - Parameter logNormalizer: −log of the density's factor.
  static func of(degrees: Double, logNormalizer: Double) -> StudentQuantiles {
    made.withLock { tables in
      if let known = tables[degrees] { return known }
      let table = StudentQuantiles(degrees: degrees, logNormalizer: logNormalizer)
      tables[degrees] = table
      return table
    }
  }

  private init(degrees: Double, logNormalizer: Double) {
    self.degrees = degrees
    self.logNormalizer = logNormalizer
    let h = 1 / Self.perUnit
    var nodes: [Double] = [], t = 0.0
    func density(_ t: Double) -> Double {
      wb_exp(-logNormalizer - 0.5 * (degrees + 1) * wb_log(1 + t * t / degrees))
    }
    for i in 0...Int(Self.last * Self.perUnit) {
      let x = Double(i) * h
      if i > 0 { t = Self.root(from: t, of: 0.5 * erfc(x * 0.5.squareRoot()), degrees, density) }
      let first = wb_exp(-0.5 * (x * x + logTwoPi)) / density(t)
      let second = -x * first + (degrees + 1) * t / (degrees + t * t) * first * first
      nodes += [t, first * h, second * h * h]
      // Where the next root is looked for first.
      t += first * h + 0.5 * second * h * h
    }
    self.nodes = nodes
  }

  /// The t > 0 with P(T > t) = tail, by Newton's steps for log P in log t, which are nearly straight in each other.
  private static func root(
    from start: Double, of tail: Double, _ degrees: Double, _ density: (Double) -> Double
  ) -> Double {
    var t = start
    for _ in 0..<50 {
      let above = StudentDistribution.cumulative(-t, degrees: degrees)
      let step = wb_log(above / tail) * above / (density(t) * t)
      t *= wb_exp(step)
      if abs(step) < 1e-14 { break }
    }
    return t
  }

  func callAsFunction(_ x: Double) -> Double {
    let place = min(abs(x), Self.last - 1e-9) * Self.perUnit
    let node = Int(place), u = place - Double(node), i = 3 * node
    // Hermite's quintic on [0, 1], by what is left of the first node's Taylor series at the second.
    let (a, b, c) = (nodes[i], nodes[i + 1], 0.5 * nodes[i + 2])
    let value = nodes[i + 3] - a - b - c
    let slope = nodes[i + 4] - b - 2 * c
    let bend = 0.5 * nodes[i + 5] - c
    let (d, e, f) = (10 * value - 4 * slope + bend, -15 * value + 7 * slope - 2 * bend, 6 * value - 3 * slope + bend)
    let t = a + u * (b + u * (c + u * (d + u * (e + u * f))))
    return x < 0 ? -t : t
  }
}
