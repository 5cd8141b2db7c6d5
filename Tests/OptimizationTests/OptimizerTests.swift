import GradientEstimation
import Optimization
import Testing

/// Each method against its sums written out, not its recursion.
@Suite struct OptimizerTests {
  /// Gradients of two coordinates that have nothing to do with each other, signs and sizes mixed.
  static let gradients = [[1.0, -0.01], [0.5, 300], [-2.0, 0.02], [0.25, -7], [3.0, 0], [-1e-3, 11]]

  /// λ after each step at a constant rate.
  func path<O: Optimizer>(_ optimizer: O, rate: Double) -> [[Double]] {
    var parameters = [0.0, 0], state = optimizer.initialState(parameterCount: 2)
    return Self.gradients.map { gradient in
      optimizer.update(&parameters, gradient: gradient, rate: rate, state: &state)
      return parameters
    }
  }

  /// The sum over steps of `step(t, g_1…g_t)` for each coordinate.
  func expected(_ step: (_ t: Int, _ history: [Double]) -> Double) -> [[Double]] {
    var sums = [0.0, 0]
    return Self.gradients.indices.map { t in
      for p in 0..<2 { sums[p] += step(t + 1, Self.gradients[...t].map { $0[p] }) }
      return sums
    }
  }

  func weighted(_ history: [Double], _ decay: Double, _ power: Int) -> Double {
    history.enumerated().reduce(0) { sum, item in
      let age = history.count - 1 - item.offset
      return sum + (0..<age).reduce(1.0) { x, _ in x * decay }
        * (power == 1 ? item.element : item.element * item.element)
    }
  }

  func expectAgreement(_ a: [[Double]], _ b: [[Double]]) {
    for (x, y) in zip(a.flatMap(\.self), b.flatMap(\.self)) { #expect(abs(x - y) <= 1e-13 * max(1, abs(y))) }
  }

  @Test func sgd() {
    expectAgreement(path(SGD(), rate: 0.3), expected { _, history in 0.3 * (history.last ?? 0) })
    var method = SGD()
    method.momentum = 0.7
    expectAgreement(path(method, rate: 0.3), expected { _, history in 0.3 * weighted(history, 0.7, 1) })
  }

  @Test func adaGrad() {
    var method = AdaGrad()
    method.epsilon = 0.01
    expectAgreement(
      path(method, rate: 0.2),
      expected { _, history in 0.2 * (history.last ?? 0) / (weighted(history, 1, 2).squareRoot() + 0.01) })
  }

  @Test func rmsProp() {
    var method = RMSProp()
    (method.rho, method.epsilon) = (0.8, 0.01)
    expectAgreement(
      path(method, rate: 0.2),
      expected { _, history in 0.2 * (history.last ?? 0) / ((0.2 * weighted(history, 0.8, 2)).squareRoot() + 0.01) })
  }

  @Test func adam() {
    var method = Adam()
    (method.beta1, method.beta2, method.epsilon) = (0.8, 0.95, 0.01)
    // Bias correction divides by the sum of the weights.
    expectAgreement(
      path(method, rate: 0.2),
      expected { _, history in
        let ones = history.map { _ in 1.0 }
        let mean = weighted(history, 0.8, 1) / weighted(ones, 0.8, 1)
        let square = weighted(history, 0.95, 2) / weighted(ones, 0.95, 2)
        return 0.2 * mean / (square.squareRoot() + 0.01)
      })
  }

  /// α_t by its formula, at the start, within, and at the last of T = 100 steps.
  struct Falling: Sendable {
    let schedule: StepSize.Schedule
    var period: Int?
    let rates: [Double]
  }

  static let falling = [
    Falling(schedule: .constant, rates: [2, 2, 2, 2]), Falling(schedule: .step, rates: [2, 2, 1, 0.00390625]),
    Falling(schedule: .step, period: 25, rates: [2, 2, 2, 0.25]),
    Falling(schedule: .inverseTime, rates: [2, 1.0526315789, 1, 0.1834862385]),
    Falling(schedule: .inverseTime, period: 50, rates: [2, 1.6949152542, 1.6666666667, 0.6711409396]),
    Falling(schedule: .cosine, rates: [2, 1.9602936857, 1.9510565163, 4.934396343e-4]),
    Falling(schedule: .quarterCosine, rates: [2, 1.9800473154, 1.9753766812, 0.0314146346]),
  ]

  @Test(arguments: falling)
  func schedules(_ law: Falling) {
    let size = StepSize(2, schedule: law.schedule, decay: 0.5, period: law.period)
    for (step, rate) in zip([0, 9, 10, 99], law.rates) {
      #expect(abs(size.rate(at: step, of: 100) - rate) < 1e-10, "\(law.schedule) at \(step)")
    }
  }

  @Test func optionsWithoutEffectAreRefused() {
    func refusal(_ size: StepSize) -> String? {
      var method = Adam()
      method.stepSize = size
      do throws(ComponentError) {
        try method.check()
        return nil
      } catch { return error.option }
    }
    #expect(refusal(StepSize(1)) == nil && refusal(StepSize(1, schedule: .step, decay: 0.5, period: 3)) == nil)
    #expect(
      refusal(StepSize(1, decay: 0.5)) == "decay" && refusal(StepSize(1, schedule: .cosine, period: 3)) == "period")
    #expect(refusal(StepSize(1, schedule: .inverseTime, decay: 0.2, period: 3)) == "decay")
  }
}
