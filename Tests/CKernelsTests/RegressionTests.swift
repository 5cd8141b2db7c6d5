import CKernelVariants
import CKernels
import Foundation
import Testing

/// Log likelihoods of regressions and their gradients against the definition, term by term.
@Suite struct RegressionTests {
  /// Arbitrary data and points, `[K × D × B]`.
  struct Case: Sendable, CustomTestStringConvertible {
    var response = WB_LOGISTIC
    var n = 5, d = 3, k = 2, b = 9
    var minibatch: Int?
    var testDescription: String {
      "\(["logistic", "normal", "Poisson"][Int(response.rawValue)]), N = \(n), D = \(d), K = \(k), B = \(b), M = \(minibatch ?? n)"
    }

    var precision: Double { response == WB_NORMAL ? 1.7 : 1 }
    var design: [Double] { numbers(1, n * d) }
    var target: [Double] {
      let numbers = numbers(2, n)
      switch response {
      case WB_LOGISTIC: return numbers.map { $0 > 0 ? 1 : 0 }
      case WB_NORMAL: return numbers
      default: return numbers.map { (3 * abs($0)).rounded() }
      }
    }
    /// Any, for the kernel.
    var offset: [Double] { numbers(5, n) }
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

    func kernel(
      values wanted: Bool = true, gradient wantsGradient: Bool = true, panels: Bool = false,
      variant: wb_variant? = nil
    ) -> Result {
      kernel(
        at: z, k: k, b: b, indices: indices, values: wanted, gradient: wantsGradient, panels: panels, variant: variant)
    }

    func kernel(
      at z: [Double], k: Int, b: Int, indices: [Int32]?, values wanted: Bool = true,
      gradient wantsGradient: Bool = true, panels: Bool = false, design: [Double]? = nil, d: Int? = nil,
      variant: wb_variant? = nil
    ) -> Result {
      let d = d ?? self.d, design = design ?? self.design, offset = response == WB_LOGISTIC ? nil : offset
      var rows = [Double](repeating: .nan, count: panels ? wb_regression_panels_size(n, d) : 0)
      if panels { wb_regression_panels(design, target, offset, n, d, &rows) }
      // Overwritten, whatever was there.
      var values = [Double](repeating: .nan, count: k * b), gradient = [Double](repeating: .nan, count: k * d * b)
      values.withUnsafeMutableBufferPointer { values in
        gradient.withUnsafeMutableBufferPointer { gradient in
          func run(_ indices: UnsafePointer<Int32>?, _ m: Int) {
            (variant?.regression ?? wb_regression)(
              response, precision, design, target, offset, panels ? rows : nil, n, indices, m, z,
              wanted ? values.baseAddress : nil, wantsGradient ? gradient.baseAddress : nil, k, d, b)
          }
          if let indices { run(indices, indices.count / b) } else { run(nil, 0) }
        }
      }
      return Result(values: values, gradient: gradient)
    }

    /// g and g′ of a row at its predictor.
    func term(_ row: Int, _ t: Double) -> (value: Double, slope: Double) {
      let y = target[row]
      let mean: Double = exp(t)
      switch response {
      case WB_LOGISTIC: return (y * t - log1p(mean), y - 1 / (1 + exp(-t)))
      case WB_NORMAL: return (offset[row] - precision * pow(y - t, 2) / 2, precision * (y - t))
      default: return (offset[row] + y * t - mean, y - mean)
      }
    }

    /// The definition, and bounds of the rounding of either: (M + D + 8) ulps of the terms' sizes, where the predictor's
    /// own rounding, D ulps of Σ|x z|, is felt as often as the slope is large.
    func definition() -> (result: Result, bound: Result) {
      let (x, z, indices) = (design, z, indices)
      let m = minibatch ?? n, weight = Double(n) / Double(m), ulps = Double(m + d + 8) * 0x1p-52
      var result = Result(values: Array(repeating: 0, count: k * b), gradient: Array(repeating: 0, count: k * d * b))
      var bound = result
      for draw in 0..<k {
        for lane in 0..<b {
          for i in 0..<m {
            let row = indices.map { Int($0[i * b + lane]) } ?? i
            let parts = (0..<d).map { x[row * d + $0] * z[(draw * d + $0) * b + lane] }
            let t = parts.reduce(0, +), size = 1 + parts.reduce(0) { $0 + abs($1) }, found = term(row, t)
            let mean = response == WB_POISSON ? exp(t) : precision * size
            result.values[draw * b + lane] += weight * found.value
            bound.values[draw * b + lane] +=
              weight * ulps * (abs(found.value) + (target[row] + abs(found.slope) + mean) * size)
            for j in 0..<d {
              result.gradient[(draw * d + j) * b + lane] += weight * found.slope * x[row * d + j]
              bound.gradient[(draw * d + j) * b + lane] +=
                weight * ulps * abs(x[row * d + j]) * (abs(found.slope) + target[row] + mean * size)
            }
          }
        }
      }
      return (result, bound)
    }
  }

  static let responses = [WB_LOGISTIC, WB_NORMAL, WB_POISSON]

