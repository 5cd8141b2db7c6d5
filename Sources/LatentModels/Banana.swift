internal import CKernels
public import GradientEstimation

/// The banana, a normal distribution that is bent: with x ~ N(0, diag(scale², 1, …, 1)),
///
///     z = (x_1, x_2 − curvature (x_1² − scale²), x_3, …, x_D)
///
/// The map has Jacobian 1 and keeps the mean at 0. Haario, Saksman and Tamminen (1999) have scale = 10 and a curvature of
/// 0.03 or 0.1.
///
/// - Exact: evidence 1; ELBO and gradient under a mean-field normal: log p is a polynomial of degree 4.
public struct Banana: TargetDensity {
  public var dimensionOption = 2
  public var scale = 10.0
  public var curvature = 0.03
  public init() {}

  public var dimension: Int { dimensionOption }
  /// 1/scale²
  private var precision: Double { 1 / (scale * scale) }
  private var constant: Double { 0.5 * (wb_log(precision) - Double(dimension) * logTwoPi) }

  func storeDensity(
    at z: UnsafePointer<Double>, _ values: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?,
    lanes: Int
  ) {
    let precision = precision, constant = constant, b = curvature, shift = curvature * scale * scale
    for lane in 0..<lanes {
      let first = z[lane], straight = z[lanes + lane] + (b * (first * first) - shift)
      if let values {
        values[lane] = constant - 0.5 * precision * (first * first) - 0.5 * (straight * straight)
      }
      if let gradient {
        gradient[lane] = -first * (precision + 2 * b * straight)
        gradient[lanes + lane] = -straight
      }
    }
    for d in 2..<max(dimension, 2) {
      for lane in 0..<lanes {
        let other = z[d * lanes + lane]
        if let values { values[lane] -= 0.5 * (other * other) }
        if let gradient { gradient[d * lanes + lane] = -other }
      }
    }
  }

  func storeDiagonalHessian(
    at z: UnsafePointer<Double>, _ diagonal: UnsafeMutablePointer<Double>, lanes: Int
  ) {
    for lane in 0..<lanes { diagonal[lane] = bend(z[lane], z[lanes + lane]) }
    diagonal.advanced(by: lanes).update(repeating: -1, count: (dimension - 1) * lanes)
  }

  func addHessian(at z: [Double], to matrix: inout SymmetricMatrix) {
    matrix.add(bend(z[0], z[1]), 0, 0)
    matrix.add(-2 * curvature * z[0], 0, 1)
    for d in 1..<dimension { matrix.add(-1, d, d) }
  }

  /// ∂² log p/∂z_1²
  private func bend(_ first: Double, _ second: Double) -> Double {
    let b = curvature, straight = second + b * (first * first - scale * scale)
    return -precision - 2 * b * straight - 4 * b * b * (first * first)
  }

  /// With y = z_2 + b (z_1² − scale²), y² has the derivatives 4 b z_1 y, 8 b² z_1² + 4 b y and 24 b² in z_1, the first,
  /// second and fourth; and var z_1² = 4 m² s² + 2 s⁴.
  func densityMoments(mean m: [Double], scale s: [Double]) -> HermiteMoments {
    var moments = HermiteMoments.zero(dimension: dimension)
    let b = curvature, square = s[0] * s[0], second = m[0] * m[0] + square
    let rest = m[1] - b * scale * scale, straight = rest + b * second
    let variance = s[1] * s[1] + b * b * square * (4 * m[0] * m[0] + 2 * square)
    moments.value = constant - 0.5 * (precision * second + straight * straight + variance)
    // E z_1 y = m rest + b E z_1³
    moments.first[0] = -s[0] * (precision * m[0] + 2 * b * (m[0] * rest + b * m[0] * (m[0] * m[0] + 3 * square)))
    moments.second[0] = -square * (precision + 4 * b * b * second + 2 * b * straight)
    moments.fourth[0] = -12 * b * b * square * square
    moments.first[1] = -s[1] * straight
    moments.second[1] = -s[1] * s[1]
    for d in 2..<max(dimension, 2) {
      moments.value -= 0.5 * (m[d] * m[d] + s[d] * s[d])
      moments.first[d] = -m[d] * s[d]
      moments.second[d] = -s[d] * s[d]
    }
    return moments
  }

  /// With y as above, cov(z_1², z_2) = 2 m_1 Σ_12 and cov(y, z_1) = Σ_12 + 2 b m_1 Σ_11.
  func densityMoments(
    mean m: [Double], covariance: [Double], hessian: inout SymmetricMatrix
  ) -> (value: Double, gradient: [Double]) {
    let b = curvature, square = covariance[0], cross = covariance[1], second = m[0] * m[0] + square
    let straight = m[1] + b * (second - scale * scale)
    let variance =
      covariance[dimension + 1] + b * b * square * (4 * m[0] * m[0] + 2 * square) + 4 * b * m[0] * cross
    var value = constant - 0.5 * (precision * second + straight * straight + variance)
    var gradient = m.map { -$0 }
    gradient[0] = -precision * m[0] - 2 * b * (m[0] * straight + cross + 2 * b * m[0] * square)
    gradient[1] = -straight
    hessian.add(-precision - 4 * b * b * second - 2 * b * straight, 0, 0)
    hessian.add(-2 * b * m[0], 0, 1)
    hessian.add(-1, 1, 1)
    for d in 2..<max(dimension, 2) {
      value -= 0.5 * (m[d] * m[d] + covariance[d * dimension + d])
      hessian.add(-1, d, d)
    }
    return (value, gradient)
  }

  public static let descriptor = Descriptor<Self>(
    id: "banana", summary: "the banana, a normalised density: a normal one that is bent",
    equation: "x ~ N(0, diag(scale², 1, …, 1)),  z = (x_1, x_2 − curvature (x_1² − scale²), x_3, …, x_D)",
    notes: [
      Note("Data", "none: log p(x | z) = 0, p(z) is the target, and the ELBO is −KL(q ‖ p)."),
      Note("Exact", "ELBO and gradient; log evidence 0. At curvature=0 it is normal."),
      Note("Serves", "values, gradients and Hessians."),
    ],
    references: [Reference("haario1999", "section 5")],
    options: [
      .integer("dimension", \.dimensionOption, in: 2...100_000, "D"),
      .real("scale", \.scale, in: RealBounds(lower: 1e-3, upper: 1e3), "standard deviation of z_1"),
      .real(
        "curvature", \.curvature, in: RealBounds(lower: -1000, upper: 1000),
        "how much it is bent; 0.03 moderately, 0.1 strongly at scale=10"),
    ],
    examples: [
      Example(
        options: ["dimension": "3", "curvature": "0.1", "scale": "2"],
        normals: [
          NormalPoint(mean: [2, 1.5, -1.5], scale: [0.6, 0.8]), NormalPoint(mean: [-1.5, -2, 1], scale: [1, 0.7]),
        ])
    ])
}
