internal import CKernels
internal import Foundation
public import GradientEstimation
internal import Randomness

/// Mixtures of C diagonal normals, q_λ(z) = Σ_c π_c N(z; mean_c, diag(e^{2 log_scale_c})), π = softmax(logits).
///
/// - λ: blocks `logits` [C], `mean` [C·D] and `log_scale` [C·D], component by component: P = C(2D + 1). A shift of all
///   logits changes nothing.
/// - z: a component by its share of a uniform number, then mean_c + e^{log_scale_c} ⊙ ε: E = D + 1 numbers of noise, that
///   uniform after D normals.
/// - score, with responsibilities r_c = π_c N_c(z)/q(z) and e_c = (z − mean_c)/s_c: r_c − π_c in the logits,
///   r_c e_c/s_c in the means, r_c (e_c² − 1) in log_scale.
/// - Pathwise: a choice of component does not move with λ, so z is not differentiated by its noise but implicitly. The
///   distributional transform S_d(z) = Σ_c ρ_cd Φ(e_cd), with ρ_cd ∝ π_c Π_{j<d} N(z_j) the responsibilities given the
///   coordinates before d, makes z uniform; where it stays in place, ∂z/∂λ = −(∂S/∂z)⁻¹ ∂S/∂λ.
/// - No closed forms: not the entropy. E f is Σ_c π_c E_c f, so costs are exact where they are under a normal.
/// - Reference: Graves (2016), section 3; Figurnov, Mohamed and Mnih (2018), section 3.2.
/// - Cost: O(C D) a draw, O(C D²) a pullback.
public struct MixtureNormal: DrawwiseReparameterizableFamily {
  public let dimension: Int
  /// C
  public let components: Int
  public var noiseDimension: Int { dimension + 1 }
  public var pathwiseEntropyIsExact: Bool { false }

  public init(dimension: Int, components: Int) {
    self.dimension = dimension
    self.components = components
  }

  public var parameterCount: Int { components * (2 * dimension + 1) }
  public var parameterBlocks: [ParameterBlock] {
    [
      ParameterBlock(name: "logits", range: 0..<components),
      ParameterBlock(name: "mean", range: components..<scales),
      ParameterBlock(name: "log_scale", range: scales..<parameterCount),
    ]
  }
  /// Where log_scale begins in λ.
  private var scales: Int { components * (dimension + 1) }

  /// Equal weights and unit scales, the means of each coordinate spread evenly over [−1, 1]: equal components would stay so.
  public var initialParameters: [Double] {
    var parameters = [Double](repeating: 0, count: parameterCount)
    for c in 0..<components where components > 1 {
      let place = 2 * Double(c) / Double(components - 1) - 1
      for d in 0..<dimension { parameters[components + c * dimension + d] = place }
    }
    return parameters
  }

  /// Every component the same.
  public func parameters(of distribution: any Prior) -> [Double]? {
    let diagonal = distribution as? DiagonalNormal ?? (distribution as? MultivariateNormal)?.diagonal
    guard let normal = diagonal, normal.mean.count == dimension else { return nil }
    func each(_ row: [Double]) -> [Double] { (0..<components).flatMap { _ in row } }
    return each([0]) + each(normal.mean) + each(normal.scale.map { wb_log($0) })
  }

  /// Uniforms of the scheme; the first D of each draw are made normals.
  func fillNoise(
    _ noise: inout MutableSpan<Double>, shape: Shape, scheme: any SamplingScheme, random: inout RandomStream
  ) {
    scheme.fillUniforms(&noise, shape: shape, random: &random)
    let (normals, draw) = (dimension * shape.lanes, noiseDimension * shape.lanes)
    noise.withUnsafeMutableBufferPointer {
      guard let base = $0.baseAddress else { return }
      for k in 0..<shape.samples { wb_normal_quantiles(base + k * draw, normals) }
    }
  }

  // What is prepared: π and log π [C each], and scales [C × D].
  var preparedCount: Int { 2 * components + components * dimension }
  var scratchCount: Int { 2 * components + 2 * dimension }

  func prepare(_ lambda: UnsafePointer<Double>, into prepared: UnsafeMutablePointer<Double>) {
    let c = components
    for i in 0..<c { prepared[i] = lambda[i] }
    let total = normalize(prepared, c)
    for i in 0..<c { prepared[c + i] = lambda[i] - total }
    for i in 0..<c * dimension { prepared[2 * c + i] = wb_exp(lambda[scales + i]) }
  }

