import EstimatorStatistics
@testable import ExperimentRunner
import Foundation
import GradientEstimation
import Randomness
import Testing
import WorkbenchCLI

/// Every registered estimator, in every combination of its choices and flags, on every registered model: what it
/// claims holds, or it refuses with a reason. Nothing here names an estimator or a model that the registry could forget.
@Suite struct RegistryConformanceTests {
  /// Models by their options; any registered id that is missing here gets its defaults.
  static let modelTexts: [String: [String]] = [
    "gaussian": [
      "gaussian:dimension=3,x=1x-0.5x2,noise=0.8", "gaussian:dimension=3,x=1x-0.5x2,noise=0.8,correlation=-0.6",
    ],
    "linear-regression": ["linear-regression", "linear-regression:minibatch=64,noise=2,prior_scale=0.5"],
    "poisson-regression": ["poisson-regression", "poisson-regression:minibatch=9"],
    "logistic-regression": ["logistic-regression", "logistic-regression:minibatch=64"],
    "exp-quadratic": ["exp-quadratic:dimension=2,k=0.4"],
  ]

  /// λ where the gradient is far from zero, so that a bias would show, and K. The rates of a Poisson regression are
  /// log-normal under q: at N(0, I) no number of replicates shows their moments.
  static func points(of model: String) -> [(at: String, samples: Int)] {
    let second = model.hasPrefix("poisson") ? "mean=0,log_scale=-2" : "initial"
    return [(model.hasPrefix("poisson") ? "mean=0.3,log_scale=-1.6" : "mean=0.3,log_scale=-0.7", 3), (second, 2)]
  }

  static func registry() throws -> Registry { try StandardRegistry.make() }

  /// All combinations of an estimator's choices and flags, as canonical texts.
  static func configurations(_ registry: Registry) -> [(any GradientEstimator, String)] {
    registry.estimators.entries.flatMap { entry in
      var assignments: [[(Int, OptionValue)]] = [[]]
      for (index, option) in entry.about.options.enumerated() {
        let values: [OptionValue] =
          switch option.kind {
          case .choice(let names): names.map(OptionValue.text)
          case .flag: [.flag(false), .flag(true)]
          default: [option.defaultValue]
          }
        assignments = assignments.flatMap { done in values.map { done + [(index, $0)] } }
      }
      return assignments.compactMap { entry.make($0) }.map { ($0, canonicalText($0)) }
    }
  }

  static func cell(_ model: String, at: String, samples: Int, _ registry: Registry) throws -> Cell {
    var reader = SpecReader(registry: registry, source: .commandLine)
    let spec = reader.read(
      JSONNode(commandLine: [
        ("model", [model], false), ("at", [at], true), ("samples", [String(samples)], true),
        ("estimators", ["score"], true),
      ]))
    let plan = try #require(Plan.make(spec, &reader), "\(reader.faults)")
    return try #require(plan.cells.first)
  }

  static func modelNames() throws -> [String] {
    try StandardRegistry.make().models.entries.flatMap { modelTexts[$0.about.id] ?? [$0.about.id] }
  }

  @Test(arguments: try modelNames()) func everyClaimHolds(_ model: String) async throws {
    let registry = try StandardRegistry.make()
    let configurations = Self.configurations(registry)
    for (at, samples) in Self.points(of: model) {
      let base = try Self.cell(model, at: at, samples: samples, registry)
      var entries: [Entry] = []
      for (estimator, text) in configurations {
        do {
          let requirements = try estimator.requirements(samples: samples, of: base.problem)
          entries.append(Entry(estimator: estimator, text: text, requirements: requirements))
        } catch {
          #expect(error.description.count > 20, "\(text) refuses \(model) without a reason")
        }
      }
      #expect(entries.count >= 5, "\(model): hardly anything applies")
      let cell = base.with(entries)
      let figures = CellFigures(
        try await CellMeasurement.run(cell, seed: 7, rule: .fixed(60_000), threads: 2) { _ in })
      let exact = try #require(cell.exact, "\(model) has no oracle: state one or mark it")
      #expect(exact.gradient.contains { abs($0) > 0.05 })
      for entry in figures.entries where entry.entry.biasNote == nil {
        let bias = try #require(entry.all?.bias)
        #expect(
          bias.p > 1e-4 / Double(4 * configurations.count),
          "\(entry.entry.text) on \(model) at \(at): z \(bias.largest)")
      }
    }
  }

  /// Lanes never mix, and an estimate does not depend on what other estimators asked for: the same draws in blocks of
  /// other widths and in other company give the same gradients.
  @Test(arguments: try modelNames()) func lanesAreIndependentOfWidthAndCompany(_ model: String) throws {
    let registry = try StandardRegistry.make()
    let base = try Self.cell(model, at: "mean=0.2,log_scale=-0.5", samples: 3, registry)
    let problem = base.problem, wide = 19, narrow = 5, offset = 11
    let entries = Self.configurations(registry).compactMap { estimator, text in
      (try? estimator.requirements(samples: 3, of: problem)).map {
        Entry(estimator: estimator, text: text, requirements: $0)
      }
    }
    let cell = base.with(entries)
    var random = try cell.streams("test", seed: 1).stream(0)
    var block = DrawBlock(shape: cell.shape(lanes: wide), parameters: cell.parameters)
    var minibatches = MinibatchSampler(problem)
    minibatches.draw(&block, random: &random)
    block.sample(problem, random: &random)
    block.evaluate(cell.quantities, of: problem)

    for entry in entries {
      var part = DrawBlock(shape: cell.shape(lanes: narrow), parameters: cell.parameters)
      let lanes = offset..<offset + narrow
      part.draws.noise = Self.columns(block.draws.noise, lanes, of: wide)
      part.draws.z = Self.columns(block.draws.z, lanes, of: wide)
      part.draws.dataIndices = Self.columns(block.draws.dataIndices, lanes, of: wide)
      part.evaluate(entry.requirements.quantities, of: problem)
      let prepared = try PreparedEstimator(entry, of: cell, seed: 3)
      var whole = [Double](repeating: 0, count: problem.family.parameterCount * wide)
      var some = [Double](repeating: 0, count: problem.family.parameterCount * narrow)
      var own = try cell.streams("own", seed: 1).stream(0)
      try prepared.bind(wide).estimate(block, random: &own, into: &whole)
      try prepared.bind(narrow).estimate(part, random: &own, into: &some)
      #expect(some == Self.columns(whole, lanes, of: wide), "\(entry.text) on \(model)")
    }
  }

  static func columns<T>(_ array: [T], _ lanes: Range<Int>, of width: Int) -> [T] {
    stride(from: 0, to: array.count, by: width).flatMap { array[$0 + lanes.lowerBound..<$0 + lanes.upperBound] }
  }
}

