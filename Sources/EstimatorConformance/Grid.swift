internal import ExperimentRunner
internal import GradientEstimation
internal import Randomness

/// Every combination of a selection that fits together, and the cells that each is measured in.
struct Grid {
  private(set) var problems: [GridProblem] = []
  /// What is said of models and families that do not go together.
  private(set) var orphans: [Outcome] = []
  private let registry: Registry
  private let selection: Selection
  /// The first family of each model, and the first model of each family.
  private var firstFamily: [String: String] = [:]
  private var firstModel: [String: String] = [:]

  /// Numbers of draws: where K is 1, 2 and 4 an error that depends on K shows, and pairs fit.
  static let draws = (fewest: 1, some: 2, many: 4)

  /// The most evaluations of the model a draw of what is measured: methods that take several for each parameter are checked on
  /// models of few.
  static let mostEvaluations = 16.0

  init(_ registry: Registry, _ selection: Selection, seed: UInt64) throws(ConformanceError) {
    self.registry = registry
    self.selection = selection
    for model in selection.models { try add(model, seed) }
    guard !problems.isEmpty || orphans.contains(where: \.isFailed) else {
      throw ConformanceError(["check: no combination of what is named fits together"])
    }
    for family in selection.families { try addConstant(family, seed) }
  }

  /// The problems of a model, under every family, objective and sampling scheme that it goes with.
  private mutating func add(_ model: Selection.Checked<any IntegrandSpecification>, _ seed: UInt64)
    throws(ConformanceError)
  {
    let integrand = try Self.integrand(model.configured)
    var refusals: [(family: String, reason: String)] = [], served: [String] = []
    for family in selection.families {
      let made: any VariationalFamily
      do {
        made = try family.configured.product.makeFamily(dimension: integrand.dimension)
      } catch {
        // A family may refuse a dimension, as the simplex does 1; a spec is told the same.
        refusals.append((family.configured.text, error.description))
        continue
      }
      var reasons: [String] = []
      let known = problems.count
      let points = points(of: model, integrand, family, made)
      for sampling in selection.samplings where selection.combines(family, model, sampling) {
        for checked in selection.objectives where selection.combines(checked, model) {
          let objective = checked.configured, fit: Problem
          do {
            fit = try Problem(
              model: integrand, family: made, objective: objective.product, sampling: sampling.product)
          } catch {
            if !reasons.contains(error.description) { reasons.append(error.description) }
            continue
          }
          let texts = (model: model.configured.text, family: family.configured.text)
          if firstFamily[texts.model] == nil { firstFamily[texts.model] = texts.family }
          if firstModel[texts.family] == nil { firstModel[texts.family] = texts.model }
          var problem = GridProblem(
            model: model.configured, family: family.configured, objective: objective, sampling: sampling, problem: fit)
          problem.isCentral =
            (selection.namesSamplings || fit.sampling.drawsAreIndependent)
            && (firstFamily[texts.model] == texts.family || firstModel[texts.family] == texts.model)
            && selection.leads(checked, model)
          for (index, point) in points.enumerated() where problem.isCentral || index == 0 {
            let counts =
              !problem.isCentral
              ? [Self.draws.many] : index == 0 ? [Self.draws.fewest, Self.draws.many] : [Self.draws.some]
            for samples in counts {
              let found = plan(problem, point, samples, seed)
              problem.add(
                point, samples, .regular, found, referees: referees(found, problem, point, samples, seed))
            }
          }
          if problem.isCentral, let posterior = posterior(integrand, made) {
            let samples = Self.draws.some
            problem.add(posterior, samples, .posterior, plan(problem, posterior, samples, seed))
          }
          problems.append(problem)
        }
      }
      if problems.count > known {
        served.append(family.configured.text)
      } else {
        refusals.append((family.configured.text, reasons.joined(separator: "; ")))
      }
    }
    for (family, reason) in refusals {
      // A model that nothing serves is a mistake, where everything was tried.
      let verdict: Outcome.Verdict =
        served.isEmpty && !selection.isPart
        ? .failed("no family and objective serve the model: \(reason)") : .refused(reason: reason, alternatives: served)
      orphans.append(Outcome(.refusals, "all", problem: "\(model.configured.text) \(family)", verdict))
    }
  }

