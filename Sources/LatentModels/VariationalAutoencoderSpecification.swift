public import GradientEstimation
internal import NeuralNetworks
internal import Randomness

/// `vae`, by its options.
public struct VariationalAutoencoderSpecification: IntegrandSpecification, DatasetSpecification {
  public var dataset = DatasetOptions()
  public var latent = "10"
  public var prior = PriorKind.normal
  public var hidden = "200"
  public var encoderHidden = ""
  public var activation = HiddenUnit.tanh
  public var likelihood = LikelihoodKind.bernoulli
  public var noise = 1.0
  public var categories = 17
  public var isAmortised = true
  public var minibatch = 100
  public var datum: Int?
  public var weightSeed = 1

  public init() {}

  /// p(z)
  public enum PriorKind: String, CaseIterable, Sendable { case normal, bernoulli }
  /// p(x | z)
  public enum LikelihoodKind: String, CaseIterable, Sendable {
    case bernoulli, normal
    case sharedNormal = "shared-normal"
    case diagonalNormal = "diagonal-normal"
    case fullNormal = "full-normal"
    case categorical
  }
  public enum HiddenUnit: String, CaseIterable, Sendable {
    case tanh, relu, softplus

    var network: HiddenActivation {
      switch self {
      case .tanh: .tanh
      case .relu: .relu
      case .softplus: .softplus
      }
    }
  }

  public static let descriptor = Descriptor<Self>(
    id: "vae", summary: "a variational auto-encoder: decoder and encoder by networks, one latent z a datum",
    equation: "z_n ~ N(0, I),  x_n | z_n ~ p(x | f_θ(z_n)),  q(z_n) of the family with λ_n = f_φ(x_n)",
    notes: [
      Note(
        "Training",
        "kind training learns θ, the decoder, and φ, the encoder, whose outputs are the parameters of the family, whichever it is: mean-field-normal, full-rank-normal, or with prior=bernoulli bernoulli."
      ),
      Note(
        "Likelihood",
        "bernoulli: logits (of pixels in [0, 1] a cross entropy). normal: fixed σ, squared error. shared-normal: one σ learned. diagonal-normal: σ(z) of each number. full-normal: a full covariance by the Cholesky factor of its inverse. categorical: each number one of so many levels from 0 to 1, by softmax."
      ),
      Note(
        "Latents",
        "latent=10x5 is a deep latent Gaussian model of two stochastic layers: z holds z¹ (10) and z² (5), z¹ given z² is normal by a network, and the decoder sees z¹."
      ),
      Note(
        "One datum",
        "datum=n is the model of one row alone, with a λ of its own, and weights as they are drawn: an ordinary latent model, for every kind of experiment."
      ),
    ],
    references: [
      Reference("kingma2014", "sections 2 and 3, appendix C"), Reference("rezende2014", "section 2"),
      Reference("alpaydin1998"),
    ],
    options: [
      .sizes(
        "latent", \.latent, "D, the dimension of z; of two stochastic layers both, from the data up, such as 10x5"),
      .choice("prior", \.prior, "normal: N(0, I); bernoulli: fair bits"),
      .sizes(
        "hidden", \.hidden, "units of the decoder's hidden layers from z to x, such as 200 or 100x200; none: linear"),
      .sizes(
        "encoder_hidden", \.encoderHidden,
        "units of the encoder's hidden layers from x to λ; empty: the decoder's, the other way round"),
      .choice("activation", \.activation, "of hidden units"),
      .choice("likelihood", \.likelihood, "p(x | z), see above"),
      .real("noise", \.noise, in: .positive, "σ of likelihood=normal"),
      .integer("categories", \.categories, in: 2...256, "levels of likelihood=categorical"),
      .flag(
        "amortised", \.isAmortised,
        "an encoder makes λ of x; false: every datum to train on has a λ of its own to learn, and test data none"),
      .integer("minibatch", \.minibatch, in: 1...1_000_000, "M, data of a step"),
      .integer(
        "datum", \.datum, in: 1...1_000_000_000, "the row whose model alone it is, from 1; none: all, for training"),
      .integer(
        "weights", \.weightSeed, in: 0...1_000_000, "the seed that the decoder's weights are drawn by with datum=n"),
    ] + datasetOptions,
    examples: [
      Example(
        options: [
          "datum": "3", "data": "iris", "standardize": "true", "latent": "1", "hidden": "2",
          "likelihood": "shared-normal",
        ], normals: [NormalPoint(mean: 0.5, scale: 0.5), NormalPoint(mean: -0.3, scale: 0.3)],
        families: ["mean-field-normal"])
    ])

