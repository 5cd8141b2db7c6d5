public import GradientEstimation
internal import Randomness

/// The options that linear models of data with latents have, beside those of the data.
public struct FactorAnalysisOptions: Hashable, Sendable {
  public var latent = 2
  public var isAmortised = true
  public var minibatch = 100
  public var datum: Int?
  public var weightSeed = 1
}

/// A linear model of data with latents, by its options.
protocol FactorAnalysisSpecification: IntegrandSpecification, DatasetSpecification {
  var options: FactorAnalysisOptions { get set }
  /// Whether one σ is that of all columns.
  static var sharesNoise: Bool { get }
}

extension DatasetOptions {
  /// Iris, all of it to train on.
  static var iris: DatasetOptions {
    var options = DatasetOptions()
    (options.data, options.testShare) = ("iris", 0)
    return options
  }
}

extension FactorAnalysisSpecification {
  /// In the order of canonical text.
  static var sharedOptions: [Option<Self>] {
    [
      .integer("latent", \.options.latent, in: 1...1000, "k, the dimension of z"),
      .flag(
        "amortised", \.options.isAmortised,
        "a linear encoder makes λ of x; false: every datum to train on has a λ of its own to learn, and test data none"),
      .integer("minibatch", \.options.minibatch, in: 1...1_000_000, "M, data of a step"),
      .integer(
        "datum", \.options.datum, in: 1...1_000_000_000,
        "the row whose model alone it is, from 1; none: all, for training"
      ),
      .integer("weights", \.options.weightSeed, in: 0...1_000_000, "the seed that W is drawn by with datum=n"),
    ] + datasetOptions
  }

  static var sharedNotes: [Note] {
    [
      Note(
        "Training",
        "kind training learns θ = (W, μ, log σ) and the encoder, whose outputs V x + c are the parameters of the family. It starts where the noise is all of the data: μ and σ their mean and standard deviation, W and V small and random in the units of the data."
      ),
      Note(
        "One datum",
        "datum=n is the model of one row alone, with a λ of its own, and θ where training starts: an ordinary latent model, for every kind of experiment."
      ),
    ]
  }

  public func check() throws(ComponentError) {
    try dataset.check()
    guard dataset.pixels == .dynamic else { return }
    if options.datum != nil {
      throw ComponentError(option: "datum", "wants a datum that stays as it is; use pixels=fixed or real")
    }
    if !options.isAmortised {
      throw ComponentError(option: "amortised", "wants data that stay as they are; use pixels=fixed or real")
    }
  }

  public var inputFiles: [String] { dataset.inputFiles }

  /// - Throws: `ComponentError` for data that cannot be read; a row or minibatch that they do not have.
  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let data = try DataSplit(dataset)
    var random = try weightStream(seed: options.weightSeed)
    let decoder = LinearDecoder(
      of: data.training, latent: options.latent, sharesNoise: Self.sharesNoise, random: &random)
    if let datum = options.datum { return FactorAnalysisDatum(decoder: decoder, x: try data.datum(datum)) }
    try data.check(minibatch: options.minibatch)
    return FactorAnalysis(
      decoder: decoder, data: data, isAmortised: options.isAmortised, minibatch: options.minibatch)
  }
}

/// `linear-vae`: one σ, probabilistic PCA by a linear auto-encoder.
public struct LinearAutoencoder: FactorAnalysisSpecification {
  public var dataset = DatasetOptions.iris
  public var options = FactorAnalysisOptions()
  public init() {}

  static var sharesNoise: Bool { true }

  public static let descriptor = Descriptor<Self>(
    id: "linear-vae", summary: "a linear variational auto-encoder: probabilistic PCA, its likelihood and maximum known",
    equation: "z_n ~ N(0, I_k),  x_n | z_n ~ N(W z_n + μ, σ² I_d),  q(z_n) of the family with λ_n = V x_n + c",
    notes: [
      Note(
        "Exact",
        "log p(x), and its maximum by principal components, which the bound reaches under mean-field-normal: there WᵀW is diagonal. With datum=n ELBO, its gradients in λ and θ, evidence, posterior."
      )
    ] + sharedNotes,
    references: [
      Reference("lucas2019"), Reference("tipping1999", "equations (7) and (8)"), Reference("fisher1936"),
      Reference("aeberhard1992"),
    ],
    options: sharedOptions,
    examples: [
      Example(
        options: ["datum": "65", "standardize": "true", "latent": "1"],
        normals: [NormalPoint(mean: 0.5, scale: 0.5)],
        families: ["full-rank-normal"])
    ])
}

/// `factor-analysis`: a σ for each column.
public struct FactorAnalyzer: FactorAnalysisSpecification {
  public var dataset = DatasetOptions.iris
  public var options = FactorAnalysisOptions()
  public init() {}

  static var sharesNoise: Bool { false }

  public static let descriptor = Descriptor<Self>(
    id: "factor-analysis", summary: "factor analysis by a linear auto-encoder, its likelihood known",
    equation:
      "z_n ~ N(0, I_k),  x_n | z_n ~ N(W z_n + μ, diag(σ_1², …, σ_d²)),  q(z_n) of the family with λ_n = V x_n + c",
    notes: [
      Note(
        "Exact",
        "log p(x); its maximum has no closed form. With datum=n ELBO, its gradients in λ and θ, evidence, posterior.")
    ] + sharedNotes,
    references: [
      Reference("rubin1982"), Reference("tipping1999"), Reference("fisher1936"),
      Reference("aeberhard1992"),
    ],
    options: sharedOptions,
    examples: [
      Example(
        options: ["datum": "65", "standardize": "true", "latent": "1"],
        normals: [NormalPoint(mean: 0.5, scale: 0.5)],
        families: ["mean-field-normal"])
    ])
}