  /// The problems with a constant integrand.
  private mutating func addConstant(_ family: Selection.Checked<any FamilySpecification>, _ seed: UInt64)
    throws(ConformanceError)
  {
    let model = Configured<any IntegrandSpecification>(ConstantCost()), integrand = ConstantCost()
    guard let made = try? family.configured.product.makeFamily(dimension: integrand.dimension) else { return }
    let checked = Selection.Checked(configured: model, normals: ConstantCost.descriptor.examples.flatMap(\.normals))
    for objective in selection.objectives.map(\.configured) {
      for sampling in selection.samplings {
        guard
          let fit = try? Problem(
            model: integrand, family: made, objective: objective.product, sampling: sampling.product)
        else { continue }
        var problem = GridProblem(
          model: model, family: family.configured, objective: objective, sampling: sampling, problem: fit)
        for point in points(of: checked, integrand, family, made) {
          let samples = Self.draws.some
          problem.add(point, samples, .constant, plan(problem, point, samples, seed))
        }
        if problem.places.contains(where: { $0.affordable != nil }) { problems.append(problem) }
      }
    }
  }

  private static func integrand(
    _ model: Configured<any IntegrandSpecification>
  ) throws(ConformanceError) -> any Integrand {
    do {
      return try model.product.makeIntegrand()
    } catch {
      throw ConformanceError(["check: model \(model.text): \(error)"])
    }
  }

  /// Where it is checked: the model's distributions that the family has (the first, if the family names points of its own),
  /// and the points that either names; failing that where the family starts.
  private func points(
    of model: Selection.Checked<any IntegrandSpecification>, _ integrand: any Integrand,
    _ family: Selection.Checked<any FamilySpecification>, _ made: any VariationalFamily
  ) -> [Point] {
    let standard = [NormalPoint(mean: [0.3, -0.4], scale: [0.6, 0.9]), NormalPoint(mean: [-0.5, 0.7], scale: [0.8])]
    let normals = model.normals.isEmpty && model.points.isEmpty ? standard : model.normals
    let shared = family.points.isEmpty ? normals : Array(normals.prefix(1))
    let found = shared.compactMap { made.parameters(of: $0.distribution(dimension: integrand.dimension)) }
      .map { parameters in
        Point.values(made.parameterBlocks.map { Point.Block(name: $0.name, values: Array(parameters[$0.range])) })
      }
    var reader = SpecReader(registry: registry, source: .commandLine)
    let texts = model.points + family.points
    let named = texts.isEmpty ? [] : reader.points(JSONNode(commandLine: [("at", texts, true)]).only).map(\.point)
    let all = found + named
    return all.isEmpty ? [.initial] : all
  }

  /// The point `posterior`, where the model names one that the family has.
  private func posterior(_ model: any Integrand, _ family: any VariationalFamily) -> Point? {
    guard let posterior = (model as? any LatentModel)?.namedDistributions["posterior"],
      family.parameters(of: posterior) != nil
    else { return nil }
    return .named("posterior")
  }

  /// What a spec would measure there, by the path that every spec takes: the cell, or why there is none.
  private func plan(
    _ problem: GridProblem, _ point: Point, _ samples: Int, _ seed: UInt64
  ) -> Result<Cell, ConformanceError> {
    Self.plan(registry, problem, point, samples, selection.estimators, seed, leavesOut: true)
  }

  /// All that serves a cell without exact gradient.
  private func referees(
    _ found: Result<Cell, ConformanceError>, _ problem: GridProblem, _ point: Point, _ samples: Int, _ seed: UInt64
  ) -> [Entry] {
    guard case .success(let cell) = found, cell.exact == nil, let all = try? Selection(registry, ids: []),
      case .success(let whole) = Self.plan(registry, problem, point, samples, all.estimators, seed, leavesOut: true)
    else { return [] }
    return whole.entries
  }

