package import GradientEstimation
internal import Optimization
internal import Randomness

/// The cells of a spec, every combination checked.
package struct Plan: Sendable {
  package let cells: [Cell]
  /// Estimators that were left out, and why.
  package let notes: [String]
  /// Files that points and models were read from, with the SHA-256 of what they held.
  var inputs: [(path: String, digest: String)] = []

  /// The estimators that are compared in some cell, each once; in the order of the cell that has most.
  package var estimators: [any GradientEstimator] {
    var seen: Set<String> = []
    return cells.sorted { $0.entries.count > $1.entries.count }.flatMap(\.entries).filter {
      seen.insert($0.text).inserted
    }.map(\.estimator)
  }

  /// Builds the product and checks it; faults go to `reader`. Nil if there are any, of the reader's too: what could be
  /// read is checked all the same, so that all faults are reported at once.
  package static func make(_ spec: ExperimentSpec, _ reader: inout SpecReader) -> Plan? {
    var builder = PlanBuilder(
      spec: spec, source: reader.source, registry: reader.registry, faultyKeys: reader.faultyKeys)
    builder.build()
    builder.faults.forEach { reader.add($0) }
    guard reader.faults.isEmpty else { return nil }
    let plan = Plan(cells: builder.cells, notes: builder.notes, inputs: builder.resolver.inputs)
    do {
      try Experiment.checkStreams(plan, spec)
    } catch {
      reader.add(reader.source.fault("rng", line: spec.lines["rng"] ?? 0, "\(error)"))
      return nil
    }
    return plan
  }
}

private struct PlanBuilder {
  let spec: ExperimentSpec
  let source: SpecSource
  let registry: Registry
  /// Keys of the spec that could not be read whole: nothing is inferred from what is missing there.
  let faultyKeys: Set<String>
  var cells: [Cell] = []
  var notes: [String] = []
  var faults: [Fault] = []
  /// Estimators that some cell could use.
  private var used: Set<String> = []
  var resolver = PointResolver()
  /// Estimators whose minimum K exceeds a cell's, with what to say if no cell fits.
  private var tooFewSamples: [String: Fault] = [:]
  private var learning = LearningPlan()
  /// What `all` does not include, by reason.
  private var leftOut: [(reason: String, texts: [String])] = []

  init(spec: ExperimentSpec, source: SpecSource, registry: Registry, faultyKeys: Set<String>) {
    self.spec = spec
    self.source = source
    self.registry = registry
    self.faultyKeys = faultyKeys
  }

  mutating func build() {
    for generator in spec.generators where !generator.remark.isEmpty {
      note("generator '\(generator.name)': \(generator.remark)")
    }
    var modelsAreWhole = !spec.models.isEmpty
    for model in spec.models {
      let integrand: any Integrand
      do {
        integrand = try model.product.makeIntegrand()
        try resolver.add(filesOf: model.product)
      } catch {
        report(error, of: model)
        modelsAreWhole = false
        continue
      }
      if let message = misuse(of: integrand) {
        report(source.fault(model.path, line: model.line, "'\(model.text)' \(message)"))
        modelsAreWhole = false
        continue
      }
      for family in learning.families(for: integrand, spec, registry) {
        do {
          let made = try family.product.makeFamily(dimension: integrand.dimension)
          if let fault = mismatch(family, made, integrand) {
            report(fault)
          } else {
            build(model.text, integrand, family.text, made)
          }
        } catch {
          report(error, of: family)
        }
      }
    }
    if !modelsAreWhole { checkBlockNames() }
    for text in learning.notes(spec) { note(text) }
    for fault in learning.faults(spec, source) { report(fault) }
    for (reason, texts) in leftOut {
      note("\(texts.joined(separator: ", ")) \(texts.count == 1 ? "is" : "are") left out: \(reason)")
    }
    if faultyKeys.contains("samples") { return }
    for (text, fault) in tooFewSamples.sorted(by: { $0.key < $1.key }) where !used.contains(text) {
      if spec.comparesAll { note(fault.message) } else { faults.append(fault) }
    }
    for (text, _) in tooFewSamples.sorted(by: { $0.key < $1.key }) where used.contains(text) {
      note("\(text) is left out where samples are too few for it")
    }
    if faults.isEmpty, faultyKeys.isEmpty, cells.isEmpty {
      faults.append(
        source.fault(
          "estimators", line: spec.lines["estimators"] ?? 0, "no estimator fits: \(notes.joined(separator: "; "))"))
    }
  }

