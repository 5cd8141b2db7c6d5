import EstimatorStatistics
import Foundation
import Randomness

/// A point of the conjugate Gaussian model: prior N(0, 1), likelihood N(x; z, noise²), q = N(mean, scale²), alike in
/// every one of d coordinates.
///
/// With z = mean + scale e the integrand is log w = Σ_j (c₀ + c₁ e_j + c₂ e_j²), so that every variance has a closed
/// form.
struct GaussianPoint: Sendable {
  let name: String
  let x, noise, mean, scale: Double

  static let all = [
    GaussianPoint(name: "A", x: 1, noise: 1, mean: 0, scale: 1),  // the prior
    GaussianPoint(name: "C", x: 1, noise: 1, mean: -0.5, scale: 0.4),
    GaussianPoint(name: "E", x: 2, noise: 0.5, mean: 1.6, scale: 0.2.squareRoot()),  // the posterior
    GaussianPoint(name: "H", x: 2, noise: 0.5, mean: 1, scale: exp(-0.2231)),  // kurtosis 190 in log_scale, d = 1
  ]

  /// Those that the stopping rule is tried at.
  static let stopped = [all[0], GaussianPoint(name: "B", x: 1, noise: 1, mean: 0.5, scale: 0.5.squareRoot()), all[1]]

  var a: Double { 1 + 1 / (noise * noise) }
  var r: Double { x / (noise * noise) - a * mean }
  var c0: Double {
    -0.5 * log(2 * Double.pi * noise * noise) - x * x / (2 * noise * noise) + mean * x / (noise * noise)
      - 0.5 * a * mean * mean + log(scale)
  }
  var c1: Double { scale * r }
  /// Zero at the posterior, where the difference is rounding.
  var c2: Double { abs(1 - a * scale * scale) < 1e-12 ? 0 : 0.5 * (1 - a * scale * scale) }
  var isPosterior: Bool { abs(c1) + abs(c2) < 1e-12 }
}

/// The estimators that are compared.
enum Rule: String, CaseIterable, Sendable {
  case score
  /// The ELBO itself as baseline.
  case meanBaseline = "score-mean-baseline"
  case leaveOneOut = "score-leave-one-out"
  case reparam
  case analyticKL = "analytic-kl"
  case stl

  /// Variances of one coordinate, d/d mean and d/d log_scale, with d coordinates and K samples.
  func variances(_ p: GaussianPoint, dimension d: Int, samples: Int) -> (mean: Double, logScale: Double) {
    let (c0, c1, c2, s) = (p.c0, p.c1, p.c2, p.scale * p.scale)
    let d = Double(d), n = d - 1, k = Double(samples)
    let e1 = c0 + c2, v1 = c1 * c1 + 2 * c2 * c2
    let baselined = (
      mean: (10 * c2 * c2 + 2 * c1 * c1 + n * v1) / s, logScale: 56 * c2 * c2 + 10 * c1 * c1 + 2 * n * v1
    )
    let one: (mean: Double, logScale: Double)
    switch self {
    case .score:
      let own = c0 * c0 + 6 * c0 * c2 + 2 * c1 * c1 + 15 * c2 * c2
      let ownScale = 2 * c0 * c0 + 20 * c0 * c2 + 10 * c1 * c1 + 74 * c2 * c2
      let others = n * v1 + n * n * e1 * e1
      one = (
        (own + 2 * (c0 + 3 * c2) * n * e1 + others) / s, ownScale + 2 * (2 * c0 + 10 * c2) * n * e1 + 2 * others
      )
    case .meanBaseline: one = baselined
    case .leaveOneOut:
      let pairs = k * (k - 1)
      return (
        baselined.mean / k + (d * v1 + c1 * c1) / (pairs * s),
        baselined.logScale / k + (2 * d * v1 + 4 * c2 * c2) / pairs
      )
    case .reparam: one = (p.a * p.a * s, s * p.r * p.r + 2 * p.a * p.a * s * s)
    case .stl:
      let rest = 1 / p.scale - p.a * p.scale
      one = (rest * rest, s * p.r * p.r + 2 * s * rest * rest)
    case .analyticKL:
      let precision = 1 / pow(p.noise, 4)
      one = (s * precision, s * (p.x - p.mean) * (p.x - p.mean) * precision + 2 * s * s * precision)
    }
    return (one.mean / k, one.logScale / k)
  }
}

/// Estimators at one point on the same draws.
struct GaussianCase: Sendable {
  let point: GaussianPoint
  let dimension: Int
  let samples: Int
  let rules: [Rule]

  var name: String { "gaussian \(point.name) d=\(dimension) K=\(samples)" }

  /// Those of `rules` at `point` that are not exactly zero there.
  init(_ point: GaussianPoint, dimension: Int, samples: Int, rules: [Rule]) {
    self.point = point
    self.dimension = dimension
    self.samples = samples
    self.rules = rules.filter { !point.isPosterior || ![.meanBaseline, .leaveOneOut, .stl].contains($0) }
  }

  func variances(_ rule: Rule) -> [Double] {
    let (mean, logScale) = rule.variances(point, dimension: dimension, samples: samples), d = Double(dimension)
    return [d * mean, d * logScale, d * (mean + logScale)]
  }

  /// Writes the gradients `[2 d × lanes]` of each rule, from `noise` `[K × d × lanes]`.
  func estimate(_ noise: [Double], lanes: Int, into gradients: inout [[Double]]) {
    let p = point, (c0, c1, c2) = (p.c0, p.c1, p.c2), k = Double(samples)
    var f = [Double](repeating: Double(dimension) * c0, count: samples * lanes)
    var average = [Double](repeating: 0, count: lanes)
    for sample in 0..<samples {
      for j in 0..<dimension {
        for l in 0..<lanes {
          let e = noise[(sample * dimension + j) * lanes + l]
          f[sample * lanes + l] += (c1 + c2 * e) * e
        }
      }
      for l in 0..<lanes { average[l] += f[sample * lanes + l] / k }
    }
    for (index, rule) in rules.enumerated() {
      gradients[index].withUnsafeMutableBufferPointer { g in
        g.update(repeating: 0)
        for sample in 0..<samples {
          for j in 0..<dimension {
            let row = (sample * dimension + j) * lanes, mean = j * lanes, logScale = (dimension + j) * lanes
            func add(_ term: (_ l: Int, _ e: Double) -> (Double, Double)) {
              for l in 0..<lanes {
                let (a, b) = term(l, noise[row + l])
                g[mean + l] += a
                g[logScale + l] += b
              }
            }
            func addScore(_ weight: (_ l: Int) -> Double) {
              add { l, e in
                let w = weight(l)
                return (w * e / p.scale, w * (e * e - 1))
              }
            }
            switch rule {
            case .score: addScore { f[sample * lanes + $0] / k }
            case .meanBaseline: addScore { (f[sample * lanes + $0] - Double(dimension) * (c0 + c2)) / k }
            case .leaveOneOut: addScore { (f[sample * lanes + $0] - average[$0]) / (k - 1) }
            case .reparam:
              add { _, e in
                let slope = (p.r - p.a * p.scale * e) / k
                return (slope, slope * p.scale * e + 1 / k)
              }
            case .stl:
              add { _, e in
                let slope = (p.r - p.a * p.scale * e + e / p.scale) / k
                return (slope, slope * p.scale * e)
              }
            case .analyticKL:
              add { _, e in
                let slope = (p.x - p.mean - p.scale * e) / (p.noise * p.noise) / k
                return (slope, slope * p.scale * e)
              }
            }
          }
        }
      }
    }
  }
}
