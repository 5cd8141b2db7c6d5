import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

/// A small data set of arbitrary numbers, its target made of normals, and an intercept.
func regressionData(
  rows: Int, features: Int, in domain: TargetDomain, target: (Double) -> Double
) throws -> RegressionData {
  let numbers = try normals(30, rows * features), targets = try normals(31, rows)
  let header = (0..<features).map { "x\($0)" } + ["y"]
  let lines = (0..<rows).map { row in
    (numbers[row * features..<(row + 1) * features] + [target(targets[row])]).map { "\($0)" }.joined(separator: ",")
  }
  let text = ([header.joined(separator: ",")] + lines).joined(separator: "\n")
  return try RegressionData(
    try NumericTable(source: "", text: text), target: "", in: domain, standardize: false, intercept: true)
}

extension RegressionData {
  /// x_n·z, `[N]`.
  func predictors(_ z: [Double]) -> [Double] {
    target.indices.map { n in z.indices.reduce(0.0) { $0 + design[n * z.count + $1] * z[$1] } }
  }
}

/// Holds the moments of a likelihood Σ_n g(y_n, x_n·z) to quadrature: the predictor of a row is one normal, with
/// He_j(ε_d) = the part of He_j(e) along coordinate d: E ∂ʲ/∂ε_dʲ g(t) = (x_d s_d / deviation)ʲ E g(t) He_j(e).
func checkRegressionMoments(
  of model: Regression, mean: [Double], scale: [Double], _ g: (_ y: Double, _ t: Double) -> Double,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let data = model.data, d = mean.count, zeros = [Double](repeating: 0, count: d)
  var wanted = HermiteMoments(value: 0, first: zeros, second: zeros, fourth: zeros)
  for n in data.target.indices {
    let x = Array(data.design[d * n..<d * (n + 1)]), slopes = zip(x, scale).map { $0 * $1 }
    let center = zip(x, mean).reduce(0) { $0 + $1.0 * $1.1 }
    let deviation = slopes.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let row = hermiteMoments(m: center, s: deviation) { g(data.target[n], $0) }
    wanted.value += row.value
    for i in 0..<d {
      let share = slopes[i] / deviation
      wanted.first[i] += share * row.first
      wanted.second[i] += share * share * row.second
      wanted.fourth[i] += pow(share, 4) * row.fourth
    }
  }
  let moments = try #require(model.hermiteMoments(of: .likelihood, mean: mean, scale: scale))
  #expect(largestError([moments.value], [wanted.value]) < 1e-12, "value", sourceLocation: sourceLocation)
  #expect(moments.coordinateValues == nil, sourceLocation: sourceLocation)
  #expect(largestError(moments.first, wanted.first) < 1e-12, "first", sourceLocation: sourceLocation)
  #expect(largestError(moments.second, wanted.second) < 1e-12, "second", sourceLocation: sourceLocation)
  #expect(largestError(moments.fourth, wanted.fourth) < 1e-12, "fourth", sourceLocation: sourceLocation)
  #expect(model.hermiteMoments(of: .cost, mean: mean, scale: scale) == nil, sourceLocation: sourceLocation)
}

/// A symmetric matrix in plain elimination with row exchanges: unlike the models', which know that theirs is definite.
struct Dense {
  let size: Int
  var rows: [[Double]]

  init(_ size: Int, _ element: (Int, Int) -> Double) {
    self.size = size
    rows = (0..<size).map { i in (0..<size).map { element(i, $0) } }
  }

  /// A⁻¹ b, and log |det A|.
  func solve(_ b: [Double]) -> (x: [Double], logDeterminant: Double) {
    var a = rows, x = b, logDeterminant = 0.0
    for i in 0..<size {
      let pivot = (i..<size).max { abs(a[$0][i]) < abs(a[$1][i]) } ?? i
      a.swapAt(i, pivot)
      x.swapAt(i, pivot)
      logDeterminant += log(abs(a[i][i]))
      for j in i + 1..<size {
        let factor = a[j][i] / a[i][i]
        for k in i..<size { a[j][k] -= factor * a[i][k] }
        x[j] -= factor * x[i]
      }
    }
    for i in (0..<size).reversed() {
      for j in i + 1..<size { x[i] -= a[i][j] * x[j] }
      x[i] /= a[i][i]
    }
    return (x, logDeterminant)
  }

  /// log N(x; mean, A)
  func logNormal(_ x: [Double], mean: [Double]? = nil) -> Double {
    let r = x.indices.map { x[$0] - (mean?[$0] ?? 0) }, solved = solve(r)
    return -0.5
      * (Double(size) * log(2 * .pi) + solved.logDeterminant + zip(r, solved.x).reduce(0) { $0 + $1.0 * $1.1 })
  }
}

/// log N(z; mean, precision⁻¹)
func logDensity(_ normal: MultivariateNormal, _ z: [Double]) -> Double {
  let d = z.count, r = z.indices.map { z[$0] - normal.mean[$0] }, matrix = Dense(d) { normal.precision[$0 * d + $1] }
  let square = (0..<d).reduce(0.0) { sum, i in (0..<d).reduce(sum) { $0 + r[i] * normal.precision[i * d + $1] * r[$1] }
  }
  return 0.5 * (matrix.solve(r).logDeterminant - Double(d) * log(2 * .pi) - square)
}
