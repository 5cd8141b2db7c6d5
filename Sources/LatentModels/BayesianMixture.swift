internal import CKernels
public import GradientEstimation
public import Randomness

/// The Bayesian mixture of normals of unit shares and known scale, one dimension:
///
///     μ_c ~ N(0, prior_scale²), c = 1 … C,   x_n | μ ~ (1/C) Σ_c N(μ_c, scale²)
///
/// as a latent model of z = μ: the assignments are summed out. Blei, Kucukelbir and McAuliffe (2017), section 3.
///
/// - Exact: the evidence as a sum over the C^N assignments, up to 2^16 of them,
///
///       p(x) = Σ_a C^{−N} Π_c ∫ N(μ; 0, prior_scale²) Π_{n: a_n = c} N(x_n; μ, scale²) dμ
///
/// - Cost: O(N C) an evaluation.
public struct BayesianMixture: LatentModel, TwiceDifferentiableModel, NormalExpectations {
  public var x: [Double] = BayesianMixture.fewData
  public var data = ""
  public var column = ""
  public var components = 2
  public var scale = 0.8
  public var priorScale = 2.0

  private static let fewData = [-2.3, -1.6, -1.2, 1.4, 2.1]
  private var means = DiagonalNormal.standard(1)
  public private(set) var logEvidence: Double?

  public init() {}

  public var dimension: Int { means.mean.count }
  public var prior: (any Prior)? { means }

