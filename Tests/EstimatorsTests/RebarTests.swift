import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// TRUTHS 2: REBAR on one bit, f = (z − t)², by quadrature given the bit and as measured; and on several coordinates draw by draw.
@Suite struct RebarTests {
  /// ĝ = A − η C of one bit: what E C, E A C and E C² are, by quadrature in ζ and in ζ̃, which given the bit is independent of
  /// ζ, or is ζ where they are coupled.
  struct Moments {
    let meanA, meanSquareA, meanC, meanAC, meanSquareC: Double

    init(t: Double, theta: Double, tau: Double, coupled: Bool) {
      let q = LogisticQuadrature(theta: theta), toy = RelaxedToy(t: t, tau: tau)
      var (a, a2, c, ac, c2) = (0.0, 0.0, 0.0, 0.0, 0.0)
      for bit in [true, false] {
        let p = bit ? theta : 1 - theta, score = bit ? 1 - theta : -theta, plain = toy.f(bit ? 1 : 0) * score
        func conditional(_ zeta: Double) -> Double {
          toy.f(toy.x(zeta)) * score + toy.concrete(zeta) * Self.slope(zeta, q.phi)
        }
        func mean(_ h: (Double) -> Double) -> Double { q.expectation(where: bit, h) / p }
        let fresh = mean(conditional), path = mean(toy.concrete), square: Double
        if coupled {
          square = mean { pow(conditional($0) - toy.concrete($0), 2) }
        } else {
          let squares = mean { conditional($0) * conditional($0) } + mean { toy.concrete($0) * toy.concrete($0) }
          square = squares - 2 * fresh * path
        }
        a += p * plain
        a2 += p * plain * plain
        c += p * (fresh - path)
        ac += p * plain * (fresh - path)
        c2 += p * square
      }
      (meanA, meanSquareA, meanC, meanAC, meanSquareC) = (a, a2, c, ac, c2)
    }

    /// ∂ζ̃/∂φ with v held, from ζ̃ = ± log(1 + o (1 + e^{± φ})), o the odds of v or 1 − v.
    static func slope(_ zeta: Double, _ phi: Double) -> Double {
      let sign = zeta > 0 ? 1.0 : -1, e = exp(sign * phi), odds = (exp(abs(zeta)) - 1) / (1 + e)
      return odds * e / (1 + odds * (1 + e))
    }

    func variance(_ eta: Double) -> Double {
      meanSquareA - 2 * eta * meanAC + eta * eta * meanSquareC - meanA * meanA
    }
    var bestEta: Double { meanAC / meanSquareC }
  }

  struct Row: Sendable, CustomTestStringConvertible {
    let t, theta, tau, one, best, coupledOne, coupledEta, coupledBest: Double
    var testDescription: String { "t = \(t), θ = \(theta), τ = \(tau)" }
    init(
      _ t: Double, _ theta: Double, _ tau: Double, _ one: Double, _ best: Double, _ coupledOne: Double,
      _ coupledEta: Double, _ coupledBest: Double
    ) {
      (self.t, self.theta, self.tau, self.one, self.best) = (t, theta, tau, one, best)
      (self.coupledOne, self.coupledEta, self.coupledBest) = (coupledOne, coupledEta, coupledBest)
    }
  }

