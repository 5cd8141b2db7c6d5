internal import GradientEstimation
internal import Randomness

/// The JSON Schema of a spec (draft 2020-12), made from the registry: what an editor completes and checks from.
package enum SpecSchema {
  package static func text(_ registry: Registry) -> String {
    let document: JSONOutput = .object([
      (key: "$schema", value: "https://json-schema.org/draft/2020-12/schema"),
      (key: "title", value: "A workbench experiment"),
      (key: "type", value: "object"),
      (key: "additionalProperties", value: false),
      (key: "required", value: ["name", "kind", "estimators"]),
      (
        key: "properties",
        value: .object(
          [
            property("$schema", "where this schema is", ["type": "string"]),
            property(
              "name", "names the directory of the results",
              ["type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$"]),
            property(
              "kind",
              "what is measured: gradients at points, the ELBO along optimizations, bounds along the training of a model, or log p(x)",
              ["enum": .array(ExperimentKind.allCases.map { .string($0.rawValue) })]),
            property("question", "the one question that the experiment answers", ["type": "string"]),
            property(
              "references", "BibTeX keys of the works it belongs to",
              ["type": "array", "items": ["type": "string"]]),
            property(
              "seed", "from 0 to 2^64 - 1",
              .object([
                (key: "type", value: "integer"), (key: "minimum", value: 0), (key: "maximum", value: .unsigned(.max)),
                (key: "default", value: 1),
              ])),
            property(
              "rng", "generator of GSL's, or several",
              oneOrMore(["enum": .array(Generator.all.map { .string($0.name) })], default: "mt19937")),
            property("model", "model or cost function", oneOrMore(components(registry.models), default: "gaussian")),
            property(
              "family", "variational family", oneOrMore(components(registry.families), default: "mean-field-normal")),
            property(
              "objective", "what the gradient is of; by default elbo, or expectation for a cost function",
              oneOrMore(components(registry.objectives), default: nil)),
            property("sampling", "how draws are made", oneOrMore(components(registry.samplings), default: "iid")),
            property(
              "at", "where the gradient is taken, or the optimization starts", oneOrMore(point, default: "initial")),
            property(
              "samples", "K, draws an estimate or a step", oneOrMore(integer(ExperimentSpec.Limit.samples), default: 1)),
            property(
              "replicates", "R, estimates measured; auto: until every interval is as narrow as relative_error says",
              [
                "anyOf": [integer(ExperimentSpec.Limit.replicates), ["enum": ["auto"]]],
                "default": .integer(ExperimentSpec().replicates),
              ]),
            property(
              "relative_error", "half-width of the 95 % interval by variance, wished where replicates are auto",
              .object(
                number(ExperimentSpec.Limit.relativeError)
                  + [(key: "default", value: .number(ExperimentSpec.Automatic.relativeError))])),
            property(
              "max_replicates", "the most that a cell takes where replicates are auto",
              integer(ExperimentSpec.Limit.replicates, default: ExperimentSpec.Automatic.maximum)),
            property(
              "norm", "variances are traces of the covariance: as it is, or times the inverse Fisher information",
              ["enum": .array(GradientNorm.allCases.map { .string($0.rawValue) }), "default": "euclidean"]),
            property(
              "diagnostics", "measure headroom, and the shares of minibatches and draws, too",
              ["type": "boolean", "default": false]),
            property(
              "correlations", "write the gradient's correlation matrix and leading eigenvalues, too",
              ["type": "boolean", "default": false]),
          ] + training(registry) + [
            property(
              "estimators", "what is compared; of kind evaluation, estimators of log p(x)",
              .object([
                (key: "type", value: "array"), (key: "minItems", value: 1), (key: "uniqueItems", value: true),
                (
                  key: "items",
                  value: ["anyOf": [components(registry.estimators), components(registry.evidence)]]
                ),
              ]))
          ])
      ),
      (
        key: "allOf",
        value: .array(
          ExperimentKind.allCases.map { kind in
            let own = SpecReader.keys(kind)
            var seen: Set<String> = []
            let others = ExperimentKind.allCases.flatMap(SpecReader.keys).filter {
              !own.contains($0) && seen.insert($0).inserted
            }
            return .object([
              (key: "if", value: ["properties": ["kind": ["const": .string(kind.rawValue)]]]),
              (key: "then", value: ["properties": .object(others.map { (key: $0, value: false) })]),
            ])
          })
      ),
      (key: "dependentSchemas", value: ["relative_error": isAutomatic, "max_replicates": isAutomatic]),
    ])
    return document.serialized() + "\n"
  }

  private static let isAutomatic: JSONOutput = [
    "required": ["replicates"], "properties": ["replicates": ["const": "auto"]],
  ]

  /// What kind `elbo` adds.
  private static func training(_ registry: Registry) -> [(key: String, value: JSONOutput)] {
    typealias Limit = TrainingSpec.Limit
    let standard = TrainingSpec(), positive: JSONOutput = ["type": "number", "exclusiveMinimum": 0]
    let every = integer(Limit.steps)
    let evaluation = object([
      property("every", "steps between evaluations; by default a fiftieth of the run", every),
      property(
        "draws", "fresh draws of an evaluation", integer(Limit.evaluationDraws, default: standard.evaluationDraws)),
    ])
    return [
      property(
        "algorithm", "of kind training: what learns", oneOrMore(components(registry.algorithms), default: "aevb")),
      property(
        "optimizer", "how steps are made of gradients", oneOrMore(components(registry.optimizers), default: "adam")),
      property(
        "learning_rate", "step sizes at the start, each tried with every estimator and optimizer",
        oneOrMore(positive, default: nil)),
      property("steps", "T, steps of a run", integer(Limit.steps, default: standard.steps)),
      property(
        "epochs", "of kind training: passes over the data",
        integer(ModelTrainingSpec.Limit.epochs, default: ModelTrainingSpec().epochs)),
      property(
        "runs", "runs of each curve, with numbers of their own; of kind training 1 by default",
        integer(Limit.runs, default: standard.runs)),
      property(
        "evaluate", "when the bound is evaluated; of kind training every so many epochs, with so many draws a datum",
        ["anyOf": [every, evaluation]]),
      property("evidence", "of kind training: estimates of log p(x) along the way", evidence(registry)),
      property(
        "data", "of kind evaluation: the first so many data of each part; of a model of one z so many repetitions",
        integer(EvidenceRequest.Limit.data, default: EvidenceRequest().data)),
      property("outputs", "of kind training: what is written for pictures, of the first run", outputs),
      property(
        "save_parameters", "steps (of kind training epochs) whose parameters are written to parameters.csv",
        oneOrMore(integer(Limit.savedStep), default: nil)),
      property(
        "stop", "end a run where the bound no longer changes",
        object(
          [
            property(
              "relative_change", "the part of the bound that counts as no change, its uncertainty included", positive),
            property("window", "evaluations that the change is between", integer(Limit.window, default: 5)),
          ], required: ["relative_change"])),
    ]
  }

  private static func evidence(_ registry: Registry) -> JSONOutput {
    let standard = EvidenceRequest()
    return object(
      [
        property("estimators", "of log p(x)", oneOrMore(components(registry.evidence), default: nil)),
        property(
          "samples", "K, draws or chains of an estimate",
          oneOrMore(integer(ExperimentSpec.Limit.samples), default: .integer(standard.samples[0]))),
        property(
          "data", "the first so many of each part; of a model of one z so many repetitions",
          integer(EvidenceRequest.Limit.data, default: standard.data)),
        property(
          "epochs", "after which; by default the last",
          oneOrMore(integer(ModelTrainingSpec.Limit.savedEpoch), default: nil)),
      ], required: ["estimators"])
  }

  private static var outputs: JSONOutput {
    let standard = ModelTrainingSpec().outputs, limit = ModelTrainingSpec.Limit.count
    return object([
      property(
        "epochs", "after which; by default the last, and after none where the list is empty",
        oneOrMore(integer(ModelTrainingSpec.Limit.savedEpoch), default: nil, least: 0)),
      property(
        "manifold", "points a side of the decoder's grid over two latents", integer(limit, default: standard.manifold)),
      property("reconstruction", "test data that are reconstructed", integer(limit, default: standard.reconstruction)),
      property("samples", "draws of p(x)", integer(limit, default: standard.samples)),
      property(
        "imputation", "test data whose second half is filled in", integer(limit, default: standard.imputation)),
    ])
  }

  private static func object(
    _ properties: [(key: String, value: JSONOutput)], required: [String] = []
  ) -> JSONOutput {
    .object(
      [(key: "type", value: "object"), (key: "additionalProperties", value: false)]
        + (required.isEmpty ? [] : [(key: "required", value: .array(required.map { .string($0) }))])
        + [(key: "properties", value: .object(properties))])
  }

  private static func property(_ name: String, _ summary: String, _ schema: JSONOutput) -> (
    key: String, value: JSONOutput
  ) {
    guard case .object(let members) = schema else { return (name, schema) }
    return (name, .object([(key: "description", value: .string(summary))] + members))
  }

  private static func oneOrMore(_ schema: JSONOutput, default standard: JSONOutput?, least: Int = 1) -> JSONOutput {
    let list: JSONOutput = .object([
      (key: "type", value: "array"), (key: "minItems", value: .integer(least)), (key: "uniqueItems", value: true),
      (key: "items", value: schema),
    ])
    return .object(
      [(key: "anyOf", value: .array([schema, list]))] + (standard.map { [(key: "default", value: $0)] } ?? []))
  }

  private static func integer(_ range: ClosedRange<Int>, default standard: Int? = nil) -> JSONOutput {
    .object(
      [
        (key: "type", value: "integer"), (key: "minimum", value: .integer(range.lowerBound)),
        (key: "maximum", value: .integer(range.upperBound)),
      ] + (standard.map { [(key: "default", value: .integer($0))] } ?? []))
  }

  private static var point: JSONOutput {
    .object([
      (
        key: "anyOf",
        value: .array([
          .object([
            (key: "type", value: "string"),
            (key: "description", value: "initial, optimum, or a distribution that the model names: prior, posterior"),
            (
              key: "examples",
              value: [
                "initial", "optimum", "prior", "posterior", "mean=0.5,log_scale=-1", "file=parameters.csv,step=100",
              ]
            ),
          ]),
          object(
            [
              property("file", "parameters.csv of an elbo experiment, from the working directory", ["type": "string"])
            ]
              + SavedPoint.selectors.map { key in
                property(key, "which \(key), where the file holds several", ["type": ["string", "integer"]])
              } + [
                property("step", "by default the last", oneOrMore(integer(TrainingSpec.Limit.savedStep), default: nil))
              ],
            required: ["file"]),
          .object([
            (key: "type", value: "object"), (key: "minProperties", value: 1),
            (key: "not", value: ["required": ["file"]]),
            (key: "description", value: "values of the family's blocks: one for all coordinates, or one each"),
            (
              key: "additionalProperties",
              value: ["anyOf": [["type": "number"], ["type": "array", "minItems": 1, "items": ["type": "number"]]]]
            ),
          ]),
        ])
      )
    ])
  }

  /// An id, or an object with the options of its component.
  private static func components<Product>(_ table: ComponentTable<Product>) -> JSONOutput {
    let ids: JSONOutput = .object([(key: "enum", value: .array(table.names.map { .string($0) }))])
    let objects = table.entries.flatMap { entry in
      ([Alias(entry.about.id)] + entry.about.aliases).map { alias -> JSONOutput in
        let options = entry.about.options.filter { alias.options[$0.name] == nil }
        return .object([
          (key: "type", value: "object"), (key: "description", value: .string(entry.about.summary)),
          (key: "additionalProperties", value: false), (key: "required", value: ["id"]),
          (
            key: "properties",
            value: .object([
              (key: "id", value: .object([(key: "const", value: .string(alias.id))])),
              (
                key: "options",
                value: .object([
                  (key: "type", value: "object"), (key: "additionalProperties", value: false),
                  (key: "properties", value: .object(options.map(option))),
                ])
              ),
            ])
          ),
        ])
      }
    }
    return .object([(key: "anyOf", value: .array([ids] + objects))])
  }

  private static func option(_ option: ComponentDescription.OptionDescription) -> (key: String, value: JSONOutput) {
    var members: [(key: String, value: JSONOutput)] = [(key: "description", value: .string(option.summary))]
    switch option.kind {
    case .flag: members.append((key: "type", value: "boolean"))
    case .integer(let range):
      members += [
        (key: "type", value: "integer"), (key: "minimum", value: .integer(range.lowerBound)),
        (key: "maximum", value: .integer(range.upperBound)),
      ]
    case .optionalInteger(let range):
      members.append((key: "anyOf", value: .array([integer(range), ["enum": ["none"]], ["type": "null"]])))
    case .real(let bounds): members += number(bounds)
    case .reals(let bounds):
      let one = JSONOutput.object(number(bounds))
      let list: JSONOutput = .object([
        (key: "type", value: "array"), (key: "minItems", value: 1), (key: "items", value: one),
      ])
      members.append((key: "anyOf", value: .array([one, list])))
    case .choice(let names): members.append((key: "enum", value: .array(names.map { .string($0) })))
    case .text: members.append((key: "type", value: "string"))
    case .sizes:
      let one = integer(1...1_000_000)
      members.append(
        (key: "anyOf", value: [["type": "string"], one, ["type": "array", "minItems": 1, "items": one]]))
    }
    members.append((key: "default", value: JSONOutput(option.defaultValue)))
    return (option.name, .object(members))
  }

  private static func number(_ bounds: RealBounds) -> [(key: String, value: JSONOutput)] {
    [(key: "type", value: "number")]
      + (bounds.lower.map { [(key: bounds.excludesLower ? "exclusiveMinimum" : "minimum", value: .number($0))] } ?? [])
      + (bounds.upper.map { [(key: "maximum", value: .number($0))] } ?? [])
  }
}
