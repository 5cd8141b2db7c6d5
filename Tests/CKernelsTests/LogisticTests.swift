import CKernels
import Foundation
import Testing

/// Log likelihood and gradient against the definition, term by term.
@Suite struct LogisticTests {
  /// Arbitrary data and points, `[K × D × B]`.
  struct Case: Sendable, CustomTestStringConvertible {
    var n = 5, d = 3, k = 2, b = 9
    var minibatch: Int?
    var testDescription: String { "N = \(n), D = \(d), K = \(k), B = \(b), M = \(minibatch ?? n)" }

    var design: [Double] { numbers(1, n * d) }
    var target: [Double] { numbers(2, n).map { $0 > 0 ? 1 : 0 } }
    var z: [Double] { numbers(3, k * d * b) }
    /// `[M × B]`, rows chosen with repetition: the kernel does not mind.
    var indices: [Int32]? { minibatch.map { m in numbers(4, m * b, in: 0...1).map { Int32($0 * Double(n)) } } }

    func numbers(_ stream: UInt64, _ count: Int, in range: ClosedRange<Double> = -2...2) -> [Double] {
      var random = SeededGenerator(state: stream)
      return random.numbers(count, in: range)
    }

    struct Result {
      var values, gradient: [Double]
    }

    func kernel(values wanted: Bool = true, gradient wantsGradient: Bool = true) -> Result {
      // Overwritten, whatever was there.
      var values = [Double](repeating: .nan, count: k * b), gradient = [Double](repeating: .nan, count: k * d * b)
      values.withUnsafeMutableBufferPointer { values in
        gradient.withUnsafeMutableBufferPointer { gradient in
          func run(_ indices: UnsafePointer<Int32>?, _ m: Int) {
            wb_logistic(
              design, target, n, indices, m, z, wanted ? values.baseAddress : nil,
              wantsGradient ? gradient.baseAddress : nil, k, d, b)
          }
          if let indices { run(indices, indices.count / b) } else { run(nil, 0) }
        }
      }
      return Result(values: values, gradient: gradient)
    }

    func definition() -> Result {
      let (x, y, z, indices) = (design, target, z, indices)
      let m = minibatch ?? n, weight = Double(n) / Double(m)
      var values = [Double](repeating: 0, count: k * b), gradient = [Double](repeating: 0, count: k * d * b)
      for draw in 0..<k {
        for lane in 0..<b {
          for i in 0..<m {
            let row = indices.map { Int($0[i * b + lane]) } ?? i
            let t = (0..<d).reduce(0.0) { $0 + x[row * d + $1] * z[(draw * d + $1) * b + lane] }
            values[draw * b + lane] += weight * (y[row] * t - log1p(exp(t)))
            for j in 0..<d {
              gradient[(draw * d + j) * b + lane] += weight * (y[row] - 1 / (1 + exp(-t))) * x[row * d + j]
            }
          }
        }
      }
      return Result(values: values, gradient: gradient)
    }
  }

  static let cases: [Case] =
    laneCounts.map { Case(b: $0) } + laneCounts.map { Case(n: 13, b: $0, minibatch: 4) }
    // Sizes around the four rows of a step and the 256 factors of a product.
    + [1, 3, 4, 255, 256, 257, 1023].map { Case(n: $0, d: 2, k: 1, b: 3) }
    + [Case(n: 7, d: 1, k: 3, b: 5), Case(n: 7, d: 1, k: 3, b: 5, minibatch: 1), Case(n: 6, d: 31, k: 1, b: 20)]

  @Test(arguments: cases) func agreesWithTheDefinition(_ c: Case) {
    let found = c.kernel(), wanted = c.definition()
    #expect(largestError(found.values, wanted.values) < 1e-13)
    #expect(largestError(found.gradient, wanted.gradient) < 1e-13 * Double(c.n))
  }

