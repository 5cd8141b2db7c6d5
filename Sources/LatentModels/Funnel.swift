internal import CKernels
public import GradientEstimation

/// Neal's funnel, a density whose width in all coordinates but one changes with that one by orders of magnitude
///
///     v ~ N(0, scale²),   x_i | v ~ N(0, e^v),   z = (v, x_1, …, x_{D−1})
///
/// Neal (2003), section 8, has D = 10 and scale = 3.
///
/// - Exact: evidence 1; ELBO and gradient under a mean-field normal, by E e^{−v} = e^{−m + s²/2}.
public struct Funnel: TargetDensity {
  public var dimensionOption = 10
  public var scale = 3.0
  public init() {}

  public var dimension: Int { dimensionOption }
  /// 1/scale²
  private var precision: Double { 1 / (scale * scale) }
  /// The part of log p without z.
  private var constant: Double { 0.5 * (wb_log(precision) - Double(dimension) * logTwoPi) }

  func storeDensity(
    at z: UnsafePointer<Double>, _ values: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?,
    lanes: Int
  ) {
    let others = 0.5 * Double(dimension - 1), precision = precision, constant = constant
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * lanes) { scratch in
      // e^{−v} and ½ e^{−v} |x|²
      let (inverse, energy) = (scratch.prefix(lanes), scratch.suffix(lanes))
      guard let inverse = UnsafeMutableBufferPointer(rebasing: inverse).baseAddress,
        let energy = UnsafeMutableBufferPointer(rebasing: energy).baseAddress
      else { return }
      for lane in 0..<lanes {
        inverse[lane] = wb_exp(-z[lane])
        energy[lane] = 0
      }
      for d in 1..<dimension {
        for lane in 0..<lanes {
          let x = z[d * lanes + lane], pull = inverse[lane] * x
          energy[lane] += 0.5 * pull * x
          if let gradient { gradient[d * lanes + lane] = -pull }
        }
      }
      for lane in 0..<lanes {
        let v = z[lane]
        if let values { values[lane] = constant - 0.5 * precision * (v * v) - others * v - energy[lane] }
        if let gradient { gradient[lane] = energy[lane] - precision * v - others }
      }
    }
  }

  func storeDiagonalHessian(
    at z: UnsafePointer<Double>, _ diagonal: UnsafeMutablePointer<Double>, lanes: Int
  ) {
    for lane in 0..<lanes {
      let inverse = wb_exp(-z[lane])
      var curvature = -precision
      for d in 1..<dimension {
        let x = z[d * lanes + lane]
        curvature -= 0.5 * inverse * (x * x)
        diagonal[d * lanes + lane] = -inverse
      }
      diagonal[lane] = curvature
    }
  }

  func addHessian(at z: [Double], to matrix: inout SymmetricMatrix) {
    let inverse = wb_exp(-z[0])
    matrix.add(-precision, 0, 0)
    for d in 1..<dimension {
      matrix.add(-0.5 * inverse * (z[d] * z[d]), 0, 0)
      matrix.add(inverse * z[d], 0, d)
      matrix.add(-inverse, d, d)
    }
  }

  /// With E = ½ E e^{−v} E|x|², each derivative in v of ½ e^{−v} |x|² is E with a sign.
  func densityMoments(mean m: [Double], scale s: [Double]) -> HermiteMoments {
    var moments = HermiteMoments.zero(dimension: dimension)
    let inverse = wb_exp(0.5 * s[0] * s[0] - m[0]), others = 0.5 * Double(dimension - 1), square = s[0] * s[0]
    var energy = 0.0
    for d in 1..<dimension {
      energy += 0.5 * inverse * (m[d] * m[d] + s[d] * s[d])
      moments.first[d] = -s[d] * inverse * m[d]
      moments.second[d] = -s[d] * s[d] * inverse
    }
    moments.value = constant - 0.5 * precision * (m[0] * m[0] + square) - others * m[0] - energy
    moments.first[0] = s[0] * (energy - precision * m[0] - others)
    moments.second[0] = -square * (energy + precision)
    moments.fourth[0] = -square * square * energy
    return moments
  }

  /// A factor e^{−v} turns N(m, Σ) into E e^{−v} times the normal whose mean is m less the column of v in Σ.
  func densityMoments(
    mean m: [Double], covariance: [Double], hessian: inout SymmetricMatrix
  ) -> (value: Double, gradient: [Double]) {
    let inverse = wb_exp(0.5 * covariance[0] - m[0]), others = 0.5 * Double(dimension - 1)
    var energy = 0.0, gradient = [Double](repeating: 0, count: dimension)
    for d in 1..<dimension {
      let tilted = m[d] - covariance[d]
      energy += 0.5 * inverse * (tilted * tilted + covariance[d * dimension + d])
      gradient[d] = -inverse * tilted
      hessian.add(inverse * tilted, 0, d)
      hessian.add(-inverse, d, d)
    }
    gradient[0] = energy - precision * m[0] - others
    hessian.add(-energy - precision, 0, 0)
    return (constant - 0.5 * precision * (m[0] * m[0] + covariance[0]) - others * m[0] - energy, gradient)
  }

  public static let descriptor = Descriptor<Self>(
    id: "funnel", summary: "Neal's funnel, a normalised density whose width changes by orders of magnitude",
    equation: "v ~ N(0, scale²),  x_i | v ~ N(0, exp(v)),  z = (v, x_1, …, x_{D−1})",
    notes: [
      Note("Data", "none: log p(x | z) = 0, p(z) is the target, and the ELBO is −KL(q ‖ p)."),
      Note("Exact", "ELBO and gradient; log evidence 0."),
      Note("Serves", "values, gradients and Hessians."),
    ],
    references: [Reference("neal2003", "section 8")],
    options: [
      .integer("dimension", \.dimensionOption, in: 2...100_000, "D, with v"),
      .real("scale", \.scale, in: RealBounds(lower: 1e-3, upper: 100), "standard deviation of v"),
    ],
    examples: [
      Example(
        options: ["dimension": "3"],
        normals: [
          NormalPoint(mean: [-1, 1.5, -1], scale: [0.4, 0.6]), NormalPoint(mean: [2, 3, 3], scale: [0.6, 1.5]),
        ])
    ])
}