  /// Variances with independent v, η = 1 and best; coupled at η = 1, the best η, and the variance there.
  static let table: [Row] = [
    Row(0.499, 0.5, 0.1, 0.0837022, 0.01562513, 0.08659328, 8.80679e-07, 0.01562513),
    Row(0.499, 0.5, 0.5, 0.02229023, 0.01562512, 0.02350225, 7.93427e-06, 0.01562512),
    Row(0.499, 0.5, 1, 0.01837802, 0.01562512, 0.01770842, 2.99989e-05, 0.01562512),
    Row(0.499, 0.5, 2, 0.01662892, 0.01562512, 0.01599515, 0.000168849, 0.01562512),
    Row(0.499, 0.3, 0.1, 0.07140357, 0.01316714, 0.07278038, 8.82088e-07, 0.01316714),
    Row(0.499, 0.3, 0.5, 0.01958529, 0.01316714, 0.01978393, 7.94697e-06, 0.01316714),
    Row(0.499, 0.3, 1, 0.01556683, 0.01316714, 0.0149171, 3.00469e-05, 0.01316714),
    Row(0.499, 0.3, 2, 0.01405141, 0.01316714, 0.01347796, 0.000169119, 0.01316714),
    Row(0.499, 0.9, 0.1, 0.03211558, 0.005589102, 0.03113764, 8.77861e-07, 0.005589102),
    Row(0.499, 0.9, 0.5, 0.01066325, 0.005589102, 0.008424868, 7.90888e-06, 0.005589102),
    Row(0.499, 0.9, 1, 0.00729571, 0.005589102, 0.006339088, 2.99029e-05, 0.005589102),
    Row(0.499, 0.9, 2, 0.006052216, 0.005589102, 0.005722313, 0.000168309, 0.005589102),
    Row(0.45, 0.5, 0.1, 0.08725173, 0.01593871, 0.09041436, 0.00211005, 0.01593873),
    Row(0.45, 0.5, 0.5, 0.02265312, 0.01593552, 0.02406711, 0.01869, 0.01593611),
    Row(0.45, 0.5, 1, 0.01848909, 0.01593037, 0.01791667, 0.0688167, 0.0159282),
    Row(0.45, 0.5, 2, 0.01667141, 0.0159153, 0.01606133, 0.360391, 0.01588219),
    Row(0.45, 0.3, 0.1, 0.0739179, 0.01559346, 0.07813206, 0.00227718, 0.01559349),
    Row(0.45, 0.3, 0.5, 0.02156078, 0.01559054, 0.02240037, 0.0201704, 0.01559093),
    Row(0.45, 0.3, 1, 0.0178572, 0.01558578, 0.017234, 0.0742675, 0.01558319),
    Row(0.45, 0.3, 2, 0.01625418, 0.01557219, 0.01567552, 0.388937, 0.01553817),
    Row(0.45, 0.9, 0.1, 0.03418359, 0.004063987, 0.03089317, 0.00177578, 0.004063978),
    Row(0.45, 0.9, 0.5, 0.01024739, 0.004063698, 0.007008159, 0.0157292, 0.00406331),
    Row(0.45, 0.9, 1, 0.005962643, 0.004062916, 0.004794, 0.0579151, 0.004061293),
    Row(0.45, 0.9, 2, 0.004422439, 0.004059027, 0.004126079, 0.303299, 0.004049561),
  ]