  /// With one component the posterior, a normal, too.
  public var namedDistributions: [String: any Prior] {
    guard dimension == 1 else { return ["prior": means] }
    let precision = 1 / (priorScale * priorScale) + Double(x.count) / (scale * scale)
    let mean = x.reduce(0, +) / (scale * scale) / precision
    return ["prior": means, "posterior": DiagonalNormal(mean: [mean], precision: [precision])]
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    means.store(.prior, needed, at: draws, into: &evaluation)
    let (d, lanes) = (dimension, draws.shape.lanes)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * d) { room in
      guard let shares = room.baseAddress else { return }
      let slopes = shares + d
      evaluation.store(.likelihood, needed, at: draws) { z, values, gradient in
        values?.update(repeating: 0, count: lanes)
        gradient?.update(repeating: 0, count: d * lanes)
        for lane in 0..<lanes {
          for x in x {
            let density = logDensity(x, z + lane, stride: lanes, shares, slopes)
            if let values { values[lane] += density }
            if let gradient { for c in 0..<d { gradient[c * lanes + lane] += shares[c] * slopes[c] } }
          }
        }
      }
      evaluation.storeDiagonalHessian(of: .likelihood, needed, at: draws) { z, diagonal in
        diagonal.update(repeating: 0, count: d * lanes)
        for lane in 0..<lanes {
          for x in x {
            _ = logDensity(x, z + lane, stride: lanes, shares, slopes)
            for c in 0..<d {
              diagonal[c * lanes + lane] +=
                shares[c] * ((1 - shares[c]) * slopes[c] * slopes[c] - 1 / (scale * scale))
            }
          }
        }
      }
    }
  }

  /// log p(x | z) of one datum, and stores the shares r_c = p(c | x, z) and (x − z_c)/scale².
  private func logDensity(
    _ x: Double, _ z: UnsafePointer<Double>, stride: Int, _ shares: UnsafeMutablePointer<Double>,
    _ slopes: UnsafeMutablePointer<Double>
  ) -> Double {
    let d = dimension, precision = 1 / (scale * scale)
    var greatest = -Double.infinity, total = 0.0
    for c in 0..<d {
      let rest = x - z[c * stride]
      slopes[c] = precision * rest
      shares[c] = -0.5 * precision * rest * rest
      greatest = max(greatest, shares[c])
    }
    for c in 0..<d {
      shares[c] = wb_exp(shares[c] - greatest)
      total += shares[c]
    }
    for c in 0..<d { shares[c] /= total }
    return greatest + wb_log(total / Double(d)) + logNormalizer
  }

  /// −½ log(2π scale²)
  private var logNormalizer: Double { -0.5 * logTwoPi - wb_log(scale) }

  /// Of log p(x | z): Σ_n of the diagonal r_c (g_c² − 1/scale²), less r_c r_c' g_c g_c', with g_c = (x_n − z_c)/scale².
  public func hessian(of term: Term, at z: [Double]) -> [Double] {
    guard term == .likelihood else { return means.hessian }
    let d = dimension
    var hessian = SymmetricMatrix(dimension: d), room = [Double](repeating: 0, count: 2 * d)
    room.withUnsafeMutableBufferPointer { room in
      z.withUnsafeBufferPointer { z in
        guard let shares = room.baseAddress, let z = z.baseAddress else { return }
        let slopes = shares + d
        for x in x {
          _ = logDensity(x, z, stride: 1, shares, slopes)
          for c in 0..<d {
            hessian.add(shares[c] * ((1 - shares[c]) * slopes[c] * slopes[c] - 1 / (scale * scale)), c, c)
            for b in 0..<c { hessian.add(-shares[c] * slopes[c] * shares[b] * slopes[b], c, b) }
          }
        }
      }
    }
    return hessian.elements
  }

  /// With one component log p(x | z) is quadratic in z.
  public func hermiteMoments(of term: Term, mean: [Double], scale s: [Double]) -> HermiteMoments? {
    if term == .prior { return means.hermiteMoments(mean: mean, scale: s) }
    guard term == .likelihood, dimension == 1 else { return nil }
    let precision = 1 / (scale * scale), n = Double(x.count), bend = -n * precision * s[0] * s[0]
    let value = x.reduce(n * logNormalizer + 0.5 * bend) { $0 - 0.5 * precision * ($1 - mean[0]) * ($1 - mean[0]) }
    let slope = x.reduce(0) { $0 + precision * ($1 - mean[0]) }
    return HermiteMoments(value: value, first: [s[0] * slope], second: [bend], fourth: [0])
  }

  public func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    if term == .prior { return means.covarianceMoments(mean: mean, covariance: covariance) }
    let scale = [(covariance.first ?? 0).squareRoot()]
    guard dimension == 1, let moments = hermiteMoments(of: term, mean: mean, scale: scale) else { return nil }
    return CovarianceMoments(
      value: moments.value, gradient: moments.first.map { $0 / scale[0] },
      hessian: [-Double(x.count) / (self.scale * self.scale)])
  }

  /// Over all assignments; nil beyond 2^16 of them.
  private func sumOverAssignments() -> Double? {
    guard let count = Enumeration.stateCount(base: components, exponent: x.count) else { return nil }
    var terms: [Double] = []
    for state in 0..<count {
      var groups = [[Double]](repeating: [], count: components), rest = state
      for x in x {
        groups[rest % components].append(x)
        rest /= components
      }
      terms.append(groups.reduce(0) { $0 + logMarginal($1) })
    }
    return logSumExp(terms) - Double(x.count) * wb_log(Double(components))
  }

  /// log of ∫ N(μ; 0, s²) Π N(x; μ, scale²) dμ over data of one component: with x̄ of n of them,
  /// −½ n log(2π scale²) − ½ log(1 + n s²/scale²) − ½ [Σ (x − x̄)²/scale² + n x̄²/(scale² + n s²)].
  private func logMarginal(_ x: [Double]) -> Double {
    guard !x.isEmpty else { return 0 }
    let n = Double(x.count), mean = x.reduce(0, +) / n, variance = scale * scale, spread = n * priorScale * priorScale
    let squares = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / variance + n * mean * mean / (variance + spread)
    return n * logNormalizer - 0.5 * (wb_log_one_plus(spread / variance) + squares)
  }
}

/// q(μ) q(assignments), normals and categorical variables. Blei, Kucukelbir and McAuliffe (2017), section 3 and
/// algorithm 2:
///
///     φ_nc ∝ exp(−½ E (x_n − μ_c)²/scale²),   q(μ_c) = N(s_c² Σ_n φ_nc x_n/scale², s_c²),   s_c⁻² = prior_scale⁻² + Σ_n φ_nc/scale²
///
/// - Factors: `mean` and `log_scale` of q(μ_c), `[C]` each; `logit`, log φ, datum by datum, `[N × C]`.
extension BayesianMixture: CoordinateAscentModel {
  public var factorBlocks: [ParameterBlock] {
    let c = dimension
    return [
      ParameterBlock(name: "mean", range: 0..<c), ParameterBlock(name: "log_scale", range: c..<2 * c),
      ParameterBlock(name: "logit", range: 2 * c..<2 * c + x.count * c),
    ]
  }

  /// Means beside data that are chosen at random, the prior's spread, and equal shares.
  public func initialFactors(random: inout RandomStream) -> [Double] {
    let c = dimension
    var places = [Double](repeating: 0, count: c), steps = places
    var span = places.mutableSpan
    random.fillUniforms(&span)
    var room = steps.mutableSpan
    random.fillNormals(&room)
    let means = zip(places, steps).map { x[min(Int($0 * Double(x.count)), x.count - 1)] + scale * $1 }
    return means + Array(repeating: wb_log(priorScale), count: c)
      + Array(repeating: -wb_log(Double(c)), count: x.count * c)
  }