  static let cases: [Case] = responses.flatMap { response in
    laneCounts.map { Case(response: response, b: $0) }
      + laneCounts.map { Case(response: response, n: 13, b: $0, minibatch: 4) }
      // Sizes around the eight rows of a step and of a panel, and the 768 rows of a set of chunks.
      + [1, 3, 7, 8, 9, 63, 64, 65, 767, 768, 769, 1537].map { Case(response: response, n: $0, d: 2, k: 1, b: 3) }
      + [
        Case(response: response, n: 7, d: 1, k: 3, b: 5),
        Case(response: response, n: 7, d: 1, k: 3, b: 5, minibatch: 1),
        Case(response: response, n: 6, d: 31, k: 1, b: 20),
        Case(response: response, n: 70, d: 31, k: 10, b: 1),
        Case(response: response, n: 300, k: 9, b: 2, minibatch: 299),
      ]
  }

  @Test(arguments: cases) func agreesWithTheDefinition(_ c: Case) {
    let found = c.kernel(panels: true), (wanted, bound) = c.definition()
    for i in found.values.indices { #expect(abs(found.values[i] - wanted.values[i]) <= bound.values[i]) }
    for i in found.gradient.indices { #expect(abs(found.gradient[i] - wanted.gradient[i]) <= bound.gradient[i]) }
  }

  @Test(arguments: responses, [nil, 3]) func valuesOrGradientAlone(_ response: wb_response, _ minibatch: Int?) {
    let c = Case(response: response, minibatch: minibatch), both = c.kernel()
    for panels in [false, true] {
      let values = c.kernel(gradient: false, panels: panels), gradient = c.kernel(values: false, panels: panels)
      #expect(values.values == both.values && values.gradient.allSatisfy(\.isNaN))
      #expect(gradient.gradient == both.gradient && gradient.values.allSatisfy(\.isNaN))
    }
  }

  /// Whatever the instruction set, and so the blocks that its registers allow, the bits are the same; with rows in the
  /// lanes too, which is how few draws are worked out. Counts of draws around 8, 16, 20 and 24, and of rows that leave
  /// lanes of a set of eight chunks short, or empty.
  @Test(arguments: responses) func bitsDoNotDependOnTheInstructionsNorTheLayout(_ response: wb_response) {
    for (n, d) in [(5, 3), (11, 31), (263, 31), (263, 9), (769, 4), (9, 128), (9, 129), (9, 600)] {
      for k in Array(1...25) + [31, 48] where n * d < 3000 || k < 13 {
        let c = Case(response: response, n: n, d: d, k: k, b: 1), z = c.z.map { 0.1 * $0 }
        let wanted = c.kernel(at: z, k: k, b: 1, indices: nil)
        #expect(wanted.values.allSatisfy(\.isFinite) && wanted.gradient.allSatisfy(\.isFinite))
        for variant in [nil] + XoshiroTests.variants().map(Optional.some) {
          for panels in [false, true] where variant != nil || panels {
            let found = c.kernel(at: z, k: k, b: 1, indices: nil, panels: panels, variant: variant)
            #expect(found.values == wanted.values && found.gradient == wanted.gradient)
          }
        }
      }
    }
  }

  /// A coordinate that is not finite is felt by the draws that have it, alike in either layout.
  @Test(arguments: responses, [Double.infinity, -.infinity, .nan])
  func notFinite(_ response: wb_response, _ coordinate: Double) {
    let c = Case(response: response, n: 13, d: 3, k: 2, b: 1)
    var z = c.z
    z[1] = coordinate
    let rows = c.kernel(at: z, k: 2, b: 1, indices: nil),
      panels = c.kernel(at: z, k: 2, b: 1, indices: nil, panels: true)
    #expect(rows.values.map(\.description) == panels.values.map(\.description) && !rows.values[0].isFinite)
    #expect(rows.gradient.map(\.description) == panels.gradient.map(\.description))
    #expect(rows.values[1] == c.kernel().values[1] && rows.gradient[3...] == c.kernel().gradient[3...])
  }

  /// A draw of a lane is worked out alike wherever it stands among the others, bit for bit: in blocks of any width,
  /// alone or in the company of other draws, whether the coordinates fit a tile of 128 or not.
  @Test(
    arguments: responses.flatMap { response in
      [nil, 5].flatMap { m in
        [(3, 6, 263), (1, 31, 263), (4, 1025, 9)].map { k, d, n in
          Case(response: response, n: n, d: d, k: k, minibatch: m)
        }
      }
    }) func bitsDoNotDependOnTheBlock(_ template: Case)
  {
    for b in [1, 3, 8, 11, 256] where b < 256 || template.d < 1025 {
      var c = template
      c.b = b
      let small = c.z.map { 0.1 * $0 }, indices = c.indices
      let block = c.kernel(at: small, k: c.k, b: b, indices: indices)
      for lane in [0, 1, 2, 7, 8, 10, 255] where lane < b {
        let own = indices.map { all in (0..<all.count / b).map { all[$0 * b + lane] } }
        for draw in 0..<c.k {
          let rows = (0..<c.d).map { (draw * c.d + $0) * b + lane }
          let alone = c.kernel(at: rows.map { small[$0] }, k: 1, b: 1, indices: own, panels: own == nil)
          #expect(alone.values[0] == block.values[draw * b + lane] && alone.values[0].isFinite)
          #expect(alone.gradient == rows.map { block.gradient[$0] })
        }
      }
    }
  }

  /// D = 128 is one tile, and the same problem with a column of zeros is two.
  @Test(arguments: responses, [nil, 7]) func tilesOrNot(_ response: wb_response, _ minibatch: Int?) {
    let c = Case(response: response, n: 9, d: 128, k: 3, b: 11, minibatch: minibatch), small = c.z.map { 0.06 * $0 }
    let tiled = c.kernel(at: small, k: 3, b: 11, indices: c.indices)
    func widened(_ rows: [Double], every count: Int, by extra: [Double]) -> [Double] {
      stride(from: 0, to: rows.count, by: count).flatMap { Array(rows[$0..<$0 + count]) + extra }
    }
    let design = widened(c.design, every: 128, by: [0])
    let points = widened(small, every: 128 * 11, by: Array(repeating: 1, count: 11))
    let wide = c.kernel(at: points, k: 3, b: 11, indices: c.indices, design: design, d: 129)
    #expect(tiled.values == wide.values && tiled.values.allSatisfy(\.isFinite))
    #expect(widened(tiled.gradient, every: 128 * 11, by: Array(repeating: 0, count: 11)) == wide.gradient)
  }

  /// All rows in their order are all data, bit for bit.
  @Test(arguments: responses) func aMinibatchOfAllIsAll(_ response: wb_response) {
    let c = Case(response: response, n: 300, b: 3)
    let indices = (0..<300).flatMap { row in [Int32](repeating: Int32(row), count: 3) }
    let full = c.kernel(), all = c.kernel(at: c.z, k: c.k, b: 3, indices: indices)
    #expect(full.values == all.values && full.gradient == all.gradient)
  }

  /// log σ(±1000) is 0 or −1000 to the last digit, and the gradient y − σ(t) is 0 or ±1.
  @Test(arguments: [false, true]) func extremePredictorsSaturate(_ minibatch: Bool) {
    let target = [1.0, 0, 1, 0], z = [1000.0, -1000, 1e300]
    var values = [Double](repeating: .nan, count: 3), gradient = values
    let indices = (0..<4).flatMap { row in [Int32](repeating: Int32(row), count: 3) }
    // Predictors z, z, −z, −z: labels right and wrong on either side.
    indices.withUnsafeBufferPointer {
      wb_regression(
        WB_LOGISTIC, 1, [1, 1, -1, -1], target, nil, nil, 4, minibatch ? $0.baseAddress : nil, 4, z, &values, &gradient,
        1,
        1,
        3)
    }
    #expect(values == [-2000, -2000, -2e300])
    #expect(gradient == [-2, 2, -2])
  }

  /// e^t overflows above 709.78; a neighbour in the vector does not notice.
  @Test func ratesOverflowToInfinity() {
    var values = [Double](repeating: .nan, count: 3), gradient = values
    wb_regression(WB_POISSON, 1, [1], [2], [0.5], nil, 1, nil, 0, [710, 0, -800], &values, &gradient, 1, 1, 3)
    #expect(values == [-.infinity, -0.5, -1599.5] && gradient == [-.infinity, 1, 2])
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

  @Test(arguments: [0, 0.3, -1, 5, -20, 40], [0, 1e-8, 0.1, 1, 3, 20, 31.9, 32.1, 200, 600])
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
    let exponent = -299.875
    let wanted = exp(exponent)
    #expect(found.allSatisfy { abs($0 - wanted) < 1e-12 * wanted })
    wb_softplus_moments(-1000, 2, &found)
    #expect(found == [0, 0, 0, 0])
  }

  /// However wide, the cost is the same; E log(1 + e^t) is then E max(t, 0) = s/√(2π), and the derivatives' means are
  /// their integrals, 1, ½ and 0, times the density.
  @Test(arguments: [1e9, 1e150, 1e300]) func softplusMomentsOfTheWidest(_ deviation: Double) {
    var found = [Double](repeating: .nan, count: 4)
    wb_softplus_moments(0, deviation, &found)
    let density = 0.3989422804014327 / deviation
    #expect(abs(found[0] / deviation - 0.3989422804014327) < 1e-15 && abs(found[1] - 0.5) < 1e-15)
    #expect(abs(found[2] / density - 1) < 1e-9 && abs(found[3] / density) < 1e-9)
  }

  @Test func softplusMomentsOfWhatIsNotFinite() {
    var found = [Double](repeating: 0, count: 4)
    wb_softplus_moments(0, .infinity, &found)
    #expect(!found[0].isFinite)
    wb_softplus_moments(.nan, 1, &found)
    #expect(found[0].isNaN)
    wb_softplus_moments(0, .nan, &found)
    #expect(found[0].isNaN)
  }
}
