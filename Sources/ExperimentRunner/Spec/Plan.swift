package import GradientEstimation
internal import Optimization
package import Randomness

/// One estimator of a cell.
package struct Entry: Sendable {
  package let estimator: any GradientEstimator
  package let text: String
  package let requirements: Requirements

  /// evaluations + 2 × gradient evaluations, of one estimate.
  package var cost: Double { requirements.evaluations + 2 * requirements.gradientEvaluations }
}

/// One model × family × objective × sampling × point × K under one generator: what is compared on the same draws.
package struct Cell: Sendable {
  package let problem: Problem
  package let generator: Generator
  package let model, family, objective, sampling, point: String
  package let samples: Int
  /// λ, `[P]`.
  package let parameters: [Double]
  /// What is known exactly at λ.
  package let exact: ExactExpectation?
  package let entries: [Entry]

  /// What its streams are named after.
  package var text: String {
    [model, family, objective, sampling, "at=\(point)", "samples=\(samples)"].joined(separator: " ")
  }
}

/// The cells of a spec, every combination checked.
package struct Plan: Sendable {
  package let cells: [Cell]
  /// Estimators that were left out, and why.
  package let notes: [String]

  /// Builds the product and checks it; faults go to `reader`. Nil if there are any.
  package static func make(_ spec: ExperimentSpec, _ reader: inout SpecReader) -> Plan? {
    guard reader.faults.isEmpty else { return nil }
    var builder = PlanBuilder(spec: spec, source: reader.source, registry: reader.registry)
    builder.build()
    builder.faults.forEach { reader.add($0) }
    return builder.faults.isEmpty ? Plan(cells: builder.cells, notes: builder.notes) : nil
  }
}

private struct PlanBuilder {
  let spec: ExperimentSpec
  let source: SpecSource
  let registry: Registry
  var cells: [Cell] = []
  var notes: [String] = []
  var faults: [Fault] = []
  /// Estimators that some cell could use.
  private var used: Set<String> = []
  /// Estimators whose minimum K exceeds a cell's, with what to say if no cell fits.
  private var tooFewSamples: [String: Fault] = [:]

  init(spec: ExperimentSpec, source: SpecSource, registry: Registry) {
    self.spec = spec
    self.source = source
    self.registry = registry
  }

  mutating func build() {
    for generator in spec.generators where !generator.remark.isEmpty {
      note("generator '\(generator.name)': \(generator.remark)")
    }
    for model in spec.models {
      let integrand: any Integrand
      do {
        integrand = try model.product.makeIntegrand()
      } catch {
        report(error, of: model.path, model.line)
        continue
      }
      for family in spec.families {
        do {
          try build(model.text, integrand, family.text, family.product.makeFamily(dimension: integrand.dimension))
        } catch {
          report(error, of: family.path, family.line)
        }
      }
    }
    for (text, fault) in tooFewSamples.sorted(by: { $0.key < $1.key }) where !used.contains(text) {
      if spec.comparesAll { note(fault.message) } else { faults.append(fault) }
    }
    for (text, _) in tooFewSamples.sorted(by: { $0.key < $1.key }) where used.contains(text) {
      note("\(text) is left out where samples are too few for it")
    }
    if faults.isEmpty, cells.allSatisfy(\.entries.isEmpty) {
      faults.append(source.fault("estimators", line: 0, "no estimator fits: \(notes.joined(separator: "; "))"))
    }
  }