  /// Makes weights that add up to 1 of logarithms; returns the logarithm of what they added up to.
  private func normalize(_ logs: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
    var largest = -Double.infinity, sum = 0.0
    for i in 0..<count { largest = max(largest, logs[i]) }
    for i in 0..<count {
      logs[i] = wb_exp(logs[i] - largest)
      sum += logs[i]
    }
    for i in 0..<count { logs[i] /= sum }
    return largest + wb_log(sum)
  }

  private func mean(_ draw: Draw, _ c: Int, _ d: Int) -> Double { draw.lambda[components + c * dimension + d] }
  private func scale(_ draw: Draw, _ c: Int, _ d: Int) -> Double { draw.prepared[2 * components + c * dimension + d] }
  /// e_cd
  private func standardized(_ draw: Draw, _ c: Int, _ d: Int) -> Double {
    (draw.z[d] - mean(draw, c, d)) / scale(draw, c, d)
  }

  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>) {
    var chosen = components - 1, rest = draw.noise[dimension]
    for c in 0..<components - 1 {
      rest -= draw.prepared[c]
      if rest < 0 {
        chosen = c
        break
      }
    }
    for d in 0..<dimension { z[d] = mean(draw, chosen, d) + scale(draw, chosen, d) * draw.noise[d] }
  }

  /// log N(z_d; mean_cd, s_cd²)
  private func logDensity(_ draw: Draw, _ c: Int, _ d: Int) -> Double {
    let e = standardized(draw, c, d)
    return -0.5 * logTwoPi - draw.lambda[scales + c * dimension + d] - 0.5 * e * e
  }

  /// Stores the responsibilities r, `[C]`, and returns log q(z).
  private func responsibilities(_ draw: Draw, into r: UnsafeMutablePointer<Double>) -> Double {
    for c in 0..<components {
      r[c] = draw.prepared[components + c]
      for d in 0..<dimension { r[c] += logDensity(draw, c, d) }
    }
    return normalize(r, components)
  }

  func entropy(_ draw: Draw) -> Double { -responsibilities(draw, into: draw.scratch) }

  func entropyGradient(_ draw: Draw, into gradient: UnsafeMutablePointer<Double>) {
    let r = draw.scratch
    _ = responsibilities(draw, into: r)
    for d in 0..<dimension {
      gradient[d] = (0..<components).reduce(0) { $0 + r[$1] * standardized(draw, $1, d) / scale(draw, $1, d) }
    }
  }

  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>) {
    let r = draw.scratch
    _ = responsibilities(draw, into: r)
    for c in 0..<components {
      score[c] = r[c] - draw.prepared[c]
      for d in 0..<dimension {
        let e = standardized(draw, c, d), i = c * dimension + d
        score[components + i] = r[c] * e / scale(draw, c, d)
        score[scales + i] = r[c] * (e * e - 1)
      }
    }
  }

  /// From the last coordinate to the first: v solves (∂S/∂z)ᵀ v = c, and then −vᵀ ∂S/∂λ is added, row by row of S.
  func addPullback(
    _ cotangent: UnsafePointer<Double>, _ factor: Double, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    let (rho, excess, v) = (draw.scratch, draw.scratch + components, draw.scratch + 2 * components)
    for d in 0..<dimension { v[d] = factor * cotangent[d] }
    for d in (0..<dimension).reversed() {
      for c in 0..<components {
        rho[c] = draw.prepared[components + c]
        for j in 0..<d { rho[c] += logDensity(draw, c, j) }
      }
      _ = normalize(rho, components)
      // In the nearer tail, where a difference of two Φ keeps its digits.
      var below = 0.0, above = 0.0, density = 0.0
      for c in 0..<components {
        let e = standardized(draw, c, d)
        below += rho[c] * tail(-e)
        above += rho[c] * tail(e)
        density += rho[c] * bell(e) / scale(draw, c, d)
      }
      guard density > 0 else { continue }
      v[d] /= density
      for c in 0..<components {
        let e = standardized(draw, c, d), i = c * dimension + d
        // ρ_c (Φ(e_c) − S): what S moves by with the logarithm of a component's weight.
        excess[c] = rho[c] * (below < above ? tail(-e) - below : above - tail(e))
        gradient[c] -= v[d] * excess[c]
        gradient[components + i] += v[d] * rho[c] * bell(e) / scale(draw, c, d)
        gradient[scales + i] += v[d] * rho[c] * bell(e) * e
      }
      for j in 0..<d {
        var slope = 0.0
        for c in 0..<components {
          let e = standardized(draw, c, j), i = c * dimension + j
          // Of log N(z_j): −e/s in z_j, e/s in the mean, e² − 1 in log_scale.
          slope -= excess[c] * e / scale(draw, c, j)
          gradient[components + i] -= v[d] * excess[c] * e / scale(draw, c, j)
          gradient[scales + i] -= v[d] * excess[c] * (e * e - 1)
        }
        v[j] -= v[d] * slope
      }
    }
  }

  /// 1 − Φ(x)
  private func tail(_ x: Double) -> Double { 0.5 * erfc(x * 0.5.squareRoot()) }
  /// The standard normal density.
  private func bell(_ x: Double) -> Double { wb_exp(-0.5 * (x * x + logTwoPi)) }

  public func analyticTerms(for model: any Integrand) -> Terms { [] }
  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {}

  /// Σ_c π_c E_c f: π_c (E_c f − E f) in logit c, and π_c times what a normal has in its mean and log_scale.
  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    guard !terms.contains(.entropy), let model = model as? any NormalExpectations else { return nil }
    let (n, d) = (components, dimension)
    var weights = Array(parameters[..<n]), values = weights.map { _ in 0.0 }
    var exact = ExactExpectation(
      value: 0, gradient: Array(repeating: 0, count: parameterCount), coordinateValues: [], optimalShift: nil)
    weights.withUnsafeMutableBufferPointer { if let base = $0.baseAddress { _ = normalize(base, n) } }
    for c in 0..<n {
      let first = n + c * d, second = scales + c * d
      let mean = Array(parameters[first..<first + d]), scale = parameters[second..<second + d].map { wb_exp($0) }
      for term in terms.members {
        guard let moments = model.hermiteMoments(of: term, mean: mean, scale: scale) else { return nil }
        values[c] += moments.value
        for i in 0..<d {
          exact.gradient[first + i] += weights[c] * moments.first[i] / scale[i]
          exact.gradient[second + i] += weights[c] * moments.second[i]
        }
      }
      exact.value += weights[c] * values[c]
    }
    for c in 0..<n { exact.gradient[c] = weights[c] * (values[c] - exact.value) }
    exact.coordinateValues = Array(repeating: exact.value, count: d)
    return exact
  }
}