extension Cell {
  /// The same cell with other entries.
  func with(_ entries: [Entry]) -> Cell {
    Cell(
      problem: problem, generator: generator, model: model, family: family, objective: objective, sampling: sampling,
      point: point, samples: samples, parameters: parameters, exact: exact, entries: entries)
  }
}

/// Right or wrong by 2 %: the bias test tells them apart.
@Suite struct BiasTests {
  /// An estimator whose gradient is shrunk by 2 %, as a plug-in would be written.
  struct Shrunk<Base: GradientEstimator>: GradientEstimator {
    var base = Base()
    init() {}
    init(_ base: Base) { self.base = base }
    static var descriptor: Descriptor<Self> { Descriptor(id: "shrunk", summary: "2 % too small") }
    func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
      try base.requirements(samples: samples, of: problem)
    }
    func initialState(for problem: Problem, parameters: [Double]) -> Base.State {
      base.initialState(for: problem, parameters: parameters)
    }
    func warmUp(for state: Base.State) -> WarmUp? { base.warmUp(for: state) }
    func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Base.Workspace {
      try base.makeWorkspace(for: problem, shape: shape)
    }
    func estimate(
      _ problem: Problem, _ block: borrowing DrawBlock, state: Base.State, random: inout RandomStream,
      workspace: inout Base.Workspace, into gradients: inout MutableSpan<Double>
    ) {
      base.estimate(problem, block, state: state, random: &random, workspace: &workspace, into: &gradients)
      for i in gradients.indices { gradients[i] *= 0.98 }
    }
  }

  static func shrunk<E: GradientEstimator>(_ estimator: E) -> any GradientEstimator { Shrunk(estimator) }

  @Test(arguments: ["prior", "mean=-0.5,log_scale=-0.916290731874155"]) func twoPercentIsCaught(_ at: String)
    async throws
  {
    let registry = try StandardRegistry.make()
    // Points A and C of the conjugate model; K = 4 serves leave-one-out.
    let base = try RegistryConformanceTests.cell("gaussian", at: at, samples: 4, registry)
    let right = try RegistryConformanceTests.configurations(registry).map { estimator, text in
      Entry(
        estimator: estimator, text: text, requirements: try estimator.requirements(samples: 4, of: base.problem))
    }
    let wrong = right.map {
      Entry(estimator: Self.shrunk($0.estimator), text: "shrunk \($0.text)", requirements: $0.requirements)
    }
    let cell = base.with(right + wrong)
    let figures = CellFigures(
      try await CellMeasurement.run(cell, seed: 11, rule: .fixed(2_000_000), threads: 2) { _ in })
    let level = 1e-4 / Double(4 * right.count)
    for (index, entry) in figures.entries.enumerated() {
      let all = try #require(entry.all), bias = try #require(all.bias), bound = try #require(all.biasBound)
      if index < right.count {
        #expect(bias.p > level && bound <= 0.01, "\(entry.entry.text): p \(bias.p), bound \(bound)")
      } else {
        #expect(bias.p < level && bound > 0.019, "\(entry.entry.text): p \(bias.p), bound \(bound)")
      }
    }
  }
}
