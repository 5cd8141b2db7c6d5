internal import CKernels
public import GradientEstimation
internal import Randomness

/// The conjugate Dirichlet-multinomial model
///
///     z ~ Dirichlet(concentration, …, concentration),   x | z ~ Multinomial(N, z)
///
/// - Options: `categories` D; `concentration`; `counts`, D whole numbers, or else N = `count` data made with `seed`: z from the
///   prior, and then x.
/// - Exact: everything. With family `dirichlet`, posterior Dirichlet(concentration + x), and
///   ∂ELBO/∂α_i = (concentration − α_i + x_i) ψ₁(α_i) − (Σ(concentration + x) − Σα) ψ₁(Σα).
/// - Cost: O(D) an evaluation.
/// - Reference: the example of Naesseth et al. (2017), section 5.1, has D = N = 100.
public struct DirichletMultinomial: LatentModel, DifferentiableModel, LogPolynomialModel {
  public var categories = 3
  public var concentration = 1.0
  public var countsText = ""
  public var count = 10
  public var seed = 1

  private var dirichlet = Dirichlet(concentration: [1, 1])
  private var posterior = Dirichlet(concentration: [1, 1])
  private var multinomial = LogPolynomial(dimension: 2)

  public init() {}

  public var dimension: Int { multinomial.dimension }
  public var support: Support { .simplex }
  public var prior: (any Prior)? { dirichlet }
  public var namedDistributions: [String: any Prior] { ["prior": dirichlet, "posterior": posterior] }
  /// x
  public var data: [Double] { multinomial.logarithm }

  /// log p(x) = log p(z) + log p(x | z) − log p(z | x), at any z: of each its constant.
  public var logEvidence: Double? {
    func sum(_ f: LogPolynomial) -> Double { f.constant.reduce(0, +) }
    return sum(dirichlet.logDensity) + sum(multinomial) - sum(posterior.logDensity)
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    dirichlet.logDensity.store(.prior, needed, at: draws, into: &evaluation)
    multinomial.store(.likelihood, needed, at: draws, into: &evaluation)
  }

  public func logPolynomial(of term: Term) -> LogPolynomial? {
    switch term {
    case .prior: dirichlet.logDensity
    case .likelihood: multinomial
    default: nil
    }
  }
}

extension DirichletMultinomial: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "dirichlet-multinomial",
    summary: "counts of categories with Dirichlet probabilities, conjugate, everything exact",
    equation: "z ~ Dirichlet(concentration 1_D),  x | z ~ Multinomial(N, z)",
    notes: [
      Note("Exact", "ELBO and gradient under family dirichlet, evidence, posterior; points prior and posterior."),
      Note("Support", "the simplex: family dirichlet."),
      Note("Serves", "values and gradients of prior and likelihood; neither factorises on the simplex."),
    ],
    references: [Reference("naesseth2017", "section 5.1")],
    options: [
      .integer("categories", \.categories, in: 2...100_000, "D"),
      .real("concentration", \.concentration, in: RealBounds(lower: 1e-3, upper: 1e6), "of every category a priori"),
      .text("counts", \.countsText, "the data, D whole numbers such as 3x0x7; empty: made by count and seed"),
      .integer("count", \.count, in: 1...1_000_000, "N, the number of data that are made"),
      .integer("seed", \.seed, in: 1...1_000_000_000, "of the data that are made"),
    ],
    examples: [Example(options: ["counts": "6x1x3"])])

  public func check() throws(ComponentError) {
    let plain = Self()
    guard !countsText.isEmpty else { return }
    for (name, isSet) in [("count", count != plain.count), ("seed", seed != plain.seed)] where isSet {
      throw ComponentError(option: name, "has no effect with counts: the data are given")
    }
  }

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let x = try countsText.isEmpty ? made() : read()
    let prior = Array(repeating: concentration, count: categories)
    var model = self
    model.dirichlet = Dirichlet(concentration: prior)
    model.posterior = Dirichlet(concentration: zip(prior, x).map { $0 + $1 })
    var constant = x.map { -wb_log_gamma($0 + 1) }
    constant[0] += wb_log_gamma(x.reduce(0, +) + 1)
    model.multinomial = LogPolynomial(dimension: categories, constant: constant, logarithm: x)
    return model
  }

  private func read() throws(ComponentError) -> [Double] {
    let numbers = countsText.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    let known = numbers.compactMap { $0 }.filter { (0...1_000_000_000).contains($0) }
    guard known.count == numbers.count else {
      throw ComponentError(option: "counts", "'\(countsText)' is no list of whole numbers such as 3x0x7")
    }
    guard known.count == categories else {
      throw ComponentError(option: "counts", "holds \(known.count) numbers for \(categories) categories")
    }
    return known.map(Double.init)
  }

  /// z by normalised gammas, and then N categories by their distribution function.
  private func made() throws(ComponentError) -> [Double] {
    guard let generator = Generator.named(Generator.standardName) else {
      throw ComponentError(option: "seed", "needs generator '\(Generator.standardName)', which this GSL lacks")
    }
    do {
      var random = try RandomStream(generator, index: UInt(seed))
      var weights = [Double](repeating: 0, count: categories), uniforms = [Double](repeating: 0, count: count)
      var span = weights.mutableSpan
      random.fillGammas(&span, in: 0..<categories, shape: concentration)
      span = uniforms.mutableSpan
      random.fillOpenUniforms(&span)
      let sum = weights.reduce(0, +)
      var x = [Double](repeating: 0, count: categories)
      for u in uniforms {
        var rest = u * sum, i = 0
        while i < categories - 1, rest >= weights[i] {
          rest -= weights[i]
          i += 1
        }
        x[i] += 1
      }
      return x
    } catch {
      throw ComponentError(option: "seed", "\(error)")
    }
  }
}