  private mutating func build(
    _ modelText: String, _ model: any Integrand, _ familyText: String, _ family: any VariationalFamily
  ) {
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
          faults.append(source.fault(objective.path, line: objective.line, "\(error)"))
          continue
        }
        for (point, path, line) in spec.points {
          let parameters: [Double]
          do {
            parameters = try resolve(point, problem, modelText)
          } catch {
            faults.append(source.fault(path, line: line, error.text))
            continue
          }
          let exact = problem.exact(at: parameters)
          for samples in spec.samples {
            guard samples * model.dimension <= ExperimentSpec.Limit.elements else {
              faults.append(
                source.fault("samples", line: 0, "\(samples) draws of dimension \(model.dimension) exceed the limit of \(ExperimentSpec.Limit.elements) numbers an estimate"))
              continue
            }
            let entries = entries(for: problem, samples: samples)
            for generator in spec.generators {
              cells.append(
                Cell(
                  problem: problem, generator: generator, model: modelText, family: familyText,
                  objective: objective.text, sampling: sampling.text, point: point.text, samples: samples,
                  parameters: parameters, exact: exact, entries: entries))
            }
          }
        }
      }
    }
  }

  private mutating func entries(for problem: Problem, samples: Int) -> [Entry] {
    var entries: [Entry] = []
    for configured in spec.estimators {
      let estimator = canonical(configured.product, problem), text = canonicalText(estimator)
      do {
        let requirements = try estimator.requirements(samples: samples, of: problem)
        guard samples >= requirements.minimumSamples else {
          tooFewSamples[text] = source.fault(
            configured.path, line: configured.line,
            "\(text) needs samples of at least \(requirements.minimumSamples), and is given \(samples)")
          continue
        }
        if requirements.needsIndependentDraws, !problem.sampling.drawsAreIndependent {
          throw EstimatorError("needs independent draws")
        }
        if entries.contains(where: { $0.text == text }) {
          if !spec.comparesAll {
            let message = "'\(configured.text)' is '\(text)' here: two spellings of one thing"
            report(source.fault(configured.path, line: configured.line, message))
          }
          continue
        }
        used.insert(text)
        entries.append(Entry(estimator: estimator, text: text, requirements: requirements))
      } catch {
        if spec.comparesAll {
          note("\(text) is left out: \(error)")
        } else {
          report(
            source.fault(
              configured.path, line: configured.line, "\(text) \(error); these work here: \(workingIDs(problem, samples))"))
        }
      }
    }
    return entries
  }

  /// Ids of the registered estimators that can serve `problem` with their default options.
  private func workingIDs(_ problem: Problem, _ samples: Int) -> String {
    let ids = registry.estimators.entries.compactMap { entry -> String? in
      guard let estimator = entry.make([]), (try? estimator.requirements(samples: samples, of: problem)) != nil
      else { return nil }
      return entry.about.id
    }
    return ids.isEmpty ? "none" : ids.joined(separator: ", ")
  }

  private struct PointError: Error { let text: String }

  private func resolve(_ point: Point, _ problem: Problem, _ model: String) throws(PointError) -> [Double] {
    let family = problem.family
    switch point {
    case .initial: return family.initialParameters
    case .optimum:
      guard problem.terms.contains(.entropy), problem.exact(at: family.initialParameters) != nil else {
        throw PointError(text: "the optimum is found where the exact ELBO is known, which it is not for '\(model)'")
      }
      let found = DeterministicMaximizer.maximize(from: family.initialParameters) { parameters in
        problem.exact(at: parameters).map { ($0.value, $0.gradient) }
      }
      guard let found else { throw PointError(text: "no optimum of the ELBO was found from the initial point") }
      return found.parameters
    case .named(let name):
      let offered = (problem.model as? any LatentModel)?.namedDistributions ?? [:]
      guard let distribution = offered[name] else {
        let names = ["initial", "optimum"] + offered.keys.sorted()
        let hint = nearestName(to: name, among: names).map { "; did you mean '\($0)'?" } ?? "; '\(model)' has \(names.joined(separator: ", "))"
        throw PointError(text: "unknown point '\(name)'\(hint)")
      }
      guard let parameters = family.parameters(of: distribution) else {
        throw PointError(text: "the family has no member that is the \(name)")
      }
      return parameters
    case .values(let blocks):
      var parameters = family.initialParameters
      for (index, block) in blocks.enumerated() {
        if blocks[..<index].contains(where: { $0.name == block.name }) {
          throw PointError(text: "block '\(block.name)' is given twice")
        }
        guard let target = family.parameterBlocks.first(where: { $0.name == block.name }) else {
          let names = family.parameterBlocks.map(\.name)
          let hint = nearestName(to: block.name, among: names).map { "; did you mean '\($0)'?" } ?? ""
          throw PointError(text: "unknown block '\(block.name)'; the family has \(names.joined(separator: ", "))\(hint)")
        }
        guard block.values.count == 1 || block.values.count == target.range.count else {
          throw PointError(
            text: "block '\(block.name)' has \(target.range.count) coordinates, and is given \(block.values.count) numbers")
        }
        for (offset, p) in target.range.enumerated() {
          parameters[p] = block.values[block.values.count == 1 ? 0 : offset]
        }
      }
      return parameters
    }
  }

  private func canonical(_ estimator: any GradientEstimator, _ problem: Problem) -> any GradientEstimator {
    func open<E: GradientEstimator>(_ estimator: E) -> any GradientEstimator { estimator.canonical(for: problem) }
    return open(estimator)
  }

  /// The same fault from several cells is one.
  private mutating func report(_ fault: Fault) {
    if !faults.contains(fault) { faults.append(fault) }
  }

  private mutating func report(_ error: ComponentError, of path: String, _ line: Int) {
    let optionPath = error.option.map { "\(path).options.\($0)" } ?? path
    let subject = source == .commandLine ? error.option.map { "option '\($0)' " } ?? "" : ""
    report(source.fault(optionPath, line: line, subject + error.description))
  }

  private mutating func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }
}