  /// What is wrong with a family of other draws than the model's.
  private func mismatch(
    _ family: Configured<any FamilySpecification>, _ made: any VariationalFamily, _ model: any Integrand
  ) -> Fault? {
    do {
      try Problem.checkSupport(of: made, for: model)
      return nil
    } catch {
      let ids = registry.families.entries.compactMap { entry -> String? in
        guard let other = try? entry.make([])?.makeFamily(dimension: model.dimension),
          (try? Problem.checkSupport(of: other, for: model)) != nil
        else { return nil }
        return entry.about.id
      }
      let advice = "these have such draws: \(ids.isEmpty ? "none" : ids.joined(separator: ", "))"
      return source.fault(family.path, line: family.line, "'\(family.text)': \(error); \(advice)")
    }
  }

  /// Why the kind of experiment has no use for the model, or nil.
  private func misuse(of model: any Integrand) -> String? {
    switch (spec.kind, model is any LocalLatentModel) {
    case (.elbo, true):
      "is of many data, each with a latent variable of its own: use kind 'training', or datum=n for one of them"
    default: nil
    }
  }

  /// Where the first run of a training of the model starts.
  private func start(
    _ model: any LocalLatentModel, _ network: any InferenceNetwork, _ modelText: String, _ familyText: String
  ) throws -> (parameters: [Double], model: any LocalLatentModel) {
    guard let generator = spec.generators.first else { return ([], model) }
    let key = Amortization.weightsKey(model: modelText, family: familyText, seed: spec.seed)
    return try Amortization.start(model, network, run: 1, key.streams(generator))
  }

  /// What a spec asks for that is not served where every datum has a λ of its own.
  private func unserved(_ amortization: Amortization?) -> Fault? {
    guard amortization != nil else { return nil }
    let asked: [(String, Bool)] = [
      ("norm", spec.norm != .euclidean), ("diagnostics", spec.diagnostics.parts),
      ("correlations", spec.diagnostics.correlations),
    ]
    guard let key = asked.first(where: \.1)?.0 else { return nil }
    return source.fault(
      key, line: spec.lines[key] ?? 0, "is for models of one λ; of this one every datum has its own: leave it out")
  }

  /// What can be said of points where there is no model to try them on.
  private mutating func checkBlockNames() {
    for family in spec.families {
      guard let family = try? family.product.makeFamily(dimension: 1) else { continue }
      for (point, path, line) in spec.points {
        guard case .values(let blocks) = point else { continue }
        do {
          for block in blocks { _ = try PointResolver.target(block, of: family) }
        } catch {
          report(source.fault(path, line: line, error.text))
        }
      }
    }
  }

