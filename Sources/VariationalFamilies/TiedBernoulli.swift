internal import CKernels
public import GradientEstimation
internal import Randomness

/// Independent Bernoullis of one probability, q_λ(z) = σ(φ)^n (1 − σ(φ))^{D − n} with n = Σ_d z_d, z in {0, 1}^D.
///
/// - λ: block `logit`, the one number φ. It is `bernoulli` on the diagonal of its λ: the gradient is the sum of that one's.
/// - z_d = 1 where u_d > 1 − σ(φ), u uniform.
/// - score: ∂ log q/∂φ = n − D σ(φ). Relaxed to z in [0, 1]^D, log q is n φ − D log(1 + e^φ), linear in z.
/// - closed forms: the entropy, and the KL divergence to Bernoulli priors; up to 2^16 states every expectation, by enumeration.
/// - It factorises over z and not over λ: φ belongs to every coordinate, so that it is no `FactorizedFamily`.
/// - reference: Liu et al. (2019); Kool, van Hoof and Welling (2020), on three bits.
public struct TiedBernoulli: DrawwiseFamily, IndependentBernoulliFamily, DiagonalFisherFamily {
  public let dimension: Int
  public var support: Support { .binary }
  public var parameterBlocks: [ParameterBlock] { [ParameterBlock(name: "logit", range: 0..<1)] }
  /// Fair coins.
  public var initialParameters: [Double] { [0] }
  public var stateCount: Int? { Enumeration.stateCount(base: 2, exponent: dimension) }
  /// σ(φ), σ(−φ), log(1 + e^φ) and log(1 + e^{−φ}).
  var preparedCount: Int { 4 }

  public init(dimension: Int) { self.dimension = dimension }

  /// Known of Bernoullis that have one logit.
  public func parameters(of distribution: any Prior) -> [Double]? {
    guard let logits = MeanFieldBernoulli(dimension: dimension).parameters(of: distribution),
      let first = logits.first, logits.allSatisfy({ $0 == first })
    else { return nil }
    return [first]
  }

  /// D σ (1 − σ)
  public func fisherDiagonal(at parameters: [Double]) -> [Double] {
    parameters.map { Double(dimension) * wb_sigmoid($0) * wb_sigmoid(-$0) }
  }

  public func storeStates(from first: Int, into draws: inout Draws) { draws.storeBinaryStates(from: first) }

  public func storeLogits(at draws: borrowing Draws, into logits: inout MutableSpan<Double>) {
    let (b, shared) = (draws.shape.lanes, draws.sharesParameters)
    precondition(logits.count == dimension * b, "storeLogits: logits must be [D × B]")
    for d in 0..<dimension {
      for lane in 0..<b { logits[d * b + lane] = draws.parameters[shared ? 0 : lane] }
    }
  }

  /// gradients += Σ_d c_d
  public func addLogitPullback(
    _ cotangents: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let b = draws.shape.lanes
    precondition(cotangents.count == dimension * b, "addLogitPullback: cotangents must be [D × B]")
    for d in 0..<dimension {
      for lane in 0..<b { gradients[lane] += cotangents[d * b + lane] }
    }
  }

  func fillNoise(
    _ noise: inout MutableSpan<Double>, shape: Shape, scheme: any SamplingScheme, random: inout RandomStream
  ) { scheme.fillUniforms(&noise, shape: shape, random: &random) }

  func prepare(_ lambda: UnsafePointer<Double>, into prepared: UnsafeMutablePointer<Double>) {
    prepared[0] = wb_sigmoid(lambda[0])
    prepared[1] = wb_sigmoid(-lambda[0])
    prepared[2] = wb_softplus(lambda[0])
    prepared[3] = wb_softplus(-lambda[0])
  }

  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>) {
    for d in 0..<dimension { z[d] = draw.noise[d] > draw.prepared[1] ? 1 : 0 }
  }

  func entropy(_ draw: Draw) -> Double {
    // From n, so that states of one n are equally likely to the last bit, and without cancellation.
    let ones = (0..<dimension).reduce(0) { $0 + draw.z[$1] }
    return ones * draw.prepared[3] + (Double(dimension) - ones) * draw.prepared[2]
  }

  func entropyGradient(_ draw: Draw, into gradient: UnsafeMutablePointer<Double>) {
    for d in 0..<dimension { gradient[d] = -draw.lambda[0] }
  }

  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>) {
    // 1 − σ(φ) as σ(−φ), which is not zero where σ(φ) is near 1.
    score[0] = (0..<dimension).reduce(0) {
      $0 + (draw.z[$1] == 1 ? draw.prepared[1] : draw.z[$1] - draw.prepared[0])
    }
  }

  public func analyticTerms(for model: any Integrand) -> Terms {
    MeanFieldBernoulli(dimension: dimension).analyticTerms(for: model)
  }

  /// ∂H/∂φ = −D φ σ(1 − σ), and ∂E log p/∂φ = Σ_d logit p_d · σ(1 − σ).
  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    var slope = terms.contains(.entropy) ? -Double(dimension) * draw.lambda[0] : 0
    if terms.contains(.prior), let prior = (model as? any LatentModel)?.prior as? IndependentBernoullis {
      slope += prior.logit.reduce(0, +)
    }
    gradient[0] += draw.prepared[0] * draw.prepared[1] * slope
  }
}

/// `tied-bernoulli`, by its options.
public struct TiedBernoulliSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "tied-bernoulli", summary: "independent Bernoullis that share one logit",
    equation: "q(z) = Π_d σ(logit)^{z_d} (1 − σ(logit))^{1 − z_d}",
    notes: [
      Note("Parameters", "logit [1], shared by all bits; starts at fair coins."),
      Note("Support", "z of 0 and 1."),
      Note("Exact", "every expectation up to D = 16, by enumeration of 2^D states."),
      Note("Closed forms", "entropy; KL to Bernoulli priors."),
      Note("Factorises", "over the bits and not over its parameter, which moves all of them: no rao_blackwell."),
    ],
    references: [Reference("liu2019"), Reference("kool2020")],
    examples: [Example(points: ["logit=0.8", "logit=-0.5"], models: ["sigmoid-belief-network"])])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    TiedBernoulli(dimension: dimension)
  }
}