  public func sweep(_ factors: inout [Double]) {
    let c = dimension, variance = scale * scale
    var weights = [Double](repeating: 0, count: c), sums = weights
    for n in x.indices {
      let heights = (0..<c).map { logDensity(n, $0, factors) }, total = logSumExp(heights)
      for k in 0..<c {
        factors[(2 + n) * c + k] = heights[k] - total
        let share = wb_exp(heights[k] - total)
        weights[k] += share
        sums[k] += share * x[n]
      }
    }
    for k in 0..<c {
      let precision = 1 / (priorScale * priorScale) + weights[k] / variance
      factors[k] = sums[k] / variance / precision
      factors[c + k] = -0.5 * wb_log(precision)
    }
  }

  public func bound(_ factors: [Double]) -> Double {
    let c = dimension
    let spread = (c..<2 * c).map { wb_exp(factors[$0]) }
    // −KL(q(μ_c) ‖ p(μ_c))
    var bound = (0..<c).reduce(0.0) { sum, k in
      let (m, s) = (factors[k] / priorScale, spread[k] / priorScale)
      return sum + wb_log(s) + 0.5 * (1 - s * s - m * m)
    }
    for n in x.indices {
      for k in 0..<c {
        let logShare = factors[(2 + n) * c + k], share = wb_exp(logShare)
        if share > 0 { bound += share * (logDensity(n, k, factors) - wb_log(Double(c)) - logShare) }
      }
    }
    return bound
  }

  /// E log N(x_n; μ_c, scale²)
  private func logDensity(_ n: Int, _ c: Int, _ factors: [Double]) -> Double {
    let rest = x[n] - factors[c], spread = wb_exp(factors[dimension + c])
    return logNormalizer - 0.5 * (rest * rest + spread * spread) / (scale * scale)
  }
}

extension BayesianMixture: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "bayesian-mixture", summary: "the means of a mixture of normals, its assignments summed out",
    equation: "z_c ~ N(0, prior_scale²),  x_n | z ~ (1/C) Σ_c N(z_c, scale²)",
    notes: [
      Note("Exact", "the evidence, up to 2^16 assignments C^N; with components=1 all: ELBO, gradient, posterior."),
      Note("Data", "x; or with data= a column of a shipped data set or a CSV file."),
      Note("Serves", "values, gradients and Hessians of prior and likelihood."),
      Note("Coordinate ascent", "q(means) q(assignments), normals and categorical variables, each in closed form."),
    ],
    references: [Reference("blei2017", "section 3"), Reference("bishop2006", "section 10.2")],
    options: [
      .reals("x", \.x, in: .any, "the data, such as -1.2x0.3x2.1"),
      .text("data", \.data, "the name of a shipped data set, or the path of a CSV file; empty: the data are x"),
      .text("column", \.column, "name of its column; empty: the last"),
      .integer("components", \.components, in: 1...1000, "C, the dimension of z"),
      .real("scale", \.scale, in: RealBounds(lower: 1e-6, upper: 1e6), "standard deviation of the components"),
      .real(
        "prior_scale", \.priorScale, in: RealBounds(lower: 1e-6, upper: 1e6), "standard deviation of the means a priori"
      ),
    ],
    examples: [
      Example(
        options: ["components": "1"],
        normals: [NormalPoint(mean: 0.8, scale: 0.6), NormalPoint(mean: -0.5, scale: 0.4)],
        families: ["mean-field-normal"])
    ])

  public func check() throws(ComponentError) {
    guard data.isEmpty else {
      guard x == Self.fewData else { throw ComponentError(option: "x", "has no effect beside data=\(data)") }
      return
    }
    guard column.isEmpty else { throw ComponentError(option: "column", "has no effect without data") }
  }

  public var inputFiles: [String] { NumericTable.inputFiles(data) }

  /// - Throws: `ComponentError` for a file that cannot be read, or has no such column.
  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    var model = self
    if !data.isEmpty {
      let table = try NumericTable.load(data)
      model.x = table.column(try table.index(of: column, option: "column"))
    }
    model.means = DiagonalNormal(
      mean: Array(repeating: 0, count: components), scale: Array(repeating: priorScale, count: components))
    model.logEvidence = model.sumOverAssignments()
    return model
  }
}