  public func check() throws(ComponentError) {
    try dataset.check()
    let latents = try sizes(latent, "latent"), layers = latents.count
    guard layers <= 2 else {
      throw ComponentError(option: "latent", "'\(latent)' has \(layers) layers; two are the most")
    }
    guard layers == 1 || prior == .normal else {
      throw ComponentError(option: "latent", "two layers of latents are normal; with prior=bernoulli give one")
    }
    _ = try hiddenSizes(hidden, "hidden")
    if !encoderHidden.isEmpty { _ = try hiddenSizes(encoderHidden, "encoder_hidden") }
    if likelihood != .normal, noise != 1 {
      throw ComponentError(
        option: "noise", "has no effect with likelihood=\(likelihood.rawValue); it belongs to 'normal'")
    }
    if likelihood != .categorical, categories != 17 {
      throw ComponentError(
        option: "categories", "has no effect with likelihood=\(likelihood.rawValue); it belongs to 'categorical'")
    }
    if datum != nil, dataset.pixels == .dynamic {
      throw ComponentError(option: "datum", "wants a datum that stays as it is; use pixels=fixed or real")
    }
    if !isAmortised, !encoderHidden.isEmpty {
      throw ComponentError(option: "encoder_hidden", "has no effect with amortised=false: there is no encoder")
    }
    if !isAmortised, dataset.pixels == .dynamic {
      throw ComponentError(option: "amortised", "wants data that stay as they are; use pixels=fixed or real")
    }
  }

  private func sizes(_ text: String, _ option: String) throws(ComponentError) -> [Int] {
    let sizes = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard sizes.allSatisfy({ (1...100_000).contains($0) }) else {
      throw ComponentError(option: option, "'\(text)' is no list of sizes such as 200 or 200x100")
    }
    return sizes
  }

  private func hiddenSizes(_ text: String, _ option: String) throws(ComponentError) -> [Int] {
    text == "none" ? [] : try sizes(text, option)
  }

  private var observed: Likelihood {
    switch likelihood {
    case .bernoulli: .bernoulli
    case .normal: .normal(noise: noise)
    case .sharedNormal: .sharedNormal
    case .diagonalNormal: .diagonalNormal
    case .fullNormal: .fullNormal
    case .categorical: .categorical(categories: categories)
    }
  }

  public var inputFiles: [String] { dataset.inputFiles }

  /// - Throws: `ComponentError` for data that cannot be read, or are none for the likelihood; a row or minibatch that the data
  ///   do not have.
  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let data = try DataSplit(dataset), hidden = try hiddenSizes(hidden, "hidden")
    try check(data.training)
    try check(data.test)
    let decoder = Decoder(
      latents: try sizes(latent, "latent"), hidden: hidden, priorHidden: hidden.reversed(),
      activation: activation.network,
      likelihood: observed, isBinary: prior == .bernoulli, observationDimension: data.training.dimension)
    var random = try weightStream(seed: weightSeed)
    let weights = decoder.initialParameters(random: &random)
    if let datum { return DecodedDatum(decoder: decoder, x: try data.datum(datum), modelParameters: weights) }
    try data.check(minibatch: minibatch)
    return VariationalAutoencoder(
      decoder: decoder, data: data,
      encoderHidden: encoderHidden.isEmpty ? hidden.reversed() : try hiddenSizes(encoderHidden, "encoder_hidden"),
      activation: activation.network, isAmortised: isAmortised, minibatch: minibatch, modelParameters: weights)
  }

  /// - Throws: `ComponentError` for a number that the likelihood gives no probability.
  private func check(_ data: Dataset) throws(ComponentError) {
    switch likelihood {
    case .bernoulli:
      guard let bad = data.values.firstIndex(where: { !($0 >= 0 && $0 <= 1) }) else { return }
      throw fault(data, bad, "likelihood=bernoulli wants numbers from 0 to 1")
    case .categorical:
      let levels = Double(categories - 1)
      guard
        let bad = data.values.firstIndex(where: {
          !($0 >= 0 && $0 <= 1) || abs($0 * levels - ($0 * levels).rounded()) > 1e-6
        })
      else { return }
      throw fault(data, bad, "likelihood=categorical wants multiples of 1/\(categories - 1) from 0 to 1")
    default: return
    }
  }

  private func fault(_ data: Dataset, _ index: Int, _ wish: String) -> ComponentError {
    ComponentError(
      option: "likelihood",
      "\(data.source): \(data.place(ofColumn: index % data.dimension)) of a datum is \(data.values[index]); \(wish)")
  }
}
