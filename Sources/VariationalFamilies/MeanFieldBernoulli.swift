internal import CKernels
public import GradientEstimation
internal import Randomness

/// Independent Bernoullis, q_λ(z) = Π_d σ(φ_d)^{z_d} (1 − σ(φ_d))^{1 − z_d}, z in {0, 1}^D.
///
/// - λ: block `logit`, φ.
/// - z_d = 1 where u_d > 1 − σ(φ_d), u uniform.
/// - score: ∂ log q/∂φ_d = z_d − σ(φ_d). Relaxed to z in [0, 1]^D, log q is Σ_d z_d φ_d − log(1 + e^{φ_d}), linear in z.
/// - closed forms: the entropy, and the KL divergence to Bernoulli priors; up to 2^16 states every expectation, by enumeration.
public struct MeanFieldBernoulli: DrawwiseFactorizedFamily, IndependentBernoulliFamily, LogitParameterizedFamily,
  DiagonalFisherFamily
{
  public let dimension: Int
  public var support: Support { .binary }
  public var parameterBlocks: [ParameterBlock] { [ParameterBlock(name: "logit", range: 0..<dimension)] }
  /// Fair coins.
  public var initialParameters: [Double] { Array(repeating: 0, count: dimension) }
  public var stateCount: Int? { Enumeration.stateCount(base: 2, exponent: dimension) }
  /// σ(φ), σ(−φ) and log(1 + e^φ).
  var preparedCount: Int { 3 * dimension }

  public init(dimension: Int) { self.dimension = dimension }

  public func parameters(of distribution: any Prior) -> [Double]? {
    guard let bernoullis = distribution as? IndependentBernoullis, bernoullis.logit.count == dimension else {
      return nil
    }
    return bernoullis.logit
  }

  public func coordinate(ofParameter p: Int) -> Int { p }

  /// σ (1 − σ)
  public func fisherDiagonal(at parameters: [Double]) -> [Double] {
    parameters.map { wb_sigmoid($0) * wb_sigmoid(-$0) }
  }

  public func storeStates(from first: Int, into draws: inout Draws) { draws.storeBinaryStates(from: first) }

  func fillNoise(
    _ noise: inout MutableSpan<Double>, shape: Shape, scheme: any SamplingScheme, random: inout RandomStream
  ) { scheme.fillUniforms(&noise, shape: shape, random: &random) }

  func prepare(_ lambda: UnsafePointer<Double>, into prepared: UnsafeMutablePointer<Double>) {
    for d in 0..<dimension {
      prepared[d] = wb_sigmoid(lambda[d])
      prepared[dimension + d] = wb_sigmoid(-lambda[d])
      prepared[2 * dimension + d] = wb_softplus(lambda[d])
    }
  }

  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>) {
    for d in 0..<dimension { z[d] = draw.noise[d] > draw.prepared[dimension + d] ? 1 : 0 }
  }

  func entropies(_ draw: Draw, into values: UnsafeMutablePointer<Double>) {
    for d in 0..<dimension { values[d] = draw.prepared[2 * dimension + d] - draw.z[d] * draw.lambda[d] }
  }

  func entropyGradient(_ draw: Draw, into gradient: UnsafeMutablePointer<Double>) {
    for d in 0..<dimension { gradient[d] = -draw.lambda[d] }
  }

  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>) {
    // 1 − σ(φ) as σ(−φ), which is not zero where σ(φ) is near 1.
    for d in 0..<dimension { score[d] = draw.z[d] == 1 ? draw.prepared[dimension + d] : draw.z[d] - draw.prepared[d] }
  }

  public func analyticTerms(for model: any Integrand) -> Terms {
    prior(of: model) == nil ? .entropy : [.entropy, .prior]
  }

  /// ∂H/∂φ = −φ σ(1 − σ), and ∂E log p/∂φ = logit p · σ(1 − σ).
  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    let prior = terms.contains(.prior) ? prior(of: model) : nil
    for d in 0..<dimension {
      let slope = (terms.contains(.entropy) ? -draw.lambda[d] : 0) + (prior?.logit[d] ?? 0)
      gradient[d] += draw.prepared[d] * draw.prepared[dimension + d] * slope
    }
  }

  private func prior(of model: any Integrand) -> IndependentBernoullis? {
    (model as? any LatentModel)?.prior as? IndependentBernoullis
  }
}

extension Draws {
  /// Bit d of the number of a lane's state is z_d.
  mutating func storeBinaryStates(from first: Int) {
    let b = shape.lanes
    for d in 0..<shape.dimension {
      for lane in 0..<b { z[d * b + lane] = (first + lane) >> d & 1 == 1 ? 1 : 0 }
    }
  }
}

/// `bernoulli`, by its options.
public struct MeanFieldBernoulliSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "bernoulli", summary: "independent Bernoullis, parametrised by logit",
    equation: "q(z) = Π_d σ(logit_d)^{z_d} (1 − σ(logit_d))^{1 − z_d}",
    notes: [
      Note("Parameters", "logit [D]; starts at fair coins."),
      Note("Support", "z of 0 and 1."),
      Note("Exact", "every expectation up to D = 16, by enumeration of 2^D states."),
      Note("Closed forms", "entropy; KL to Bernoulli priors."),
    ],
    examples: [Example(points: ["logit=0.8", "logit=-0.5"], models: ["sigmoid-belief-network"])])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    MeanFieldBernoulli(dimension: dimension)
  }
}
