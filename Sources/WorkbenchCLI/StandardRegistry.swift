internal import Estimators
package import ExperimentRunner
internal import GradientEstimation
internal import LatentModels
internal import Optimization
internal import SamplingSchemes
internal import VariationalFamilies

/// The components that the workbench ships, registered as a plug-in's are.
package enum StandardRegistry {
  package static func make() throws(RegistryError) -> Registry {
    var registry = Registry()
    try registry.register(estimator: ScoreFunction.self)
    try registry.register(estimator: Reparameterization.self)
    try registry.register(estimator: StickingTheLanding.self)
    try registry.register(estimator: RejectionSamplingReparameterization.self)
    try registry.register(estimator: GeneralizedReparameterization.self)
    try registry.register(estimator: BonnetPrice.self)
    try registry.register(estimator: MeasureValued.self)
    try registry.register(estimator: FiniteDifferences.self)
    try registry.register(estimator: SimultaneousPerturbation.self)
    try registry.register(estimator: ExactGradient.self)
    try registry.register(model: GaussianModel.self)
    try registry.register(model: GammaPoisson.self)
    try registry.register(model: DirichletMultinomial.self)
    try registry.register(model: LinearRegression.self)
    try registry.register(model: LogisticRegression.self)
    try registry.register(model: PoissonRegression.self)
    try registry.register(model: GeneralizedLinearModel.self)
    try registry.register(model: BayesianNeuralNetworkSpecification.self)
    try registry.register(model: EightSchools.self)
    try registry.register(model: StateSpaceModel.self)
    try registry.register(model: ProbabilisticPCA.self)
    try registry.register(model: Funnel.self)
    try registry.register(model: Banana.self)
    try registry.register(model: BinaryLatent.self)
    try registry.register(model: BernoulliToy.self)
    try registry.register(model: LinearCost.self)
    try registry.register(model: LogCost.self)
    try registry.register(model: QuadraticCost.self)
    try registry.register(model: ExpQuadraticCost.self)
    try registry.register(model: CosineCost.self)
    try registry.register(family: MeanFieldNormalSpecification.self)
    try registry.register(family: FullRankNormalSpecification.self)
    try registry.register(family: LowRankNormalSpecification.self)
    try registry.register(family: MixtureNormalSpecification.self)
    try registry.register(family: AffineCouplingFlowSpecification.self)
    try registry.register(family: StudentTSpecification.self)
    try registry.register(family: LogNormalSpecification.self)
    try registry.register(family: MeanFieldGammaSpecification.self)
    try registry.register(family: MeanFieldBetaSpecification.self)
    try registry.register(family: DirichletSpecification.self)
    try registry.register(family: MeanFieldBernoulliSpecification.self)
    try registry.register(family: MeanFieldCategoricalSpecification.self)
    try registry.register(family: AutoregressiveBernoulliSpecification.self)
    try registry.register(objective: EvidenceLowerBound.self)
    try registry.register(objective: Expectation.self)
    try registry.register(sampling: IndependentSampling.self)
    try registry.register(sampling: AntitheticSampling.self)
    try registry.register(sampling: LatinHypercubeSampling.self)
    try registry.register(sampling: SobolSampling.self)
    try registry.register(sampling: HaltonSampling.self)
    try registry.register(sampling: NiederreiterSampling.self)
    try registry.register(optimizer: SGD.self)
    try registry.register(optimizer: AdaGrad.self)
    try registry.register(optimizer: RMSProp.self)
    try registry.register(optimizer: Adam.self)
    return registry
  }
}
