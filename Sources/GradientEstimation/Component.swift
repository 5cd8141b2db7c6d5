/// Something that a spec names: an estimator, a model, a family, an objective, a sampling scheme.
///
/// A component is a value, and the value is its configuration. Options are declared once, as data, in `descriptor`:
/// the command line, JSON, the schema, `describe`, canonical text and error messages all come from there.
public protocol Component: Hashable, Sendable {
  static var descriptor: Descriptor<Self> { get }
  /// The defaults.
  init()
  /// Whether the options agree with each other. The default finds nothing wrong.
  ///
  /// - Throws: `ComponentError` naming the option that contradicts another, or has no effect beside it.
  func check() throws(ComponentError)
}

extension Component {
  public func check() throws(ComponentError) {}
}

/// What there is to say about a component.
public struct Descriptor<C: Component>: Sendable {
  /// kebab-case
  public let id: String
  /// One line.
  public let summary: String
  /// What it computes, in plain-text mathematics.
  public let equation: String
  /// Further paragraphs for `describe`: what it requires, its bias, its cost, when to use it.
  public let notes: [Note]
  /// BibTeX keys, with the place in the work: `kingma2014`, equation (6).
  public let references: [Reference]
  /// In the order of canonical text.
  public let options: [Option<C>]
  public let aliases: [Alias]
  /// Configurations that `--estimator all` compares beside the defaults, each as option texts.
  public let variants: [[String: String]]
  /// Where it is checked; see `Example`.
  public let examples: [Example]

  public init(
    id: String, summary: String, equation: String = "", notes: [Note] = [], references: [Reference] = [],
    options: [Option<C>] = [], aliases: [Alias] = [], variants: [[String: String]] = [], examples: [Example] = []
  ) {
    self.id = id
    self.summary = summary
    self.equation = equation
    self.notes = notes
    self.references = references
    self.options = options
    self.aliases = aliases
    self.variants = variants
    self.examples = examples
  }
}

/// A configuration that a component is checked in by `EstimatorConformance`, and for models and families where in λ.
///
/// Give one for each way of working: a model with minibatches and one without, small enough that many replicates are
/// cheap. A component without examples is checked with its defaults. Choices and flags of estimators, families,
/// objectives and sampling schemes are gone through in any case.
public struct Example: Hashable, Sendable {
  /// Option texts by name.
  public let options: [String: String]
  /// Distributions q at which the model's gradient is far from zero and its integrand has light tails, so that a small
  /// bias shows: at least two, different in mean and scale. Every family that has such members is checked there.
  public let normals: [NormalPoint]
  /// Points as `--at` takes them, such as `logit=0.3`; left out where family or model do not know them.
  public let points: [String]
  /// Of an objective, ids of the models that it is checked on where neither is named; empty: all. Of a family, ids of models that show what it is, since a run costs models × families × schemes: where no model and no
  /// scheme is named, it is checked under schemes other than independent draws on the first of them alone. Empty: on all.
  public let models: [String]
  /// Of a model, ids of the families that it is checked under where neither is named, of one that costs much; empty: all
  /// that fit.
  public let families: [String]

  public init(
    options: [String: String] = [:], normals: [NormalPoint] = [], points: [String] = [], models: [String] = [],
    families: [String] = []
  ) {
    self.options = options
    self.normals = normals
    self.points = points
    self.models = models
    self.families = families
  }
}

/// q = N(mean, scale²) in every coordinate; or the coordinates take turns with the numbers of a list.
public struct NormalPoint: Hashable, Sendable {
  public let mean: [Double]
  public let scale: [Double]

  public init(mean: [Double], scale: [Double]) {
    precondition(!mean.isEmpty && !scale.isEmpty && scale.allSatisfy { $0 > 0 }, "NormalPoint: scales must be positive")
    self.mean = mean
    self.scale = scale
  }

  public init(mean: Double, scale: Double) { self.init(mean: [mean], scale: [scale]) }

  /// The distribution in so many coordinates.
  public func distribution(dimension: Int) -> DiagonalNormal {
    DiagonalNormal(
      mean: (0..<dimension).map { mean[$0 % mean.count] }, scale: (0..<dimension).map { scale[$0 % scale.count] })
  }
}

/// A titled paragraph of a description.
public struct Note: Hashable, Sendable {
  public let title: String
  public let text: String
  public init(_ title: String, _ text: String) {
    self.title = title
    self.text = text
  }
}

/// A work and the place in it.
public struct Reference: Hashable, Sendable {
  /// Key in References.bib.
  public let key: String
  /// Such as `equation (6)`; may be empty.
  public let place: String
  public init(_ key: String, _ place: String = "") {
    self.key = key
    self.place = place
  }
}

/// Another name for a component with some options set.
public struct Alias: Hashable, Sendable {
  public let id: String
  /// Option texts by name.
  public let options: [String: String]
  /// Whether canonical text uses this name wherever the options agree.
  public let isCanonical: Bool

  public init(_ id: String, options: [String: String] = [:], isCanonical: Bool = false) {
    self.id = id
    self.options = options
    self.isCanonical = isCanonical
  }
}

/// A component that makes the integrand a spec asks for: it may read files and check its options against each other.
public protocol IntegrandSpecification: Component {
  /// - Throws: `ComponentError`, which names the option or the file that is wrong.
  func makeIntegrand() throws(ComponentError) -> any Integrand
  /// The paths of the files that `makeIntegrand` reads, for the record of what results were made of; none by default.
  var inputFiles: [String] { get }
}

extension IntegrandSpecification {
  public var inputFiles: [String] { [] }
}

/// A component that makes the variational family for a model of some dimension.
public protocol FamilySpecification: Component {
  func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily
}

/// What is wrong with a component's options or with a file that they name, in one line.
public struct ComponentError: Error, Hashable, CustomStringConvertible {
  /// The option at fault, or nil.
  public let option: String?
  public let description: String
  public init(option: String? = nil, _ description: String) {
    self.option = option
    self.description = description
  }
}
