import Foundation
import GradientEstimation
import VariationalFamilies

extension FamilyCase {
  static let all: [FamilyCase] = [
    fullRank(1), fullRank(3), lowRank(1, 1), lowRank(4, 2), mixture(1, 2),
    mixture(3, 3), coupling(2, layers: 1, hidden: 1), coupling(5, layers: 3, hidden: 2), student(1, degrees: 3),
    student(2, degrees: 7.5), logNormal(1), logNormal(3),
  ]

  /// L of `full-rank-normal` at λ, row by row.
  static func factor(_ lambda: [Double], _ d: Int) -> [[Double]] {
    var next = 2 * d
    return (0..<d).map { i in
      let row = (0..<i).map { lambda[next + $0] }
      next += i
      return row + [exp(lambda[d + i])] + Array(repeating: 0, count: d - 1 - i)
    }
  }

  static func fullRank(_ d: Int) -> FamilyCase {
    let p = d * (d + 3) / 2
    return FamilyCase(
      name: "full-rank-normal, D = \(d)", family: FullRankNormal(dimension: d),
      lambda: (0..<p).map { 0.7 * sin(1 + 2.3 * Double($0)) },
      logDensity: { z, lambda in
        let l = factor(lambda, d)
        return normalLogDensity(z, Array(lambda[..<d]), product(l, l))
      },
      transform: { e, lambda in
        let l = factor(lambda, d)
        return (0..<d).map { i in lambda[i] + (0..<d).reduce(0) { $0 + l[i][$1] * e[$1] } }
      })
  }

  static func lowRank(_ d: Int, _ r: Int) -> FamilyCase {
    let scales = d * (r + 1)
    @Sendable func u(_ lambda: [Double]) -> [[Double]] {
      (0..<d).map { Array(lambda[(d + $0 * r)..<(d + ($0 + 1) * r)]) }
    }
    return FamilyCase(
      name: "low-rank-normal, D = \(d), r = \(r)", family: LowRankNormal(dimension: d, rank: r),
      lambda: (0..<d * (r + 2)).map { 0.6 * sin(2 + 1.7 * Double($0)) },
      logDensity: { z, lambda in
        var covariance = product(u(lambda), u(lambda))
        for i in 0..<d { covariance[i][i] += exp(2 * lambda[scales + i]) }
        return normalLogDensity(z, Array(lambda[..<d]), covariance)
      },
      transform: { e, lambda in
        (0..<d).map { i in
          lambda[i] + (0..<r).reduce(0) { $0 + u(lambda)[i][$1] * e[$1] } + exp(lambda[scales + i]) * e[r + i]
        }
      })
  }

  /// Its draws are not differentiated by their noise: see `MixtureNormalTests`.
  static func mixture(_ d: Int, _ n: Int) -> FamilyCase {
    FamilyCase(
      name: "mixture-normal, D = \(d), C = \(n)", family: MixtureNormal(dimension: d, components: n),
      lambda: (0..<n * (2 * d + 1)).map { 0.6 * sin(1 + 1.9 * Double($0)) },
      logDensity: { z, lambda in
        let total = log(lambda[..<n].reduce(0) { $0 + exp($1) })
        let parts = (0..<n).map { c in
          let first = n + c * d, second = n + n * d + c * d
          let own = Array(lambda[first..<first + d] + lambda[second..<second + d])
          return exp(lambda[c] - total + VariationalFamiliesTests.logDensity(z, own))
        }
        return log(parts.reduce(0, +))
      }, transform: nil)
  }

  static func student(_ d: Int, degrees: Double) -> FamilyCase {
    FamilyCase(
      name: "student-t, D = \(d), ν = \(degrees)", family: StudentT(dimension: d, degrees: degrees),
      lambda: (0..<2 * d).map { 0.6 * sin(1 + 1.9 * Double($0)) },
      logDensity: { z, lambda in
        let constant: Double = lgamma(0.5 * (degrees + 1)) - lgamma(0.5 * degrees) - 0.5 * log(degrees * .pi)
        var value = 0.0
        for i in 0..<d {
          let t: Double = (z[i] - lambda[i]) * exp(-lambda[d + i])
          value += constant - lambda[d + i] - 0.5 * (degrees + 1) * log1p(t * t / degrees)
        }
        return value
      },
      transform: { t, lambda in (0..<d).map { lambda[$0] + exp(lambda[d + $0]) * t[$0] } }, step: 0.25)
  }

  static func logNormal(_ d: Int) -> FamilyCase {
    FamilyCase(
      name: "log-normal, D = \(d)", family: LogNormal(dimension: d),
      lambda: (0..<2 * d).map { 0.3 * sin(1 + 1.9 * Double($0)) - ($0 < d ? 0 : 0.8) },
      logDensity: { z, lambda in
        let logs = z.map { log($0) }
        return VariationalFamiliesTests.logDensity(logs, lambda) - logs.reduce(0, +)
      },
      transform: { e, lambda in (0..<d).map { exp(lambda[$0] + exp(lambda[d + $0]) * e[$0]) } }, step: 0.1)
  }

  /// The ELBO of a model with a diagonal normal prior for families on ℝ^D, and one of their support for others.
  func problem() throws -> Problem {
    try Problem(
      model: GaussianPriorModel(dimension: dimension, support: family.support), family: family,
      objective: EvidenceLowerBound(), sampling: IndependentSampling())
  }
}

/// A Bᵀ
func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
  a.map { row in b.map { zip(row, $0).reduce(0) { $0 + $1.0 * $1.1 } } }
}

/// log N(z; mean, covariance), by elimination: the pivots' product is the determinant.
func normalLogDensity(_ z: [Double], _ mean: [Double], _ covariance: [[Double]]) -> Double {
  let d = z.count
  var rows = (0..<d).map { covariance[$0] + [z[$0] - mean[$0]] }
  var value = -0.5 * Double(d) * log(2 * .pi)
  for i in 0..<d {
    // Pivots are conditional variances, and what stands beside them conditional residuals.
    value -= 0.5 * log(rows[i][i]) + 0.5 * rows[i][d] * rows[i][d] / rows[i][i]
    for j in i + 1..<max(d, i + 1) {
      let factor = rows[j][i] / rows[i][i]
      for k in i...d { rows[j][k] -= factor * rows[i][k] }
    }
  }
  return value
}

/// log p(z) = −½ Σ τ_d (z_d − μ_d)² but for a constant, with its gradient; nothing else is looked at.
struct GaussianPriorModel: LatentModel, DifferentiableModel {
  var dimension: Int
  var support = Support.real
  var normal: DiagonalNormal {
    DiagonalNormal(
      mean: (0..<dimension).map { 0.3 * Double($0) - 0.4 }, scale: (0..<dimension).map { 0.7 + 0.4 * Double($0) })
  }
  /// Gammas where z is positive.
  private var gammas: IndependentGammas {
    IndependentGammas(
      shape: (0..<dimension).map { 1.5 + Double($0) }, rate: (0..<dimension).map { 0.8 + 0.3 * Double($0) })
  }
  var prior: (any Prior)? { support == .positive ? gammas : normal }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (d, b, z, normal, gammas) = (dimension, draws.shape.lanes, draws.z, normal, gammas)
    guard needed.gradients.contains(.prior) else { return }
    evaluation.withGradient(of: .prior) { rows in
      for i in z.indices {
        let coordinate = i / b % d
        rows[i] =
          support == .positive
          ? (gammas.shape[coordinate] - 1) / z[i] - gammas.rate[coordinate]
          : -normal.precision[coordinate] * (z[i] - normal.mean[coordinate])
      }
    }
  }
}