  private mutating func build(
    _ modelText: String, _ model: any Integrand, _ familyText: String, _ family: any VariationalFamily
  ) {
    if spec.objectives.isEmpty, faultyKeys.contains("objective") { return }
    let standard: any Objective = model is any CostFunction ? Expectation() : EvidenceLowerBound()
    let objectives =
      spec.objectives.isEmpty
      ? [Configured(product: standard, text: canonicalText(standard), path: "objective", line: 0)] : spec.objectives
    for objective in objectives {
      for sampling in spec.samplings {
        let problem: Problem
        do {
          problem = try Problem(model: model, family: family, objective: objective.product, sampling: sampling.product)
        } catch {
          report(source.fault(objective.path, line: objective.line, "\(error)"))
          continue
        }
        var points: Set<String> = []
        for (point, path, line) in spec.points {
          var problem = problem, found: ResolvedPoint, amortization: Amortization?
          do {
            if spec.kind != .training, let local = model as? any LocalLatentModel {
              let network = local.inferenceNetwork(initial: family.initialParameters)
              let place = try resolver.resolve(
                point, local, network, modelText, start: try start(local, network, modelText, familyText),
                isModelAlone: spec.kind == .evaluation && !spec.evidence.takesFamily)
              found = place.point
              amortization = Amortization(model: place.model, network: network)
              problem = problem.with(model: place.model)
            } else {
              found = try resolver.resolve(point, of: problem, modelText, familyText, objective.text)
            }
          } catch let error as PointError {
            report(source.fault(path, line: line, error.text))
            continue
          } catch {
            report(source.fault(path, line: line, "\(error)"))
            continue
          }
          if let fault = unserved(amortization) {
            report(fault)
            continue
          }
          if !points.insert(found.text).inserted {
            report(source.fault(path, line: line, SpecReader.repeated("'\(found.text)'")))
            continue
          }
          if let text = found.note { note(text) }
          let weights: [Double]?
          do {
            weights = amortization == nil ? try spec.norm.weights(for: family, at: found.parameters) : nil
          } catch {
            report(source.fault("norm", line: spec.lines["norm"] ?? 0, "\(familyText): \(error)"))
            continue
          }
          if spec.diagnostics.correlations, problem.parameterCount > DiagnosticRequest.correlationLimit {
            report(
              source.fault(
                "correlations", line: spec.lines["correlations"] ?? 0,
                "\(problem.parameterCount) parameters exceed the limit of \(DiagnosticRequest.correlationLimit)"))
            continue
          }
          for samples in spec.samples {
            guard samples * model.dimension <= ExperimentSpec.Limit.elements else {
              report(
                source.fault(
                  "samples", line: spec.lines["samples"] ?? 0,
                  "\(samples) draws of dimension \(model.dimension) exceed the limit of \(ExperimentSpec.Limit.elements) numbers an estimate"
                ))
              continue
            }
            do {
              try sampling.product.check(samples: samples, dimension: problem.family.noiseDimension)
            } catch {
              report(source.fault(sampling.path, line: sampling.line, "\(error)"))
              continue
            }
            let exact =
              spec.kind == .evaluation
              ? nil
              : amortization.map { $0.exact(problem, found.parameters) }
                ?? problem.exact(at: found.parameters, samples: samples)
            let algorithms =
              spec.kind == .training
              ? learning.fitting(
                problem, modelText, family: [familyText, objective.text, sampling.text], samples: samples, spec) : []
            if spec.kind == .training, algorithms.isEmpty { continue }
            for k in spec.modelTraining.evidence.samples {
              _ = judges(spec.modelTraining.evidence, of: problem, samples: k)
            }
            let evidence = spec.kind == .evaluation ? judges(spec.evidence, of: problem, samples: samples) : []
            if spec.kind == .evaluation, evidence.isEmpty { continue }
            let takesEstimators =
              spec.kind != .evaluation && (spec.kind != .training || learning.takesEstimators(algorithms, spec))
            let entries = takesEstimators ? entries(for: problem, samples: samples) : []
            if takesEstimators, entries.isEmpty { continue }
            for generator in spec.generators {
              cells.append(
                Cell(
                  problem: problem, generator: generator, model: modelText, family: familyText,
                  objective: objective.text, sampling: sampling.text, point: found.text, samples: samples,
                  parameters: found.parameters, exact: exact, entries: entries, optimum: found.optimum,
                  greatest: spec.kind == .elbo
                    ? resolver.greatest(of: problem, modelText, familyText, objective.text) : nil,
                  normWeights: weights, amortization: amortization, algorithms: algorithms, evidence: evidence))
            }
          }
        }
      }
    }
  }

