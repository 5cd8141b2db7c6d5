/// What is estimated: the gradient of an objective of a model under a family, and how draws are made.
public struct Problem: Sendable {
  public internal(set) var model: any Integrand
  public let family: any VariationalFamily
  public let objective: any Objective
  public private(set) var sampling: any SamplingScheme
  /// The terms of the objective's integrand; of one of several draws, those of its log weights.
  public let terms: Terms
  /// The objective, where it takes the K draws of an estimate together rather than one by one.
  public let multiSample: (any MultiSampleObjective)?
  /// P, the number of parameters of the family.
  public let parameterCount: Int
  /// The relative error of whatever is evaluated at an estimator's own draws; 0 but where rounding is measured.
  var disturbance = 0.0

  /// - Throws: `EstimatorError` where the parts do not fit together.
  public init(
    model: any Integrand, family: any VariationalFamily, objective: any Objective, sampling: any SamplingScheme
  ) throws(EstimatorError) {
    guard model.dimension == family.dimension else {
      throw EstimatorError(
        "the family has dimension \(family.dimension) and the model \(model.dimension)")
    }
    // A cost is an expectation wherever it is defined; a bound on log p(x) wants a q that the posterior may be like.
    guard model is any LatentModel ? family.support == model.support : family.support.isWithin(model.support) else {
      throw EstimatorError(
        "the family's draws are of \(family.support.description), and the model is of \(model.support.description)")
    }
    multiSample = objective as? any MultiSampleObjective
    guard multiSample == nil || sampling.drawsAreIndependent else {
      throw EstimatorError("an objective of several draws is one of independent draws: use sampling 'iid'")
    }
    terms = try objective.terms(for: model)
    self.model = model
    self.family = family
    self.objective = objective
    self.sampling = sampling
    parameterCount = family.parameterCount
  }

  /// The terms that `split` samples.
  ///
  /// - Throws: `EstimatorError` where the closed form that the split wants is not known.
  public func sampledTerms(_ split: Split) throws(EstimatorError) -> Terms {
    try checkMeanOfDraws()
    guard split.closedForm.isSubset(of: terms) else {
      throw EstimatorError("cannot take kl=\(split.rawValue): the objective here has no KL divergence")
    }
    guard split.closedForm.isSubset(of: family.analyticTerms(for: model)) else {
      throw EstimatorError("cannot take kl=\(split.rawValue): this family has no closed form for this model's prior")
    }
    return terms.subtracting(split.closedForm)
  }

  /// - Throws: `EstimatorError` where the objective takes the draws of an estimate together.
  public func checkMeanOfDraws() throws(EstimatorError) {
    guard multiSample == nil else {
      throw EstimatorError("averages over draws, and the objective takes the K draws of an estimate together")
    }
  }

  /// - Throws: `EstimatorError` where the objective takes the draws of an estimate together and the estimator, which asks for
  ///   nothing of that, averages over them.
  public func checkMeanOfDraws(for requirements: Requirements) throws(EstimatorError) {
    let evaluates = requirements.evaluations + requirements.gradientEvaluations > 0
    if evaluates, !requirements.quantities.bounds { try checkMeanOfDraws() }
  }

  /// - Throws: `EstimatorError` where draws are not discrete, or the integrand is not defined and differentiable between
  ///   them: on [0, 1]^D for bits, on simplices for one-hot variables.
  public func checkRelaxation() throws(EstimatorError) {
    guard family.support.isDiscrete else {
      throw EstimatorError("relaxes discrete draws, and those of this family are continuous: take reparam or stl")
    }
    guard model is any DifferentiableModel, model is any RelaxableModel || !model.support.isDiscrete else {
      throw EstimatorError("needs a model that can be evaluated and differentiated between its discrete points")
    }
  }

  /// The sizes of a block of so many lanes, K = `samples` draws each.
  public func shape(samples: Int, lanes: Int) -> Shape {
    Shape(
      samples: samples, dimension: model.dimension, noiseDimension: family.noiseDimension, parameters: parameterCount,
      lanes: lanes)
  }

  /// The exact value and gradient of the objective at λ `[P]`, or nil where they are not known or depend on K.
  public func exact(at parameters: [Double]) -> ExactExpectation? {
    guard multiSample == nil, !hasLocalLatents else { return nil }
    return family.exactExpectation(of: terms, for: model, parameters: parameters)
  }

  /// Whether a lane is a datum, with a latent variable of its own and a λ of its own.
  public var hasLocalLatents: Bool { model is any LocalLatentModel }

  /// Whether the literature minimises the objective, as it does some cost functions. Gradients are its own either way.
  public var isMinimized: Bool { multiSample?.isMinimized ?? ((model as? any CostFunction)?.sense == .minimize) }

  /// The same problem on all data, for a model that reads minibatches.
  public var withAllData: Problem {
    var whole = self
    if let model = model as? any SubsampledModel { whole.model = model.withAllData }
    return whole
  }

  /// The same problem, whose every evaluation is off by relative errors of ± `relative`; see `DrawBlock.perturb`.
  public func disturbed(by relative: Double) -> Problem {
    var disturbed = self
    disturbed.disturbance = relative
    return disturbed
  }

  /// The same problem with independent draws.
  public var withIndependentDraws: Problem {
    var independent = self
    independent.sampling = IndependentSampling()
    return independent
  }

  /// Whether K = `samples` draws can be made as `sampling` wants, and serve an estimator of these requirements.
  ///
  /// - Throws: `EstimatorError` naming the limit or what the estimator lacks.
  public func checkDraws(samples: Int, for requirements: Requirements) throws(EstimatorError) {
    try sampling.check(samples: samples, dimension: family.noiseDimension)
    try checkIndependence(for: requirements)
  }

  /// - Throws: `EstimatorError` where the estimator needs independent draws and the scheme makes others.
  public func checkIndependence(for requirements: Requirements) throws(EstimatorError) {
    guard requirements.needsIndependentDraws, !sampling.drawsAreIndependent else { return }
    func id<S: SamplingScheme>(_ scheme: S) -> String { S.descriptor.id }
    throw EstimatorError(
      "would be biased: it uses draws against each other, which must be independent for that, and those of sampling"
        + " '\(id(sampling))' are not")
  }

  /// Model evaluations count as the share of the data that they read.
  public var dataShare: Double {
    if let model = model as? any LocalLatentModel {
      return Double(model.minibatch) / Double(max(1, model.dataCount(.training)))
    }
    guard let model = model as? any SubsampledModel, let size = model.minibatch else { return 1 }
    return Double(size) / Double(model.dataCount)
  }
}

/// What the gradient is taken of: an expectation under q_λ.
public protocol Objective: Component {
  /// The terms of its integrand.
  ///
  /// - Throws: `EstimatorError` where the model does not offer them.
  func terms(for model: any Integrand) throws(EstimatorError) -> Terms
}

/// Why parts do not fit together, in one line. It says what is missing.
public struct EstimatorError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
