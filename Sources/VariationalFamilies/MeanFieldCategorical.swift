internal import CKernels
public import GradientEstimation
internal import Randomness

/// Independent categorical variables, one-hot: D/C of them with C categories each, q_λ(z = e_c) = e^{φ_c} / Σ_j e^{φ_j}.
///
/// - λ: block `logit`, φ `[D]`, variable by variable. A constant added to a variable's logits changes nothing.
/// - A variable's category is that of the greatest φ_c − log(−log u_c), u uniform (Gumbel-max).
/// - score: ∂ log q/∂φ_c = z_c − π_c, π the softmax. Relaxed to the simplex, log q is Σ_c z_c log π_c, linear in z.
/// - closed form: the entropy; up to 2^16 states every expectation, by enumeration.
public struct MeanFieldCategorical: DrawwiseFamily, IndependentCategoricalFamily, LogitParameterizedFamily {
  public let dimension: Int
  public let categories: Int
  public var support: Support { .oneHot(categories: categories) }
  public var parameterBlocks: [ParameterBlock] { [ParameterBlock(name: "logit", range: 0..<dimension)] }
  /// All categories equally likely.
  public var initialParameters: [Double] { Array(repeating: 0, count: dimension) }
  public var stateCount: Int? { Enumeration.stateCount(base: categories, exponent: variables) }
  /// D/C
  public var variables: Int { dimension / categories }
  /// log π and π.
  var preparedCount: Int { 2 * dimension }

  /// - Precondition: `dimension` is a multiple of `categories`.
  public init(dimension: Int, categories: Int) {
    precondition(
      categories > 1 && dimension % categories == 0, "MeanFieldCategorical: D must be a multiple of the categories")
    self.dimension = dimension
    self.categories = categories
  }

  public func parameters(of distribution: any Prior) -> [Double]? {
    guard let own = distribution as? IndependentCategoricals, own.categories == categories,
      own.logProbability.count == dimension
    else { return nil }
    return own.logProbability
  }

  /// State number s has category ⌊s / C^v⌋ mod C of variable v.
  public func storeStates(from first: Int, into draws: inout Draws) {
    let b = draws.shape.lanes
    for lane in 0..<b {
      var rest = first + lane
      for v in 0..<variables {
        for c in 0..<categories { draws.z[(v * categories + c) * b + lane] = c == rest % categories ? 1 : 0 }
        rest /= categories
      }
    }
  }

  func fillNoise(
    _ noise: inout MutableSpan<Double>, shape: Shape, scheme: any SamplingScheme, random: inout RandomStream
  ) { scheme.fillUniforms(&noise, shape: shape, random: &random) }

  func prepare(_ lambda: UnsafePointer<Double>, into prepared: UnsafeMutablePointer<Double>) {
    for start in stride(from: 0, to: dimension, by: categories) {
      let range = start..<start + categories
      let greatest = range.reduce(-Double.infinity) { max($0, lambda[$1]) }
      let total = greatest + wb_log(range.reduce(0) { $0 + wb_exp(lambda[$1] - greatest) })
      for i in range {
        prepared[i] = lambda[i] - total
        prepared[dimension + i] = wb_exp(lambda[i] - total)
      }
    }
  }

  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>) {
    for start in stride(from: 0, to: dimension, by: categories) {
      var best = start, height = -Double.infinity
      for i in start..<start + categories {
        z[i] = 0
        let perturbed = draw.prepared[i] - wb_log(-wb_log(draw.noise[i]))
        if perturbed > height { (best, height) = (i, perturbed) }
      }
      z[best] = 1
    }
  }

  func entropy(_ draw: Draw) -> Double {
    // A category of no probability counts nothing where it is not drawn.
    (0..<dimension).reduce(0) { draw.z[$1] == 0 ? $0 : $0 - draw.z[$1] * draw.prepared[$1] }
  }

  func entropyGradient(_ draw: Draw, into gradient: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { gradient[i] = -draw.prepared[i] }
  }

  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { score[i] = draw.z[i] - draw.prepared[dimension + i] }
  }

  public func analyticTerms(for model: any Integrand) -> Terms {
    prior(of: model) == nil ? .entropy : [.entropy, .prior]
  }

  /// ∂/∂φ_c of Σ_j π_j a_j is π_c (a_c − Σ_j π_j a_j), for a = −log π, log p.
  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    let prior = terms.contains(.prior) ? prior(of: model) : nil
    func slope(_ i: Int) -> Double {
      (terms.contains(.entropy) ? -draw.prepared[i] : 0) + (prior?.logProbability[i] ?? 0)
    }
    for start in stride(from: 0, to: dimension, by: categories) {
      let range = start..<start + categories
      let mean = range.reduce(0) { $0 + draw.prepared[dimension + $1] * slope($1) }
      for i in range { gradient[i] += draw.prepared[dimension + i] * (slope(i) - mean) }
    }
  }

  private func prior(of model: any Integrand) -> IndependentCategoricals? {
    let prior = (model as? any LatentModel)?.prior as? IndependentCategoricals
    return prior?.categories == categories ? prior : nil
  }
}

/// `categorical`, by its options.
public struct MeanFieldCategoricalSpecification: FamilySpecification {
  public var categories = 3
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "categorical", summary: "independent categorical variables, one-hot, parametrised by logit",
    equation: "q(z_v = e_c) = exp(logit_vc) / Σ_j exp(logit_vj)",
    notes: [
      Note("Parameters", "logit [D], D = variables × categories, variable by variable; starts at equal probabilities."),
      Note("Support", "one-hot z: in each run of `categories` coordinates one 1, else 0."),
      Note("Exact", "every expectation up to 2^16 states, by enumeration."),
      Note("Closed forms", "entropy; KL to categorical priors."),
    ],
    options: [.integer("categories", \.categories, in: 2...10_000, "C, of each variable; D is a multiple of it")],
    examples: [Example(points: ["initial"], models: ["gaussian-mixture"])])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    guard dimension.isMultiple(of: categories) else {
      throw ComponentError(
        option: "categories", "the model's dimension \(dimension) is no multiple of \(categories) categories")
    }
    return MeanFieldCategorical(dimension: dimension, categories: categories)
  }
}