  /// To the digits that are printed, and without bias.
  @Test(arguments: table) func quadratureGivesTheTable(_ row: Row) {
    let independent = Moments(t: row.t, theta: row.theta, tau: row.tau, coupled: false)
    let coupled = Moments(t: row.t, theta: row.theta, tau: row.tau, coupled: true)
    for (found, wanted) in [
      (independent.variance(1), row.one), (independent.variance(independent.bestEta), row.best),
      (coupled.variance(1), row.coupledOne), (coupled.bestEta, row.coupledEta),
      (coupled.variance(coupled.bestEta), row.coupledBest),
    ] { #expect(abs(found / wanted - 1) < 6e-6, "\(found) against \(wanted)") }
    #expect(abs(independent.meanC) < 1e-9 && abs(coupled.meanC) < 1e-9)
    #expect(abs(coupled.meanA - (1 - 2 * row.t) * row.theta * (1 - row.theta)) < 1e-15)
  }

  static let measured = [(0.499, 0.3, 0.5), (0.45, 0.9, 0.5), (0.45, 0.9, 2), (0.2, 0.35, 0.3), (0.7, 0.62, 1)]

  @Test(arguments: measured, generators)
  func momentsAreMeasured(_ c: (t: Double, theta: Double, tau: Double), generator: String) async throws {
    let tau = c.tau == 0.5 ? "" : "temperature=\(numberText(c.tau)),"
    let forms: [(String, Double, Bool)] = [
      ("rebar:\(tau)learn=none", 1, false), ("rebar:\(tau)learn=none,coupling=true", 1, true),
      ("rebar:\(tau)learn=none,coefficient=0.25", 0.25, false),
      ("rebar:\(tau)learn=none,coefficient=0.25,coupling=true", 0.25, true),
    ]
    let figures = try await Measurement(
      model: "bernoulli-toy:target=\(c.t)", at: "logit=\(log(c.theta / (1 - c.theta)))", replicates: 400_000,
      generator: generator, family: "bernoulli"
    ).run(forms.map(\.0))
    let size = Self.measured.count * generators.count * forms.count
    for (name, eta, coupled) in forms {
      let moments = Moments(t: c.t, theta: c.theta, tau: c.tau, coupled: coupled)
      let truth = Truth(estimator: name, block: "logit", variance: moments.variance(eta))
      try check([truth], in: figures, familySize: size, relativeHalfWidth: 0.06)
      try checkMean(moments.meanA, of: name, in: figures, familySize: size)
    }
  }

  /// Draw by draw with x̃ = x, against differences over u held and over v held, from formulae written a second time.
  @Test(arguments: ["bernoulli", "categorical:categories=3"]) func isItsFormula(_ family: String) throws {
    let tau = 0.6, eta = 0.7, phi = [0.7, -0.4, 0.2], t = [0.6, 0.51, 0.3], lanes = 32, isBits = family == "bernoulli"
    let bench = try Bench(
      "bernoulli-toy:target=0.6x0.51x0.3", family: family, at: "logit=0.7x-0.4x0.2", samples: 1, lanes: lanes)
    let found = try bench.run(Rebar(temperature: tau, coefficient: eta, learning: .none, coupling: true))
    let noise = bench.block.draws.noise, draws = bench.block.draws.z
    func f(_ x: [Double]) -> Double { zip(x, t).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
    func probabilities(_ phi: [Double]) -> [Double] {
      if isBits { return phi.map { 1 / (1 + exp(-$0)) } }
      let total = phi.reduce(0) { $0 + exp($1) }
      return phi.map { exp($0) / total }
    }
    func relaxed(_ zeta: [Double]) -> [Double] {
      if isBits { return zeta.map { 1 / (1 + exp(-$0 / tau)) } }
      let total = zeta.reduce(0) { $0 + exp($1 / tau) }
      return zeta.map { exp($0 / tau) / total }
    }
    for lane in 0..<lanes {
      let u = (0..<3).map { noise[$0 * lanes + lane] }, z = (0..<3).map { draws[$0 * lanes + lane] }
      func zeta(_ phi: [Double]) -> [Double] {
        if isBits { return (0..<3).map { phi[$0] + log(u[$0] / (1 - u[$0])) } }
        let pi = probabilities(phi)
        return (0..<3).map { log(pi[$0]) - log(-log(u[$0])) }
      }
      // What is left of u given z, at φ.
      let pi = probabilities(phi), start = zeta(phi), b = z.firstIndex(of: 1) ?? 0
      let left = (0..<3).map { d -> Double in
        if isBits { return z[d] == 1 ? (u[d] - 1 + pi[d]) / pi[d] : u[d] / (1 - pi[d]) }
        let height = exp(-start[d])
        return d == b ? height : (height - exp(-start[b])) * pi[d]
      }
      func again(_ phi: [Double]) -> [Double] {
        let pi = probabilities(phi)
        if isBits {
          return (0..<3).map { d in
            let u = z[d] == 1 ? 1 - pi[d] + left[d] * pi[d] : left[d] * (1 - pi[d])
            return phi[d] + log(u / (1 - u))
          }
        }
        return (0..<3).map { d in -log(d == b ? left[b] : left[d] / pi[d] + left[b]) }
      }
      #expect(zip(start, again(phi)).allSatisfy { abs($0 - $1) < 1e-9 })
      for p in 0..<3 {
        var (up, down) = (phi, phi)
        up[p] += 1e-5
        down[p] -= 1e-5
        let path = (f(relaxed(zeta(up))) - f(relaxed(zeta(down)))) / 2e-5
        let conditional = (f(relaxed(again(up))) - f(relaxed(again(down)))) / 2e-5
        let score = z[p] - pi[p], signal = f(z) - eta * f(relaxed(start))
        let wanted = signal * score + eta * (path - conditional)
        #expect(abs(found[p * lanes + lane] - wanted) < 1e-8)
      }
    }
  }

  /// With several categories what is learned takes most of the variance, and nothing of the mean.
  @Test func learningHelpsSeveralCategories() async throws {
    let names = ["score", "rebar:learn=none", "rebar:learn=coefficient", "rebar", "rebar:coupling=true"]
    let figures = try await Measurement(
      model: "bernoulli-toy:target=0.6x0.51x0.3", at: "logit=0.7x-0.4x0.2", replicates: 200_000,
      family: "categorical:categories=3"
    ).run(names)
    let variances = try names.map { name in
      try #require(figures.entries.first { $0.entry.text == name }?.all).variance
    }
    #expect(variances[2] < variances[0] && variances[2] < variances[1])
    #expect(variances[3] < 0.2 * variances[0] && variances[4] < 0.2 * variances[0])
    for entry in figures.entries {
      for c in entry.coordinates { #expect(abs(c.biasZ ?? .infinity) < 4.5, "\(entry.entry.text)") }
    }
  }

  @Test func refusesAnOptionWithoutEffect() {
    #expect(throws: ComponentError.self) { try Rebar(temperature: 1, coefficient: 0.5, learning: .all).check() }
  }
}
