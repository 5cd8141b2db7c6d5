import GradientEstimation
import Randomness

// A model, a family, a sampling scheme, an objective and an estimator, written as a plug-in would write them: with a
// plain import and the public protocols.

/// log p(z) = −½|z|², log p(x | z) = Σ_d z_d, both coordinate by coordinate; counts what it is asked for.
struct ToyModel: LatentModel, TwiceDifferentiableModel, FactorizedModel {
  var dimension = 2
  var factorizedTerms: Terms { [.prior, .likelihood] }
  var prior: (any Prior)? { DiagonalNormal.standard(dimension) }

  func value(_ term: Term, _ z: Double) -> Double { term == .prior ? -0.5 * z * z : z }
  func slope(_ term: Term, _ z: Double) -> Double { term == .prior ? -z : 1 }
  func hessian(of term: Term, at z: [Double]) -> [Double] { term == .prior ? [-1, 0, 0, -1] : [0, 0, 0, 0] }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let shape = draws.shape, z = draws.z
    for term in needed.values.members {
      evaluation.withValues(of: term) { values in
        values.update(repeating: 0)
        for i in z.indices {
          values[i / (shape.dimension * shape.lanes) * shape.lanes + i % shape.lanes] += value(term, z[i])
        }
      }
    }
    for term in needed.gradients.terms.members {
      evaluation.withGradient(of: Terms(term)) { rows in for i in z.indices { rows[i] = slope(term, z[i]) } }
    }
    for term in needed.coordinateValues.members {
      evaluation.withCoordinateValues(of: term) { rows in for i in z.indices { rows[i] = value(term, z[i]) } }
    }
    for term in needed.diagonalHessians.members {
      evaluation.withDiagonalHessian(of: term) { $0.update(repeating: term == .prior ? -1 : 0) }
    }
  }
}

/// f(z) = Σ_d z_d², values alone.
struct ToyCost: CostFunction {
  var dimension = 2
  var sense: Sense { .minimize }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let shape = draws.shape, z = draws.z
    guard needed.values.contains(.cost) else { return }
    evaluation.withValues(of: .cost) { values in
      values.update(repeating: 0)
      for i in z.indices {
        values[i / (shape.dimension * shape.lanes) * shape.lanes + i % shape.lanes] += z[i] * z[i]
      }
    }
  }
}

/// q_λ(z) = N(z; λ, I), with the entropy in closed form and nothing else.
struct ToyFamily: ReparameterizableFamily {
  var dimension = 2
  var parameterBlocks: [ParameterBlock] { [ParameterBlock(name: "mean", range: 0..<dimension)] }
  var initialParameters: [Double] { Array(repeating: 0, count: dimension) }
  var pathwiseEntropyIsExact: Bool { true }

  func parameters(of distribution: any Prior) -> [Double]? { (distribution as? DiagonalNormal)?.mean }

  func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {
    let shape = draws.shape
    var noise = draws.noise.mutableSpan
    scheme.fillNormals(&noise, shape: shape, random: &random)
    for i in draws.noise.indices {
      let d = i / shape.lanes % dimension
      draws.z[i] = draws.noise[i] + draws.parameters[draws.sharesParameters ? d : d * shape.lanes + i % shape.lanes]
    }
  }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let shape = draws.shape, noise = draws.noise
    if needed.values.contains(.entropy) {
      evaluation.withValues(of: .entropy) { values in
        values.update(repeating: 0)
        for i in noise.indices {
          values[i / (dimension * shape.lanes) * shape.lanes + i % shape.lanes] += 0.5 * noise[i] * noise[i]
        }
      }
    }
    if needed.gradients.contains(.entropy) {
      evaluation.withGradient(of: .entropy) { rows in for i in noise.indices { rows[i] = noise[i] } }
    }
  }

  func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let b = draws.shape.lanes
    for i in draws.noise.indices {
      let d = i / b % dimension, lane = i % b, k = i / (dimension * b)
      gradients[d * b + lane] += (weights[k * b + lane] - centers[d]) * draws.noise[i]
    }
  }

  func addPullback(
    cotangents: Span<Double>, factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    for i in cotangents.indices {
      gradients[i % (dimension * draws.shape.lanes)] += factor * cotangents[i]
    }
  }

  func addPathwiseEntropyGradient(
    factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {}

  func analyticTerms(for model: any Integrand) -> Terms { .entropy }
  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {}
  func exactExpectation(of terms: Terms, for model: any Integrand, parameters: [Double]) -> ExactExpectation? { nil }
}

/// Antithetic pairs: draw 2j + 1 is the negative of draw 2j.
struct ToyPairs: SamplingScheme {
  static let descriptor = Descriptor<Self>(id: "pairs", summary: "antithetic pairs")
  var drawsAreIndependent: Bool { false }

  func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    random.fillOpenUniforms(&uniforms)
    let width = shape.dimension * shape.lanes
    for i in uniforms.indices where i / width % 2 == 1 { uniforms[i] = 1 - uniforms[i - width] }
  }
}

/// E_q[log p(x | z)].
struct ToyObjective: Objective {
  static let descriptor = Descriptor<Self>(id: "log-likelihood", summary: "the expected log likelihood")
  func terms(for model: any Integrand) throws(EstimatorError) -> Terms { .likelihood }
}

/// The mean over draws of factor · ∂f/∂z, with scratch of its own.
struct ToyEstimator: GradientEstimator {
  var factor = 1.0
  static let descriptor = Descriptor<Self>(
    id: "toy", summary: "a scaled pathwise gradient",
    options: [.real("factor", \.factor, in: .positive, "what to multiply by")])

  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard problem.model is any DifferentiableModel else { throw EstimatorError("needs ∇_z") }
    return Requirements(
      quantities: Quantities(gradients: problem.terms), bias: factor == 1 ? .unbiased : .biased("scaled"),
      gradientEvaluations: Double(samples) * problem.dataShare)
  }

  func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> [Double] {
    Array(repeating: 0, count: shape.elementCount)
  }

  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout [Double], into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any ReparameterizableFamily else { return }
    for i in workspace.indices { workspace[i] = 0 }
    for part in problem.terms.parts.members {
      for (i, g) in block.evaluation.gradient(of: part).enumerated() { workspace[i] += g }
    }
    family.addPullback(
      cotangents: workspace.span, factor: factor / Double(block.shape.samples), at: block.draws, into: &gradients)
  }
}
