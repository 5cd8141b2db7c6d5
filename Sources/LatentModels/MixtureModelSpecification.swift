public import GradientEstimation
internal import Randomness

/// `mixture`: a mixture of normals of a data set.
public struct MixtureModelSpecification: IntegrandSpecification, DatasetSpecification {
  /// What the covariance of a component may be.
  public enum Covariance: String, CaseIterable, Hashable, Sendable { case spherical, diagonal, full }

  public var dataset = DatasetOptions.iris
  public var components = 3
  public var covariance = Covariance.full
  public var leastScale = 1e-3
  public var isAmortised = true
  public var minibatch = 100
  public var datum: Int?
  public var weightSeed = 1
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "mixture", summary: "a mixture of normals fitted to a data set, its likelihood known",
    equation: "z_n ~ Categorical(π),  x_n | z_n = e_c ~ N(μ_c, L_c L_cᵀ),  q(z_n) of the family with λ_n = V x_n + c",
    notes: [
      Note(
        "Exact",
        "log p(x); its maximum has no closed form. With datum=n ELBO, its gradients in λ and θ, evidence, posterior, under categorical."
      ),
      Note("Support", "one-hot z_n, D = C; relaxed to the simplex, log p is linear in z."),
      Note(
        "Training",
        "kind training learns θ = (logits of π, μ, log L_ii and what is below) and the encoder, whose outputs V x + c are the parameters of the family. It starts with equal shares, means at data chosen at random, and the scales of all data."
      ),
      Note(
        "Maximum",
        "without min_scale the likelihood has no bound: a component may shrink to one datum. Expectation maximisation keeps to it, gradients do not."
      ),
      Note(
        "One datum",
        "datum=n is the model of one row alone, with a λ of its own, and θ where training starts: an ordinary latent model, for every kind of experiment."
      ),
    ],
    references: [
      Reference("mclachlan2000", "section 3.2"), Reference("bishop2006", "section 9.2"), Reference("fisher1936"),
      Reference("aeberhard1992"),
    ],
    options: [
      .integer("components", \.components, in: 2...1000, "C, and the family's categories"),
      .choice("covariance", \.covariance, "of a component: σ² I, diag(σ_1², …, σ_d²) or any"),
      .real(
        "min_scale", \.leastScale, in: RealBounds(lower: 0, upper: 1e6),
        "least standard deviation of a component in any direction, by expectation maximisation"),
      .flag(
        "amortised", \.isAmortised,
        "a linear encoder makes λ of x; false: every datum to train on has a λ of its own to learn, and test data none"),
      .integer("minibatch", \.minibatch, in: 1...1_000_000, "M, data of a step"),
      .integer(
        "datum", \.datum, in: 1...1_000_000_000, "the row whose model alone it is, from 1; none: all, for training"),
      .integer("weights", \.weightSeed, in: 0...1_000_000, "the seed that the means are chosen by with datum=n"),
    ] + datasetOptions,
    examples: [
      Example(
        options: ["datum": "65", "standardize": "true"], points: ["initial", "prior"], families: ["categorical"])
    ])

  public func check() throws(ComponentError) {
    try dataset.check()
    guard dataset.pixels == .dynamic else { return }
    if datum != nil {
      throw ComponentError(option: "datum", "wants a datum that stays as it is; use pixels=fixed or real")
    }
    if !isAmortised {
      throw ComponentError(option: "amortised", "wants data that stay as they are; use pixels=fixed or real")
    }
  }

  public var inputFiles: [String] { dataset.inputFiles }

  /// - Throws: `ComponentError` for data that cannot be read or are fewer than the components; a row or minibatch that they do
  ///   not have.
  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let data = try DataSplit(dataset)
    guard components <= data.training.count else {
      throw ComponentError(
        option: "components", "is \(components), and there are \(data.training.count) data to train on")
    }
    var random = try weightStream(seed: weightSeed)
    let start = MixtureComponents(
      of: data.training, count: components, covariance: covariance, leastScale: leastScale, random: &random)
    if let datum { return MixtureDatum(components: start, x: try data.datum(datum)) }
    try data.check(minibatch: minibatch)
    return MixtureModel(
      components: start, data: data, leastScale: leastScale, isAmortised: isAmortised, minibatch: minibatch)
  }
}
