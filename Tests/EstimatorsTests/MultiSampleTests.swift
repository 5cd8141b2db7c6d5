import EstimatorStatistics
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// `VIMCO` and `DoublyReparameterized`, and the other rules under objectives of several draws: TRUTHS 2's one-bit model by enumeration, and P13/P14's signal-to-noise ratios.
@Suite struct MultiSampleTests {
  /// θ, K, L_K, its gradient, and the variances of score and of vimco.
  struct Row: Sendable, CustomTestStringConvertible {
    let theta: Double
    let samples: Int
    let bound, gradient, score: Double
    let vimco: Double?
    var testDescription: String { "θ = \(theta), K = \(samples)" }
  }

  static let table = [
    Row(theta: 0.5, samples: 1, bound: -0.8573992140, gradient: 0.37601935, score: 0.86248296, vimco: nil),
    Row(theta: 0.5, samples: 2, bound: -0.7276181074, gradient: 0.21692844, score: 1.2076093, vimco: 0.17205795),
    Row(theta: 9.0 / 11, samples: 1, bound: -0.5978370008, gradient: 0, score: 0.37979748, vimco: nil),
    Row(theta: 9.0 / 11, samples: 2, bound: -0.5978370008, gradient: 0, score: 0.35858561, vimco: 0.074380165),
    Row(theta: 0.95, samples: 1, bound: -0.6751963227, gradient: -0.068417175, score: 0.0068183, vimco: nil),
    Row(theta: 0.95, samples: 2, bound: -0.6524347927, gradient: -0.059594042, score: 0.041387598, vimco: 0.0039475948),
  ]

  static func point(_ theta: Double) -> String { "logit=\(log(theta / (1 - theta)))" }

  @Test(arguments: table, generators) func theTableHolds(_ row: Row, generator: String) async throws {
    let figures = try await Measurement(
      model: "binary-latent", at: Self.point(row.theta), samples: row.samples, replicates: 1_000_000,
      generator: generator, objective: "iwae", family: "bernoulli"
    ).run(["score", "exact"] + (row.vimco == nil ? [] : ["vimco", "vimco:mean=arithmetic"]))
    let exact = try #require(figures.cell.exact)
    #expect(abs(exact.value - row.bound) < 1e-10 && abs(exact.gradient[0] - row.gradient) < 1e-8)
    var truths = [Truth(estimator: "score", block: "logit", variance: row.score)]
    if let vimco = row.vimco {
      // Of two draws the mean of the others is the other, whichever mean.
      truths += [Truth(estimator: "vimco", block: "logit", variance: vimco)]
      truths += [Truth(estimator: "vimco:mean=arithmetic", block: "logit", variance: vimco)]
    }
    try check(truths, in: figures, familySize: 2 * Self.table.count * 3, relativeHalfWidth: 0.04)
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-5) }
  }

  func exact(_ objective: String, _ samples: Int, at point: String) async throws -> Double {
    let figures = try await Measurement(
      model: "binary-latent", at: point, samples: samples, replicates: 100, objective: objective, family: "bernoulli"
    ).run(["exact"])
    return try #require(figures.cell.exact).value
  }

  /// L_K rises with K and stays below log p(x); the jackknife comes closer; the χ form passes from below to above.
  @Test func boundsTightenWithK() async throws {
    let evidence = log(0.5 * 0.9 + 0.5 * 0.2), point = Self.point(0.5)
    var last = -Double.infinity
    for samples in [1, 2, 3, 4, 8, 16, 64] {
      let bound = try await exact("iwae", samples, at: point)
      #expect(bound > last && bound < evidence)
      if samples > 3 {
        let jackknife = try await exact("jackknife", samples, at: point)
        #expect(abs(jackknife - evidence) < abs(bound - evidence))
      }
      last = bound
    }
    let chi = try await [1, 64].asyncMap { try await exact("chi", $0, at: point) }
    #expect(chi[0] < evidence - 0.2 && chi[1] > evidence)
    let renyi = try await exact("renyi:alpha=0.5", 4, at: point), iwae = try await exact("iwae", 4, at: point)
    let elbo = try await exact("renyi:alpha=1", 4, at: point)
    #expect(elbo < renyi && renyi < iwae)
  }

  /// z ~ N(0, 1), x = 2, q = N(x/2 + ½, 2/3): in the mean the ratio of signal to noise of the reparameterized gradient falls as
  /// 1/√K, and of the doubly reparameterized one rises as √K.
  @Test func signalToNoise() async throws {
    let counts = [16, 64, 256]
    var logs: [String: [Double]] = [:]
    for samples in counts {
      let figures = try await Measurement(
        model: "gaussian:x=2", at: "mean=1.5,log_scale=\(0.5 * log(2.0 / 3))", samples: samples,
        replicates: samples == 256 ? 200_000 : 400_000, generator: "xoshiro256x8", objective: "iwae"
      ).run(["reparam", "dreg", "stl"])
      for entry in figures.entries {
        let block = try #require(entry.blocks.first { $0.block.name == "mean" })
        logs[entry.entry.text, default: []].append(log(try #require(block.snr)))
      }
      let published = [16: [0.129, 5.214, 7.271], 64: [0.067, 10.33, 14.54], 256: [0.0317, 20.66, 29.05]][samples]
      for (found, value) in zip(["reparam", "dreg", "stl"], try #require(published)) {
        #expect(abs(exp(try #require(logs[found]?.last)) / value - 1) < (found == "reparam" ? 0.2 : 0.02))
      }
    }
    func slope(_ estimator: String) throws -> Double {
      let y = try #require(logs[estimator])
      return (y[2] - y[0]) / log(16)
    }
    // The noise of a ratio of signal to noise s is about √((1 + s²/2)/R): relative 0.07 for the smallest here.
    let (falling, rising, path) = try (slope("reparam"), slope("dreg"), slope("stl"))
    #expect(abs(falling + 0.5) < 0.1 && abs(rising - 0.5) < 0.02 && abs(path - 0.5) < 0.02)
  }

  /// At K = 1 every bound is the ELBO, whose exact gradient the estimates have.
  @Test func oneDrawIsTheElbo() async throws {
    for objective in ["iwae", "renyi", "chi"] {
      let figures = try await Measurement(
        model: "gaussian:x=2", at: "mean=0.4,log_scale=-0.5", replicates: 20_000, objective: objective
      ).run(["reparam", "stl", "dreg", "score"])
      for entry in figures.entries {
        #expect(try #require(entry.all?.bias).p > 1e-5, "\(objective) \(entry.entry.text)")
      }
    }
  }
}

extension Sequence {
  fileprivate func asyncMap<T>(_ body: (Element) async throws -> T) async rethrows -> [T] {
    var results: [T] = []
    for element in self { results.append(try await body(element)) }
    return results
  }
}
