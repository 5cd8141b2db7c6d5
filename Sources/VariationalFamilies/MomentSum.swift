internal import GradientEstimation

/// The exact expectation of a sum of log polynomials, from the moments of a family.
struct MomentSum {
  /// E of a function of z_d, and its derivatives by index of the parameter.
  typealias Moment = (value: Double, derivatives: [(parameter: Int, value: Double)])

  enum Function { case identity, square, logarithm }

  private(set) var expectation: ExactExpectation

  /// - Returns: nil where a term is no log polynomial, or a moment that it needs does not exist or is not known.
  init?(
    of terms: Terms, _ model: any Integrand, parameterCount: Int, moment: (_ d: Int, _ function: Function) -> Moment?
  ) {
    expectation = ExactExpectation(
      value: 0, gradient: Array(repeating: 0, count: parameterCount),
      coordinateValues: Array(repeating: 0, count: model.dimension), optimalShift: nil)
    for term in terms.members {
      guard let polynomial = (model as? any LogPolynomialModel)?.logPolynomial(of: term),
        add(polynomial, moment: moment)
      else { return nil }
    }
  }

  private mutating func add(_ f: LogPolynomial, moment: (_ d: Int, _ function: Function) -> Moment?) -> Bool {
    guard !f.hasComplement else { return false }
    var values = f.constant
    for d in values.indices {
      let parts: [(Double, Function)] = [
        (f.linear[d], .identity), (f.quadratic[d], .square), (f.logarithm[d], .logarithm),
      ]
      for (coefficient, function) in parts where coefficient != 0 {
        guard let known = moment(d, function) else { return false }
        values[d] += coefficient * known.value
        for (p, derivative) in known.derivatives { expectation.gradient[p] += coefficient * derivative }
      }
    }
    expectation.add(coordinateValues: values)
    return true
  }
}

extension ExactExpectation {
  /// Adds a sum over coordinates to the values; the gradient is left as it is.
  mutating func add(coordinateValues: [Double]) {
    for (d, own) in coordinateValues.enumerated() {
      value += own
      self.coordinateValues[d] += own
    }
  }
}
