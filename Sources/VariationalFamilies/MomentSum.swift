internal import GradientEstimation

/// The exact expectation of a sum of terms that are polynomials in single coordinates, from the moments of a family.
struct MomentSum {
  private(set) var expectation: ExactExpectation

  /// - Parameter moment: E z_d^n of coordinate d, and its derivatives by index of the parameter.
  /// - Returns: nil where a term is no such polynomial, or a moment that it needs does not exist.
  init?(
    of terms: Terms, _ model: any Integrand, parameterCount: Int,
    moment: (_ d: Int, _ degree: Int) -> (value: Double, derivatives: [(parameter: Int, value: Double)])?
  ) {
    var values = [Double](repeating: 0, count: model.dimension)
    var gradient = [Double](repeating: 0, count: parameterCount)
    for term in terms.members {
      guard let polynomials = (model as? any PolynomialIntegrand)?.polynomials(of: term) else { return nil }
      for (d, coefficients) in polynomials.enumerated() {
        for (degree, coefficient) in coefficients.enumerated() where coefficient != 0 {
          guard let known = degree == 0 ? (1, []) : moment(d, degree) else { return nil }
          values[d] += coefficient * known.value
          for (p, derivative) in known.derivatives { gradient[p] += coefficient * derivative }
        }
      }
    }
    expectation = ExactExpectation(
      value: 0, gradient: gradient, coordinateValues: values.map { _ in 0 }, optimalShift: nil)
    expectation.add(coordinateValues: values)
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
