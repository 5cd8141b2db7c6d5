import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import LatentModels
import Testing

/// What a minibatch adds to the variance of `reparam`, exactly, on linear regression.
///
/// Given ε the estimate is a constant and N/M Σ_{n ∈ S} H_n, S the minibatch, H_n = (1/K) Σ_k h_n(z_k), and
///
///     h_n,d = x_nd (y_n − x_n·z)/noise²     in mean_d,     times σ_d ε_d in log_scale_d.
///
/// Sampling without replacement has variance N²/M (1 − M/N) S²(H) about the full sum, S² the variance over n with divisor
/// N − 1, so this is what it adds to the variance over ε of the estimate from all data. All K draws share S: with
/// E H_n² = E h_n²/K + (1 − 1/K) (E h_n)², and the like for Σ_n H_n,
///
///     E S²(H) = E S²(h)/K + (1 − 1/K) S²(E h)
///
/// whose second part no number of draws removes. The residual y_n − x_n·z is c_n − Σ_j a_nj ε_j with a_nj = x_nj σ_j, so
/// that E h and E h² are moments of ε up to the fourth.
struct LinearRegressionPoint {
  let design, target: [Double]
  let mean, scale: [Double]
  let noise: Double

  var n: Int { target.count }
  var d: Int { mean.count }
  var precision: Double { 1 / (noise * noise) }
  func x(_ row: Int, _ column: Int) -> Double { design[row * d + column] }
  func residual(_ row: Int) -> Double { (0..<d).reduce(target[row]) { $0 - x(row, $1) * mean[$1] } }

  /// E u and E u² of u = f (c − Σ_j a_j ε_j), and of u ε_d.
  private func moments(_ f: Double, _ c: Double, _ a: [Double], times d: Int?) -> (first: Double, second: Double) {
    let squares = c * c + a.reduce(0) { $0 + $1 * $1 }
    guard let d else { return (f * c, f * f * squares) }
    return (-f * a[d], f * f * (squares + 2 * a[d] * a[d]))
  }

  /// Variances of `reparam` from all data, `[2D]`: of A(m − ẑ + s ⊙ ε), and of that times σ_d ε_d, over K.
  func full(samples: Int) -> [Double] {
    var matrix = [[Double]](repeating: Array(repeating: 0, count: d), count: d), slope = mean.map { -$0 }
    for row in 0..<n {
      for i in 0..<d {
        slope[i] += precision * x(row, i) * residual(row)
        for j in 0..<d { matrix[i][j] += precision * x(row, i) * x(row, j) }
      }
    }
    for i in 0..<d { matrix[i][i] += 1 }
    return [nil, 1].flatMap { (score: Int?) in
      (0..<d).map { i in
        let a = (0..<d).map { matrix[i][$0] * scale[$0] }
        let m = moments(score == nil ? 1 : scale[i], slope[i], a, times: score.map { _ in i })
        return (m.second - m.first * m.first) / Double(samples)
      }
    }
  }

  /// What a minibatch of M adds, `[2D]`.
  func added(minibatch m: Int, samples: Int) -> [Double] {
    let share = 1 / Double(samples), count = Double(n)
    let factor = count * count / Double(m) * (1 - Double(m) / count)
    return [false, true].flatMap { isScale in
      (0..<d).map { i in
        var squares = 0.0, sum = 0.0, sumSlopes = mean.map { _ in 0.0 }
        let f = precision * (isScale ? scale[i] : 1)
        for row in 0..<n {
          let a = (0..<d).map { x(row, $0) * scale[$0] }, c = residual(row)
          let h = moments(f * x(row, i), c, a, times: isScale ? i : nil)
          squares += share * h.second + (1 - share) * h.first * h.first
          sum += x(row, i) * c
          for j in 0..<d { sumSlopes[j] += x(row, i) * a[j] }
        }
        let total = moments(f, sum, sumSlopes, times: isScale ? i : nil)
        let squareOfSum = share * total.second + (1 - share) * total.first * total.first
        return factor * (squares - squareOfSum / count) / (count - 1)
      }
    }
  }
}

