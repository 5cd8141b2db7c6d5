import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// `AugmentReinforceMerge` and `DisARM`: TRUTHS 2's closed forms on one bit; several bits by going through all pairs of bits.
@Suite struct AntitheticPairsTests {
  static let names = ["arm", "disarm", "score:baseline=leave-one-out"]

  /// Variances of one estimate of one bit with f(1) − f(0) = Δ.
  struct Bit {
    let theta, delta: Double
    var p: Double { theta * (1 - theta) }
    var greater: Double { max(theta, 1 - theta) }
    var arm: Double { delta * delta * (2.0 / 3 * (0.125 - pow(greater - 0.5, 3)) - p * p) }
    var disarm: Double { delta * delta * (greater * greater * (1 - greater) / 2 - p * p) }
    var leaveOneOut: Double { delta * delta * (p * (1 - 3 * p) / 2 + p * p / 2) }
  }

  /// The closed forms against numbers of the table.
  @Test(arguments: [
    (0.499, 0.3, 1.356e-7, 1.176e-7, 2.436e-7), (0.499, 0.99, 1.9210627e-8, 1.920996e-8, 1.940796e-8),
    (0.45, 0.5, 2.0833333e-4, 0, 6.25e-4), (0.45, 0.9, 3.2566667e-4, 3.24e-4, 3.69e-4),
  ]) func formulaeGiveTheTable(_ t: Double, _ theta: Double, _ arm: Double, _ disarm: Double, _ two: Double) {
    let bit = Bit(theta: theta, delta: 1 - 2 * t)
    for (found, wanted) in [(bit.arm, arm), (bit.disarm, disarm), (bit.leaveOneOut, two)] {
      #expect(abs(found - wanted) <= 1e-7 * wanted + 1e-19)
    }
  }

  /// At every θ disarm ≤ arm ≤ leave-one-out of two, and arm's greatest is below Δ²/25.
  @Test func theOrderHolds() {
    for i in 1..<200 {
      let bit = Bit(theta: Double(i) / 200, delta: 1)
      #expect(bit.disarm <= bit.arm && bit.arm <= bit.leaveOneOut && bit.arm < 0.04)
    }
  }

  static let points = [(0.499, 0.5), (0.499, 0.3), (0.45, 0.9), (0.45, 0.99), (0.2, 0.35), (0.7, 0.62), (-1, 0.08)]

