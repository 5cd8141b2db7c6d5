internal import CKernels
public import GradientEstimation
internal import Randomness

/// Bernoullis that depend on those before them, q_λ(z) = Π_d q(z_d | z_{<d}), with logits φ_d = b_d + Σ_{j<d} W_dj z_j: a fully
/// visible sigmoid belief network.
///
/// - λ: blocks `logit`, b `[D]`, and `weight`, the rows of W below the diagonal, D(D − 1)/2. With W = 0 it is `bernoulli`.
/// - z_d = 1 where u_d > 1 − σ(φ_d), u uniform, one coordinate after the other.
/// - score: ∂ log q/∂b_d = z_d − σ(φ_d), ∂ log q/∂W_dj = (z_d − σ(φ_d)) z_j.
/// - exact: up to 2^16 states every expectation, by enumeration.
/// - reference: Neal (1992), section 2; Mnih and Gregor (2014).
public struct AutoregressiveBernoulli: DrawwiseFamily, EnumerableFamily, TransformedFamily {
  public let dimension: Int
  public var support: Support { .binary }
  public var parameterBlocks: [ParameterBlock] {
    let weights = dimension * (dimension - 1) / 2
    let logits = ParameterBlock(name: "logit", range: 0..<dimension)
    return weights == 0 ? [logits] : [logits, ParameterBlock(name: "weight", range: dimension..<dimension + weights)]
  }
  /// Fair coins.
  public var initialParameters: [Double] { Array(repeating: 0, count: parameterCount) }
  public var stateCount: Int? { Enumeration.stateCount(base: 2, exponent: dimension) }

  public init(dimension: Int) { self.dimension = dimension }

  public func parameters(of distribution: any Prior) -> [Double]? {
    guard let logits = MeanFieldBernoulli(dimension: dimension).parameters(of: distribution) else { return nil }
    return logits + Array(repeating: 0, count: parameterCount - dimension)
  }

  public func storeStates(from first: Int, into draws: inout Draws) { draws.storeBinaryStates(from: first) }

  func fillNoise(
    _ noise: inout MutableSpan<Double>, shape: Shape, scheme: any SamplingScheme, random: inout RandomStream
  ) { scheme.fillUniforms(&noise, shape: shape, random: &random) }

  /// Where row d of W begins in λ.
  private func row(_ d: Int) -> Int { dimension + d * (d - 1) / 2 }

  private func logit(_ d: Int, _ lambda: UnsafePointer<Double>, _ z: UnsafePointer<Double>) -> Double {
    let row = row(d)
    return (0..<d).reduce(lambda[d]) { $0 + lambda[row + $1] * z[$1] }
  }

  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>) {
    for d in 0..<dimension { z[d] = draw.noise[d] > wb_sigmoid(-logit(d, draw.lambda, z)) ? 1 : 0 }
  }

  func entropy(_ draw: Draw) -> Double {
    (0..<dimension).reduce(0) { sum, d in
      let phi = logit(d, draw.lambda, draw.z)
      return sum + wb_softplus(phi) - draw.z[d] * phi
    }
  }

  /// Of log q relaxed to z in [0, 1]^D: ∂/∂z_j of Σ_d z_d φ_d − log(1 + e^{φ_d}).
  func entropyGradient(_ draw: Draw, into gradient: UnsafeMutablePointer<Double>) {
    for d in 0..<dimension {
      let phi = logit(d, draw.lambda, draw.z), residual = draw.z[d] - wb_sigmoid(phi), row = row(d)
      gradient[d] = -phi
      for j in 0..<d { gradient[j] -= residual * draw.lambda[row + j] }
    }
  }

  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>) {
    for d in 0..<dimension {
      let phi = logit(d, draw.lambda, draw.z), row = row(d)
      let residual = draw.z[d] == 1 ? wb_sigmoid(-phi) : draw.z[d] - wb_sigmoid(phi)
      score[d] = residual
      for j in 0..<d { score[row + j] = residual * draw.z[j] }
    }
  }

  public func analyticTerms(for model: any Integrand) -> Terms { [] }

  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {}
}

/// `autoregressive-bernoulli`, by its options.
public struct AutoregressiveBernoulliSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "autoregressive-bernoulli", summary: "Bernoullis that depend on those before them",
    equation: "q(z) = Π_d Bernoulli(z_d; σ(logit_d + Σ_{j<d} weight_dj z_j))",
    notes: [
      Note("Parameters", "logit [D], weight [D(D − 1)/2], row by row below the diagonal; starts at fair coins."),
      Note("Support", "z of 0 and 1."),
      Note("Exact", "every expectation up to D = 16, by enumeration of 2^D states."),
    ],
    references: [Reference("neal1992", "section 2"), Reference("mnih2014")],
    examples: [Example(points: ["logit=0.6,weight=-0.9", "logit=-0.4,weight=0.7"], models: ["sigmoid-belief-network"])])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    AutoregressiveBernoulli(dimension: dimension)
  }
}