  /// The evidence estimators that can serve the problem; others are faults.
  private mutating func judges(_ request: EvidenceRequest, of problem: Problem, samples: Int) -> [Int] {
    request.estimators.indices.filter { index in
      let estimator = request.estimators[index]
      do throws(EstimatorError) {
        try estimator.product.check(problem, samples: samples)
        return true
      } catch {
        report(source.fault(estimator.path, line: estimator.line, "\(estimator.text) \(error)"))
        return false
      }
    }
  }

  private mutating func entries(for problem: Problem, samples: Int) -> [Entry] {
    var entries: [Entry] = []
    for configured in spec.estimators {
      let estimator = canonical(configured.product, problem), text = canonicalText(estimator)
      do {
        let requirements = try estimator.requirements(samples: samples, of: problem).counted(for: problem)
        guard samples >= requirements.minimumSamples else {
          tooFewSamples[text] = source.fault(
            configured.path, line: configured.line,
            "\(text) needs samples of at least \(requirements.minimumSamples), and is given \(samples)")
          continue
        }
        try problem.checkIndependence(for: requirements)
        try problem.checkMeanOfDraws(for: requirements)
        let evaluations = requirements.evaluations / problem.dataShare / Double(samples)
        if let most = spec.mostEvaluations, evaluations > most {
          leaveOut(text, "takes \(Int(evaluations)) evaluations a draw; name it to measure it")
          continue
        }
        if entries.contains(where: { $0.text == text }) {
          if !spec.comparesAll {
            let message = SpecReader.repeated("'\(configured.text)', which is '\(text)' here,")
            report(source.fault(configured.path, line: configured.line, message))
          }
          continue
        }
        used.insert(text)
        entries.append(Entry(estimator: estimator, text: text, requirements: requirements))
      } catch {
        if spec.comparesAll {
          leaveOut(text, error.description)
        } else {
          report(
            source.fault(
              configured.path, line: configured.line,
              "\(text) \(error); these work here: \(workingIDs(problem, samples))"))
        }
      }
    }
    return entries
  }

  /// Estimators with one reason share a line.
  private mutating func leaveOut(_ text: String, _ reason: String) {
    if let known = leftOut.firstIndex(where: { $0.reason == reason }) {
      if !leftOut[known].texts.contains(text) { leftOut[known].texts.append(text) }
    } else {
      leftOut.append((reason, [text]))
    }
  }

  /// Ids of the registered estimators that can serve `problem` with their default options.
  private func workingIDs(_ problem: Problem, _ samples: Int) -> String {
    let ids = registry.estimators.entries.compactMap { entry -> String? in
      guard let estimator = entry.make([]),
        let requirements = try? estimator.requirements(samples: samples, of: problem),
        samples >= requirements.minimumSamples, (try? problem.checkIndependence(for: requirements)) != nil,
        (try? problem.checkMeanOfDraws(for: requirements)) != nil
      else { return nil }
      return entry.about.id
    }
    return ids.isEmpty ? "none" : ids.joined(separator: ", ")
  }

  private func canonical(_ estimator: any GradientEstimator, _ problem: Problem) -> any GradientEstimator {
    func open<E: GradientEstimator>(_ estimator: E) -> any GradientEstimator { estimator.canonical(for: problem) }
    return open(estimator)
  }

  /// The same fault from several cells is one.
  private mutating func report(_ fault: Fault) {
    if !faults.contains(fault) { faults.append(fault) }
  }

  private mutating func report<Product>(_ error: ComponentError, of item: Configured<Product>) {
    let optionPath = error.option.map { "\(item.path).options.\($0)" } ?? item.path
    let subject = source.isCommandLine ? error.option.map { "option '\($0)': " } ?? "" : ""
    let line = error.option.flatMap { item.optionLines[$0] } ?? item.line
    report(source.fault(optionPath, line: line, subject + error.description))
  }

  private mutating func note(_ text: String) { if !notes.contains(text) { notes.append(text) } }
}
