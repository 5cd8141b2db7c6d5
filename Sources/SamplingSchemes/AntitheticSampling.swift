public import GradientEstimation
public import Randomness

/// Antithetic pairs: draw 2j is independent of the other pairs, and draw 2j + 1 is its mirror image,
///
///     u_{2j+1} = 1 − u_{2j},   under a normal ε_{2j+1} = −ε_{2j}
///
/// - Requires: an even K.
/// - Variance: with ρ the correlation of f(u) and f(1 − u), (1 + ρ)/K of one draw's: nothing is left of what is odd about
///   the centre, and what is even counts twice. It falls as 1/K.
/// - Reference: Hammersley and Morton (1956).
public struct AntitheticSampling: SamplingScheme {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "antithetic", summary: "pairs of mirror images, u and 1 − u; an even number of draws",
    equation: "u_{2j+1} = 1 − u_{2j}, under a normal ε_{2j+1} = −ε_{2j}; pairs independent",
    notes: [
      Note("Requires", "an even number of draws."),
      Note(
        "Variance",
        "(1 + ρ)/K of one draw's, ρ the correlation of the integrand at u and 1 − u: none for an integrand that is linear in ε, twice that of independent draws for one that is even in ε. The rate in K stays 1/K."
      ),
    ], references: [Reference("hammersley1956")])

  public var drawsAreIndependent: Bool { false }

  public func check(samples: Int, dimension: Int) throws(EstimatorError) {
    guard samples.isMultiple(of: 2) else {
      throw EstimatorError(
        "'antithetic' makes pairs, and \(samples) \(samples == 1 ? "draw is" : "draws are") not even;"
          + " take \(samples + 1), or another sampling")
    }
  }

  public func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    mirror(&uniforms, shape, { random.fillOpenUniforms(&$0) }, { 1 - $0 })
  }

  /// Pairs of the stream's own normals.
  public func fillNormals(_ noise: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    mirror(&noise, shape, { random.fillNormals(&$0) }, { -$0 })
  }

  /// Fills the first half, then deals it out to the even draws from the last on, with images to the odd ones.
  private func mirror(
    _ numbers: inout MutableSpan<Double>, _ shape: Shape, _ fill: (inout MutableSpan<Double>) -> Void,
    _ image: (Double) -> Double
  ) {
    let pairs = shape.samples / 2, width = shape.noiseDimension * shape.lanes
    precondition(2 * pairs * width == numbers.count, "antithetic: an even number of draws")
    numbers.withUnsafeMutableBufferPointer { numbers in
      var half = UnsafeMutableBufferPointer(rebasing: numbers[..<(pairs * width)]).mutableSpan
      fill(&half)
      for pair in (0..<pairs).reversed() {
        for i in 0..<width {
          let number = numbers[pair * width + i]
          numbers[2 * pair * width + i] = number
          numbers[(2 * pair + 1) * width + i] = image(number)
        }
      }
    }
  }
}