  @Test(arguments: points, generators)
  func variancesOfTheToy(_ point: (t: Double, theta: Double), generator: String) async throws {
    let bit = Bit(theta: point.theta, delta: 1 - 2 * point.t)
    let figures = try await Measurement(
      model: "bernoulli-toy:target=\(point.t)", at: MultiSampleTests.point(point.theta), samples: 2,
      replicates: 400_000, generator: generator, family: "bernoulli"
    ).run(Self.names)
    let truths = [
      Truth(estimator: "arm", block: "logit", variance: bit.arm / 2),
      Truth(estimator: "disarm", block: "logit", variance: bit.disarm / 2),
      Truth(estimator: "score:baseline=leave-one-out", block: "logit", variance: bit.leaveOneOut),
    ]
    try check(truths, in: figures, familySize: 2 * Self.points.count * 3, relativeHalfWidth: 0.06)
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-5, "\(entry.entry.text)") }
  }

  /// At θ = 0.99 most draws are one state: where 64 are all alike the scale of the sums is looked for in more. The interval is about
  /// the estimate, and as wide as a kurtosis of 1/(2 · 0.01) makes it, 2 √(50/R).
  @Test(arguments: 1...8) func intervalsWhereDrawsRarelyDiffer(_ seed: Int) async throws {
    let figures = try await Measurement(
      model: "bernoulli-toy:target=0.499", at: "logit=\(log(99.0))", replicates: 20_000, seed: seed,
      family: "bernoulli"
    ).run(["arm", "disarm", "score:baseline=mean"])
    let bit = Bit(theta: 0.99, delta: 0.002)
    let truths = ["arm": bit.arm, "disarm": bit.disarm]
    for entry in figures.entries {
      let block = try #require(entry.blocks.first), interval = block.interval
      #expect(interval.low < block.variance && block.variance < interval.high, "\(entry.entry.text)")
      let halfWidth = 0.5 * (interval.high - interval.low) / block.variance
      #expect(halfWidth > 0.06 && halfWidth < 0.2, "\(entry.entry.text) \(halfWidth)")
      guard let truth = truths[entry.entry.text] else { continue }
      let strict = entry.moments.interval(ofBlock: 0, level: 1 - 1e-4 / 16)
      #expect(strict.low < truth && truth < strict.high, "\(entry.entry.text) \(strict)")
    }
  }

  /// The ELBO's f has a Δ that each split leaves another part of: the closed form is exact, and log q's own λ adds nothing.
  @Test(arguments: [0.3, 0.5, 0.9]) func variancesOfTheElbo(_ theta: Double) async throws {
    let ratio = log(0.9 / 0.2), prior = log(0.4 / 0.6), logit = log(theta / (1 - theta))
    let deltas = ["": ratio + prior - logit, ":kl=entropy": ratio + prior, ":kl=analytic": ratio]
    let figures = try await Measurement(
      model: "binary-latent:prior=0.4", at: "logit=\(logit)", replicates: 400_000, family: "bernoulli"
    ).run(deltas.keys.sorted().flatMap { ["arm\($0)", "disarm\($0)"] })
    let truths = deltas.flatMap { option, delta in
      let bit = Bit(theta: theta, delta: delta)
      return [
        Truth(estimator: "arm\(option)", block: "logit", variance: bit.arm),
        Truth(estimator: "disarm\(option)", block: "logit", variance: bit.disarm),
      ]
    }
    try check(truths, in: figures, familySize: 3 * 6, relativeHalfWidth: 0.06)
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-5, "\(entry.entry.text)") }
  }

  /// The four sets of u that one coordinate's bits come from: the bits, and ∫ du, ∫ (u − ½) du and ∫ (u − ½)² du over them.
  static func cells(_ theta: Double) -> [(z: Double, mirrored: Double, mass: Double, first: Double, second: Double)] {
    let cuts = [0, min(theta, 1 - theta), max(theta, 1 - theta), 1]
    return zip(cuts, cuts.dropFirst()).map { a, b in
      let middle = (a + b) / 2
      func moment(_ n: Double) -> Double { (pow(b - 0.5, n) - pow(a - 0.5, n)) / n }
      return (middle > 1 - theta ? 1 : 0, middle < theta ? 1 : 0, b - a, moment(2), moment(3))
    }
  }

  /// Three bits, whose f the other coordinates move too: moments of each coordinate's estimate over all 27 triples of cells.
  @Test func severalBits() async throws {
    let targets = [0.6, 0.1, 0.48], thetas = [0.7, 0.35, 0.5]
    let cells = thetas.map(Self.cells)
    var arm = (mean: [0.0, 0, 0], square: [0.0, 0, 0]), disarm = arm
    for index in 0..<27 {
      let chosen = [index % 3, index / 3 % 3, index / 9].enumerated().map { cells[$0.offset][$0.element] }
      let mass = chosen.reduce(1) { $0 * $1.mass }
      guard mass > 0 else { continue }
      var difference = 0.0
      for (cell, t) in zip(chosen, targets) { difference += pow(cell.z - t, 2) - pow(cell.mirrored - t, 2) }
      for d in 0..<3 {
        let cell = chosen[d], others = mass / cell.mass
        arm.mean[d] += others * difference * cell.first
        arm.square[d] += others * difference * difference * cell.second
        let a = 0.5 * (cell.z - cell.mirrored) * max(thetas[d], 1 - thetas[d]) * difference
        disarm.mean[d] += mass * a
        disarm.square[d] += mass * a * a
      }
    }
    // The one is the other with u integrated out, whatever the other coordinates do.
    for d in 0..<3 { #expect(disarm.square[d] < arm.square[d]) }
    let figures = try await Measurement(
      model: "bernoulli-toy:target=0.6x0.1x0.48",
      at: "logit=\(thetas.map { "\(log($0 / (1 - $0)))" }.joined(separator: "x"))",
      replicates: 400_000, family: "bernoulli"
    ).run(["arm", "disarm"])
    let exact = try #require(figures.cell.exact?.gradient)
    for (name, moments) in [("arm", arm), ("disarm", disarm)] {
      for d in 0..<3 { #expect(abs(moments.mean[d] - exact[d]) < 1e-14, "\(name) \(d)") }
      let variance = (0..<3).reduce(0.0) { $0 + moments.square[$1] - moments.mean[$1] * moments.mean[$1] }
      try check([Truth(estimator: name, block: "logit", variance: variance)], in: figures, familySize: 2)
    }
  }

  /// What is no product of Bernoullis is refused, and the objectives of several draws.
  @Test func othersAreRefused() throws {
    for name in ["gaussian", "bernoulli-toy"] {
      let family = name == "gaussian" ? "mean-field-normal" : "autoregressive-bernoulli"
      let bench = try Bench(name, family: family, at: "initial", samples: 1, lanes: 32)
      let errors = [
        #expect(throws: EstimatorError.self) { try bench.run(AugmentReinforceMerge()) },
        #expect(throws: EstimatorError.self) { try bench.run(DisARM()) },
      ]
      for error in errors { #expect(try #require(error).description.contains("independent Bernoullis")) }
    }
  }
}
