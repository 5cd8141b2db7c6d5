import EstimatorStatistics
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// One coordinate of the conjugate model at q = N(m, sq²): the closed forms of each estimator's variance.
///
/// With z = m + sq e, each integrand is A + B e + C e² per coordinate; d coordinates are alike.
struct ConjugatePoint {
  let x, s, m, sq: Double
  let d: Int

  var a: Double { 1 + 1 / (s * s) }
  var r: Double { x / (s * s) - a * m }
  var t: Double { 1 - a * sq * sq }

  /// A, B, C of the integrand that a split samples.
  func coefficients(_ split: String) -> (Double, Double, Double) {
    let logPrior = -0.5 * log(2 * .pi) - 0.5 * m * m
    let logLikelihood = -0.5 * log(2 * .pi * s * s) - (x - m) * (x - m) / (2 * s * s)
    switch split {
    case "analytic": return (logLikelihood, sq * (x - m) / (s * s), -sq * sq / (2 * s * s))
    case "entropy": return (logPrior + logLikelihood, sq * r, -a * sq * sq / 2)
    default: return (logPrior + logLikelihood + 0.5 * log(2 * .pi) + log(sq), sq * r, t / 2)
    }
  }

  enum Rule { case raw, mean, optimal, leaveOneOut, raoBlackwellOptimal }

  /// Variances in one coordinate of mean and of log_scale, of an average over K draws.
  func score(_ rule: Rule, split: String = "monte-carlo", samples: Int) -> (Double, Double) {
    let (A, B, C) = coefficients(split)
    let n = Double(d - 1), e1 = A + C, v1 = B * B + 2 * C * C, k = Double(samples), s2 = sq * sq
    let mean = ((10 * C * C + 2 * B * B + n * v1) / s2, 56 * C * C + 10 * B * B + 2 * n * v1)
    switch rule {
    case .raw:
      let first = A * A + 6 * A * C + 2 * B * B + 15 * C * C + 2 * (A + 3 * C) * n * e1 + n * v1 + n * n * e1 * e1
      let second = 2 * A * A + 20 * A * C + 10 * B * B + 74 * C * C + 2 * (2 * A + 10 * C) * n * e1
      return (first / s2 / k, (second + 2 * (n * v1 + n * n * e1 * e1)) / k)
    case .mean: return (mean.0 / k, mean.1 / k)
    case .optimal:
      return ((6 * C * C + 2 * B * B + n * v1) / s2 / k, (24 * C * C + 10 * B * B + 2 * n * v1) / k)
    case .leaveOneOut:
      let pairs = k * (k - 1)
      return (
        mean.0 / k + (Double(d) * v1 + B * B) / (pairs * s2), mean.1 / k + (2 * Double(d) * v1 + 4 * C * C) / pairs
      )
    case .raoBlackwellOptimal: return ((6 * C * C + 2 * B * B) / s2 / k, (24 * C * C + 10 * B * B) / k)
    }
  }

  func reparam(samples: Int) -> (Double, Double) {
    (a * a * sq * sq / Double(samples), (sq * sq * r * r + 2 * a * a * pow(sq, 4)) / Double(samples))
  }
  func stl(samples: Int) -> (Double, Double) {
    (t * t / (sq * sq) / Double(samples), (sq * sq * r * r + 2 * t * t) / Double(samples))
  }
  func analyticKL(samples: Int) -> (Double, Double) {
    let s4 = pow(s, 4)
    return (
      sq * sq / s4 / Double(samples), (sq * sq * (x - m) * (x - m) / s4 + 2 * pow(sq, 4) / s4) / Double(samples)
    )
  }