  static func plan(
    _ registry: Registry, _ problem: GridProblem, _ point: Point, _ samples: Int,
    _ estimators: [Configured<any GradientEstimator>], _ seed: UInt64, leavesOut: Bool
  ) -> Result<Cell, ConformanceError> {
    var spec = ExperimentSpec()
    spec.seed = seed
    spec.generators = Generator.named(Generator.standardName).map { [$0] } ?? []
    spec.models = [problem.model]
    spec.families = [problem.family]
    spec.objectives = [problem.objective]
    spec.samplings = [problem.sampling]
    spec.points = [(point, "at", 0)]
    spec.samples = [samples]
    spec.estimators = estimators
    spec.comparesAll = leavesOut
    var reader = SpecReader(registry: registry, source: .commandLine)
    guard let plan = Plan.make(spec, &reader), let cell = plan.cells.first else {
      return .failure(ConformanceError(reader.faults.map(\.description)))
    }
    return .success(cell)
  }
}

extension JSONNode {
  /// The value of its one member.
  fileprivate var only: JSONNode {
    if case .object(let members) = value, let member = members.first { member.node } else { self }
  }
}

/// A model, family, objective and sampling scheme, and where it is measured.
struct GridProblem {
  let model: Configured<any IntegrandSpecification>
  let family: Configured<any FamilySpecification>
  let objective: Configured<any Objective>
  let sampling: Configured<any SamplingScheme>
  let problem: Problem
  /// Whether it is aimed at the smaller error: of what is checked each model with its first family and each family with
  /// its first model, with independent draws unless sampling schemes are named. So every estimator meets every model
  /// and every family there, and all others in company that has been looked at closely: at one point with one K, and not
  /// each of them alone.
  var isCentral = true
  private(set) var places: [Place] = []

  /// A point and a number of draws, and the cell that a plan makes of them or why it makes none.
  struct Place {
    let point: Point
    let samples: Int
    let role: GridCell.Role
    let found: Result<Cell, ConformanceError>
    /// See `GridCell.referees`.
    let referees: [Entry]

    var text: String { "at=\(affordable?.point ?? point.text) samples=\(samples)" }
    /// Why nothing can be measured here, whatever the estimator: a scheme without so many draws, a point that the family has not.
    var refusal: String? {
      guard case .failure(let error) = found else { return nil }
      let lines = error.lines.filter { !$0.contains("no estimator fits") }
      return lines.isEmpty ? nil : lines.joined(separator: "; ")
    }
    func cell(_ states: LearnedStates) -> GridCell? {
      guard let cell = affordable else { return nil }
      let referees = referees.filter { !isTooDear($0) }
      return GridCell(cell: cell, point: point, role: role, referees: referees, states: states)
    }
    /// The cell without what is too dear.
    var affordable: Cell? {
      guard case .success(let cell) = found else { return nil }
      let affordable = cell.entries.filter { !isTooDear($0) }
      return affordable.isEmpty && !cell.entries.isEmpty ? nil : cell.with(affordable)
    }
    /// What serves the place and evaluates the model too often to be measured there.
    var tooDear: [Entry] {
      guard case .success(let cell) = found else { return [] }
      return cell.entries.filter { isTooDear($0) }
    }
    private func isTooDear(_ entry: Entry) -> Bool {
      guard case .success(let cell) = found else { return false }
      let dataShare = cell.problem.dataShare
      return entry.requirements.evaluations > Grid.mostEvaluations * Double(samples) * dataShare
    }
  }

  var text: String { [model.text, family.text, objective.text, sampling.text].joined(separator: " ") }
  /// Its cells, which learn their states once.
  func cells(seed: UInt64) -> [GridCell] {
    let states = LearnedStates(seed: seed)
    return places.compactMap { $0.cell(states) }
  }

  mutating func add(
    _ point: Point, _ samples: Int, _ role: GridCell.Role, _ found: Result<Cell, ConformanceError>,
    referees: [Entry] = []
  ) { places.append(Place(point: point, samples: samples, role: role, found: found, referees: referees)) }
}

/// A cell of the grid and what it is for.
struct GridCell {
  enum Role { case regular, posterior, constant }
  var cell: Cell
  let point: Point
  let role: Role
  /// Where no exact gradient is known, every estimator that serves the problem, named or not.
  let referees: [Entry]
  /// The entries' states.
  var states: LearnedStates
  /// Of differences between estimators: what the gradient is about.
  var yardstick: [Double]?

  var place: String { "at=\(cell.point) samples=\(cell.samples)" }
}
