internal import CGSL
internal import CKernels

/// Finds a maximum of a smooth function with an exact gradient, by GSL's BFGS with the line search of Fletcher (1987), algorithms
/// 2.6.2 and 2.6.4.
///
/// Deterministic: it finds the `optimum` of an exactly known objective, whose remaining gradient norm it reports.
public enum DeterministicMaximizer {
  public struct Result: Sendable {
    public let parameters: [Double]
    public let value: Double
    /// |∇| at `parameters`.
    public let gradientNorm: Double
  }

  /// Maximises `function` from `start`.
  ///
  /// - Parameters:
  ///   - tolerance: the gradient norm to stop at; the search also ends where no step improves the value any more.
  ///   - function: value and gradient, or nil where it is not defined.
  /// - Returns: the best point found, or nil if the function is not finite there or the gradient stays above
  ///   `acceptance`.
  public static func maximize(
    from start: [Double], tolerance: Double = 1e-9, acceptance: Double = 1e-3, iterations: Int = 2000,
    _ function: @escaping ([Double]) -> (value: Double, gradient: [Double])?
  ) -> Result? {
    wb_silence_gsl()
    let count = start.count
    guard count > 0, let position = gsl_vector_alloc(count),
      let minimizer = gsl_multimin_fdfminimizer_alloc(wb_bfgs(), count)
    else { return nil }
    defer {
      gsl_vector_free(position)
      gsl_multimin_fdfminimizer_free(minimizer)
    }
    let context = Negated(function)
    return withExtendedLifetime(context) {
      var target = gsl_multimin_function_fdf(
        f: { point, context in
          Negated.of(context)?.evaluate(point).value ?? .nan
        },
        df: { point, context, gradient in
          Negated.of(context)?.evaluate(point, into: gradient)
        },
        fdf: { point, context, value, gradient in
          value?.pointee = Negated.of(context)?.evaluate(point, into: gradient) ?? .nan
        }, n: count, params: Unmanaged.passUnretained(context).toOpaque())
      for (i, x) in start.enumerated() { gsl_vector_set(position, i, x) }
      guard gsl_multimin_fdfminimizer_set(minimizer, &target, position, 0.1, 0.1) == 0 else {
        return nil
      }
      for _ in 0..<iterations {
        guard gsl_multimin_fdfminimizer_iterate(minimizer) == 0 else { break }
        if gsl_multimin_test_gradient(gsl_multimin_fdfminimizer_gradient(minimizer), tolerance)
          == 0
        {
          break
        }
      }
      guard let found = gsl_multimin_fdfminimizer_x(minimizer) else { return nil }
      let parameters = (0..<count).map { gsl_vector_get(found, $0) }
      guard let (value, gradient) = function(parameters), value.isFinite else { return nil }
      let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard norm <= acceptance else { return nil }
      return Result(parameters: parameters, value: value, gradientNorm: norm)
    }
  }

  /// −f for GSL, which minimises.
  private final class Negated {
    let function: ([Double]) -> (value: Double, gradient: [Double])?

    init(_ function: @escaping ([Double]) -> (value: Double, gradient: [Double])?) { self.function = function }

    static func of(_ context: UnsafeMutableRawPointer?) -> Negated? {
      context.map { Unmanaged<Negated>.fromOpaque($0).takeUnretainedValue() }
    }

    func evaluate(_ point: UnsafePointer<gsl_vector>?) -> (value: Double, gradient: [Double]) {
      guard let point else { return (.nan, []) }
      guard let (value, gradient) = function((0..<point.pointee.size).map { gsl_vector_get(point, $0) }) else {
        return (.nan, [])
      }
      return (-value, gradient.map { -$0 })
    }

    @discardableResult
    func evaluate(_ point: UnsafePointer<gsl_vector>?, into out: UnsafeMutablePointer<gsl_vector>?) -> Double {
      let (value, gradient) = evaluate(point)
      for (i, g) in gradient.enumerated() { gsl_vector_set(out, i, g) }
      return value
    }
  }
}