/// E t = Σ_c π_c E_c t: π_c (E_c t − E t) in the logits, and π_c times each component's own in its mean and log_scale.
extension MixtureNormal: MomentFamily {
  func addGradient(
    of t: Quadratic, _ lambda: UnsafePointer<Double>, _ slope: UnsafeMutablePointer<Double>,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    let (n, d) = (components, dimension)
    var largest = -Double.infinity, total = 0.0, mean = 0.0
    for c in 0..<n { largest = max(largest, lambda[c]) }
    for c in 0..<n { total += wb_exp(lambda[c] - largest) }
    for c in 0..<n {
      let own = c * d, weight = wb_exp(lambda[c] - largest) / total
      var value = t.storeGradient(at: lambda + n + own, into: slope)
      for i in 0..<d {
        let spread = t.curvature[i * d + i] * wb_exp(2 * lambda[scales + own + i])
        value += 0.5 * spread
        gradient[n + own + i] += weight * slope[i]
        gradient[scales + own + i] += weight * spread
      }
      gradient[c] += weight * value
      mean += weight * value
    }
    for c in 0..<n { gradient[c] -= wb_exp(lambda[c] - largest) / total * mean }
  }
}

/// `mixture-normal`, by its options.
public struct MixtureNormalSpecification: FamilySpecification {
  public var components = 2
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "mixture-normal", summary: "a mixture of diagonal normals",
    equation: "q(z) = Σ_c π_c N(z; mean_c, diag(exp(2 log_scale_c))),  π = softmax(logits)",
    notes: [
      Note(
        "Parameters",
        "logits [C], mean [C·D] and log_scale [C·D], component by component; starts at equal weights, unit scales and means spread over [−1, 1]. A shift of all logits changes nothing."
      ),
      Note("Noise", "D normals and a uniform that chooses the component."),
      Note(
        "Pathwise",
        "implicit, by the distributional transform coordinate by coordinate: z moves with the logits too, though the draw chose one component. O(C D²) a draw."
      ),
      Note("Closed forms", "none, not of the entropy either."),
      Note("Exact", "expectations of costs, Σ_c π_c E_c f; not the ELBO."),
    ],
    references: [Reference("graves2016", "section 3"), Reference("figurnov2018", "section 3.2")],
    options: [.integer("components", \.components, in: 1...100, "C, normals in the mixture")],
    examples: [
      Example(
        points: ["logits=0.5x-0.3,log_scale=-0.5", "logits=-0.4x0.2,log_scale=-0.8"],
        models: ["exp-quadratic"])
    ])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    MixtureNormal(dimension: dimension, components: components)
  }
}