  /// Every estimator with its closed forms, summed over the d coordinates of a block.
  func truths(samples: Int) -> [Truth] {
    var all: [(String, (Double, Double))] = [
      ("score", score(.raw, samples: samples)), ("score:baseline=mean", score(.mean, samples: samples)),
      ("score:baseline=optimal", score(.optimal, samples: samples)),
      ("score:kl=entropy", score(.raw, split: "entropy", samples: samples)),
      ("score:kl=analytic", score(.raw, split: "analytic", samples: samples)),
      ("score:baseline=mean,kl=entropy", score(.mean, split: "entropy", samples: samples)),
      ("score:baseline=mean,kl=analytic", score(.mean, split: "analytic", samples: samples)),
      ("score:baseline=optimal,rao_blackwell=true", score(.raoBlackwellOptimal, samples: samples)),
      ("reparam", reparam(samples: samples)), ("stl", stl(samples: samples)),
      ("analytic-kl", analyticKL(samples: samples)),
    ]
    if samples > 1 { all.append(("score:baseline=leave-one-out", score(.leaveOneOut, samples: samples))) }
    return all.flatMap { name, variances in
      [
        Truth(estimator: name, block: "mean", variance: Double(d) * variances.0),
        Truth(estimator: name, block: "log_scale", variance: Double(d) * variances.1),
      ]
    }
  }
}

/// TRUTHS 1.2: the conjugate normal model, every estimator, by closed form.
@Suite struct ConjugateGaussianTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name, at: String
    let x, s, m, sq: Double
    let d, samples, replicates: Int
    var testDescription: String { "\(name), d = \(d), K = \(samples)" }
    var point: ConjugatePoint { ConjugatePoint(x: x, s: s, m: m, sq: sq, d: d) }
  }

  static let cases: [Case] = {
    let points: [(String, String, Double, Double, Double, Double)] = [
      ("A", "prior", 1, 1, 0, 1), ("B", "posterior", 1, 1, 0.5, 0.5.squareRoot()),
      ("C", "mean=-0.5,log_scale=\(log(0.4))", 1, 1, -0.5, 0.4),
      ("E", "posterior", 2, 0.5, 1.6, 0.2.squareRoot()),
      // A point of no table.
      ("off the tables", "mean=0.3,log_scale=-0.4", -0.7, 1.5, 0.3, exp(-0.4)),
    ]
    return points.flatMap { name, at, x, s, m, sq in
      [(1, 1, 16_000_000), (1, 4, 4_400_000), (10, 1, 1_600_000), (10, 4, 550_000)].map { d, samples, replicates in
        Case(name: name, at: at, x: x, s: s, m: m, sq: sq, d: d, samples: samples, replicates: replicates)
      }
    }
  }()

  /// All (estimator, block) entries of the suite together.
  static let familySize = generators.count * cases.reduce(0) { $0 + $1.point.truths(samples: $1.samples).count }

  @Test(arguments: cases, generators)
  func variancesAgreeWithTheClosedForms(_ c: Case, generator: String) async throws {
    let truths = c.point.truths(samples: c.samples)
    let figures = try await Measurement(
      model: "gaussian:dimension=\(c.d),x=\(c.x),noise=\(c.s)", at: c.at, samples: c.samples,
      replicates: c.replicates, generator: generator
    ).run(Array(Set(truths.map(\.estimator))).sorted())
    try check(truths, in: figures, familySize: Self.familySize)

    // The tables' exact gradient, and that every mean agrees with it.
    let exact = try #require(figures.cell.exact)
    #expect(abs(exact.gradient[0] - c.point.r) < 1e-12 && abs(exact.gradient[c.d] - c.point.t) < 1e-12)
    for entry in figures.entries {
      let bias = try #require(entry.all?.bias)
      #expect(bias.p > 1e-4 / Double(Self.familySize), "\(entry.entry.text): bias z \(bias.largest)")
    }
  }

  /// The closed forms themselves, against numbers of the tables.
  @Test func theFormulaeGiveTheTables() {
    let c = ConjugatePoint(x: 1, s: 1, m: -0.5, sq: 0.4, d: 1)
    for (found, wanted) in [
      (c.score(.raw, samples: 1), (38.992324, 13.01212)), (c.score(.mean, samples: 1), (15.225, 12.8736)),
      (c.score(.leaveOneOut, samples: 4), (4.5933333, 3.4021333)), (c.reparam(samples: 1), (0.64, 0.8448)),
      (c.stl(samples: 1), (2.89, 1.5648)), (c.analyticKL(samples: 1), (0.16, 0.4112)),
      (c.score(.mean, split: "entropy", samples: 1), (9.6, 7.8336)),
      (c.score(.mean, split: "analytic", samples: 1), (4.9, 3.9584)),
    ] {
      #expect(abs(found.0 - wanted.0) < 1e-6 * wanted.0 && abs(found.1 - wanted.1) < 1e-6 * wanted.1)
    }
  }
}
