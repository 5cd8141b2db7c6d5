import Foundation
import GradientEstimation
import Testing

/// φ of objectives of several draws, its slopes and curvatures, against φ written a second time.
@Suite struct MultiSampleObjectiveTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let objective: any MultiSampleObjective
    let phi: @Sendable ([Double]) -> Double
    var testDescription: String { name }
  }

  static func mean(_ logWeights: [Double], power: Double) -> Double {
    log(logWeights.reduce(0) { $0 + exp(power * $1) } / Double(logWeights.count)) / power
  }
  static func renyi(_ alpha: Double) -> RenyiBound {
    var bound = RenyiBound()
    bound.alpha = alpha
    return bound
  }
  static func jackknife(_ order: Int) -> JackknifeBound {
    var bound = JackknifeBound()
    bound.order = order
    return bound
  }
  static func without(_ values: [Double], _ removed: Int...) -> [Double] {
    values.indices.filter { !removed.contains($0) }.map { values[$0] }
  }

  static let cases: [Case] = [
    Case(name: "iwae", objective: renyi(0)) { mean($0, power: 1) },
    Case(name: "renyi 0.5", objective: renyi(0.5)) { mean($0, power: 0.5) },
    Case(name: "renyi 1", objective: renyi(1)) { $0.reduce(0, +) / Double($0.count) },
    Case(name: "renyi -1.5", objective: renyi(-1.5)) { mean($0, power: 2.5) },
    Case(name: "chi", objective: ChiBound()) { mean($0, power: 2) },
    Case(name: "jackknife", objective: jackknife(1)) { l in
      let k = Double(l.count)
      return k * mean(l, power: 1) - (k - 1) * l.indices.reduce(0) { $0 + mean(without(l, $1), power: 1) } / k
    },
    Case(name: "jackknife of order 2", objective: jackknife(2)) { l in
      let k = Double(l.count)
      let one = l.indices.reduce(0) { $0 + mean(without(l, $1), power: 1) } / k
      var two = 0.0
      for i in l.indices { for j in 0..<i { two += mean(without(l, i, j), power: 1) } }
      two /= k * (k - 1) / 2
      return k * k / 2 * mean(l, power: 1) - (k - 1) * (k - 1) * one + (k - 2) * (k - 2) / 2 * two
    },
  ]

  func evaluate(
    _ objective: any MultiSampleObjective, _ weights: [Double]
  ) -> (value: Double, slopes: [Double], curvatures: [Double]) {
    var slopes = weights, curvatures = weights
    let value = weights.withUnsafeBufferPointer { weights in
      slopes.withUnsafeMutableBufferPointer { slopes in
        curvatures.withUnsafeMutableBufferPointer { objective.evaluate(weights, slopes: slopes, curvatures: $0) }
      }
    }
    return (value, slopes, curvatures)
  }

  @Test(arguments: cases) func valueSlopesAndCurvatures(_ c: Case) {
    let weights = [-1.2, 0.4, 0.1, -2.5, 1.3]
    let found = evaluate(c.objective, weights)
    #expect(abs(found.value - c.phi(weights)) < 1e-13)
    #expect(abs(found.slopes.reduce(0, +) - 1) < 1e-13, "a constant added to all log weights adds to φ")
    for k in weights.indices {
      func moved(_ h: Double) -> Double {
        var other = weights
        other[k] += h
        return c.phi(other)
      }
      let h = 1e-3
      let slope = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h)
      let curvature = (16 * (moved(h) + moved(-h)) - (moved(2 * h) + moved(-2 * h)) - 30 * moved(0)) / (12 * h * h)
      #expect(abs(found.slopes[k] - slope) < 1e-10)
      #expect(abs(found.curvatures[k] - curvature) < 1e-7)
    }
  }

  /// Of log weights far from zero no digit is lost, and none of one that is −∞.
  @Test(arguments: cases) func shiftsAndZeroWeights(_ c: Case) {
    let weights = [-1.2, 0.4, 0.1, -2.5], moved = evaluate(c.objective, weights.map { $0 - 2000 })
    #expect(abs(moved.value + 2000 - evaluate(c.objective, weights).value) < 1e-11)
    #expect(moved.slopes.allSatisfy(\.isFinite) && moved.curvatures.allSatisfy(\.isFinite))
    let zero = evaluate(c.objective, weights + [-.infinity])
    guard c.name != "renyi 1" else { return }
    #expect(zero.value.isFinite && zero.slopes[4] == 0)
  }

  /// log (1/K) Σ w − Σ w̃ ℓ, at most 0, and 0 where all weights are one.
  @Test func wakeValue() {
    let weights = [-1.2, 0.4, 0.1], total = weights.reduce(0) { $0 + exp($1) }
    let found = evaluate(WakeObjective(), weights)
    let wanted = log(total / 3) - weights.reduce(0) { $0 + exp($1) / total * $1 }
    #expect(abs(found.value - wanted) < 1e-14 && found.value < 0)
    #expect(zip(found.slopes, weights).allSatisfy { abs($0 - exp($1) / total) < 1e-15 })
    #expect(abs(evaluate(WakeObjective(), [0.7, 0.7]).value) < 1e-15)
  }
}