@Suite struct MinibatchVarianceTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let mean, logScale: Double
    let minibatch, samples: Int
    var at: String { "mean=\(mean),log_scale=\(logScale)" }
    var testDescription: String { "M = \(minibatch), K = \(samples) at \(at)" }
  }

  static let noise = 0.8
  static let cases = [(0.1, -3.0), (-0.2, -1.5)].flatMap { mean, logScale in
    [(1, 1), (8, 1), (64, 1), (300, 1), (8, 4), (64, 9)].map {
      Case(mean: mean, logScale: logScale, minibatch: $0, samples: $1)
    }
  }
  /// 22 coordinates and three blocks each.
  static let level = 1 - 1e-4 / Double(generators.count * cases.count * 25)

  @Test(arguments: cases, generators)
  func addsTheVarianceOfSamplingWithoutReplacement(_ c: Case, generator: String) async throws {
    let figures = try await Measurement(
      model: "linear-regression:minibatch=\(c.minibatch),noise=\(Self.noise)", at: c.at, samples: c.samples,
      replicates: 200_000, generator: generator
    ).run(["reparam"])
    let entry = try #require(figures.entries.first)
    let model = try #require(figures.cell.problem.model as? Regression)
    #expect(model.minibatch == c.minibatch && model.dimension == 11)
    let point = LinearRegressionPoint(
      design: model.data.design, target: model.data.target, mean: Array(repeating: c.mean, count: 11),
      scale: Array(repeating: exp(c.logScale), count: 11), noise: Self.noise)
    let full = point.full(samples: c.samples), added = point.added(minibatch: c.minibatch, samples: c.samples)
    for p in 0..<22 {
      let interval = entry.moments.interval(of: p, level: Self.level), truth = full[p] + added[p]
      #expect(
        interval.low <= truth && truth <= interval.high,
        "\(p): [\(interval.low), \(interval.high)] against \(full[p]) + \(added[p])")
    }
    let bias = try #require(entry.all?.bias)
    #expect(bias.p > 1e-4 / Double(Self.cases.count), "bias z \(bias.largest)")

    // The widths are part of the test: they tell the truth from no addition, and from one that falls as 1/K.
    let whole = entry.moments.interval(ofBlock: 2, level: Self.level)
    let (all, part) = (full.reduce(0, +), added.reduce(0, +))
    #expect(whole.low <= all + part && all + part <= whole.high)
    #expect(all < whole.low || part < 0.1 * all, "[\(whole.low), \(whole.high)] against \(all) + \(part)")
    if c.samples > 1 {
      let falling = point.added(minibatch: c.minibatch, samples: 1).reduce(0, +) / Double(c.samples)
      #expect(all + falling < whole.low || abs(part - falling) < 0.05 * all, "\(falling) against \(part)")
    }
  }

  /// Both differences from the truth are seen in some case, so none of the above is vacuous.
  @Test func theCasesTellTheFormulaeApart() throws {
    let model = try #require(try LinearRegression().makeIntegrand() as? Regression)
    let point = LinearRegressionPoint(
      design: model.data.design, target: model.data.target, mean: Array(repeating: 0.1, count: 11),
      scale: Array(repeating: exp(-3), count: 11), noise: Self.noise)
    let full = point.full(samples: 4).reduce(0, +), part = point.added(minibatch: 8, samples: 4).reduce(0, +)
    #expect(part > full && point.added(minibatch: 8, samples: 1).reduce(0, +) / 4 < 0.5 * part)
    #expect(point.added(minibatch: 442, samples: 4).allSatisfy { $0 == 0 })
  }

  /// All data as the minibatch are all data: draw for draw the same bits, of every regression.
  @Test(arguments: [("linear-regression", 442), ("logistic-regression", 569), ("poisson-regression", 54)])
  func aMinibatchOfAllIsNone(_ model: String, _ count: Int) throws {
    let at = "mean=0.1,log_scale=-2"
    let none = try Bench(model, at: at, samples: 3, lanes: 5)
    let all = try Bench("\(model):minibatch=\(count)", at: at, samples: 3, lanes: 5)
    let gradient = try none.run(Reparameterization())
    #expect(try all.run(Reparameterization()) == gradient && none.problem.dataShare == 1)
    // The kernels agree, too, when they are told the rows.
    all.block.draws.dataIndices = (0..<Int32(count)).flatMap { Array(repeating: $0, count: 5) }
    #expect(try all.run(Reparameterization()) == gradient)
  }
}