  @Test(arguments: [Case(), Case(minibatch: 3)]) func valuesOrGradientAlone(_ c: Case) {
    let both = c.kernel(), values = c.kernel(gradient: false), gradient = c.kernel(values: false)
    #expect(values.values == both.values && values.gradient.allSatisfy(\.isNaN))
    #expect(gradient.gradient == both.gradient && gradient.values.allSatisfy(\.isNaN))
  }

  /// log σ(±1000) is 0 or −1000 to the last digit, and the gradient y − σ(t) is 0 or ±1.
  @Test(arguments: [false, true]) func extremePredictorsSaturate(_ minibatch: Bool) {
    let target = [1.0, 0, 1, 0], z = [1000.0, -1000, 1e300]
    var values = [Double](repeating: .nan, count: 3), gradient = values
    let indices = (0..<4).flatMap { row in [Int32](repeating: Int32(row), count: 3) }
    // Predictors z, z, −z, −z: labels right and wrong on either side.
    indices.withUnsafeBufferPointer {
      wb_logistic([1, 1, -1, -1], target, 4, minibatch ? $0.baseAddress : nil, 4, z, &values, &gradient, 1, 1, 3)
    }
    #expect(values == [-2000, -2000, -2e300])
    #expect(gradient == [-2, 2, -2])
  }

  /// Simpson's rule on ±12 deviations, in steps eight times as short as the kernel's. The derivatives are written in
  /// s = sech²(t/2): σ′ = s/4, σ‴ = s/4 − 3s²/8. Also the means of the absolute values, which rounding is relative to.
  static func softplusMoments(_ mean: Double, _ deviation: Double) -> [(mean: Double, absolute: Double)] {
    let step = 1 / (16 * max(1, deviation)), count = 2 * Int(6 / step)
    var weights = 0.0, sums = [(Double, Double)](repeating: (0, 0), count: 4)
    for i in -count...count {
      let e = Double(i) * step, weight = (i % 2 == 0 ? 2.0 : 4.0) * exp(-0.5 * e * e)
      let t = mean + deviation * e, u = exp(-abs(t)), s = 4 * u / ((1 + u) * (1 + u))
      let terms = (max(t, 0) + log1p(u), t > 0 ? 1 / (1 + u) : u / (1 + u), s / 4, s / 4 - 3 * s * s / 8)
      weights += weight
      for (j, term) in [terms.0, terms.1, terms.2, terms.3].enumerated() {
        sums[j].0 += weight * term
        sums[j].1 += weight * abs(term)
      }
    }
    return sums.map { ($0.0 / weights, $0.1 / weights) }
  }

  @Test(arguments: [0, 0.3, -1, 5, -20, 40], [0, 1e-8, 0.1, 1, 3, 20, 200])
  func softplusMomentsAgreeWithSimpsonsRule(_ mean: Double, _ deviation: Double) {
    var found = [Double](repeating: .nan, count: 4)
    wb_softplus_moments(mean, deviation, &found)
    for (value, wanted) in zip(found, Self.softplusMoments(mean, deviation)) {
      #expect(abs(value - wanted.mean) <= 1e-13 * wanted.absolute + 1e-16, "\(value) instead of \(wanted.mean)")
    }
  }

  /// Far from zero log(1 + e^t) is t or e^t.
  @Test func softplusMomentsFarFromZero() {
    var found = [Double](repeating: .nan, count: 4)
    wb_softplus_moments(1000, 2, &found)
    #expect(abs(found[0] - 1000) < 1e-12 && abs(found[1] - 1) < 1e-15 && found[2] == 0 && found[3] == 0)
    wb_softplus_moments(-300, 0.5, &found)
    let wanted = exp(-300 + 0.125)
    #expect(found.allSatisfy { abs($0 - wanted) < 1e-12 * wanted })
    wb_softplus_moments(-1000, 2, &found)
    #expect(found == [0, 0, 0, 0])
  }
}
