package import GradientEstimation
package import Randomness

/// An estimator opened into its concrete type for one task: erasure is paid once a batch.
package protocol BoundEstimator: AnyObject {
  /// Stores a gradient for each lane of `block` in `gradients`, `[P × B]`.
  ///
  /// - Throws: `EstimatorError` if a buffer has the wrong shape.
  func estimate(
    _ block: borrowing DrawBlock, random: inout RandomStream, into gradients: inout [Double]
  ) throws(EstimatorError)
}

/// An estimator with its state at a fixed λ.
package struct PreparedEstimator: Sendable {
  /// What a task needs to run it; `lanes` is the size of its blocks, and `disturbance` the relative error of what it
  /// evaluates itself, 0 but for `RoundingFloor`.
  package let bind: @Sendable (_ lanes: Int, _ disturbance: Double) throws -> any BoundEstimator
  /// How its state was brought up, for the manifest; nil if there was nothing to bring up.
  package let warmUp: WarmUp?
  /// Estimates while the state goes on learning from each batch, from the frozen state on: told a chunk and a number of
  /// replicates, it hands over their gradients, `[P × B]`, batch by batch. Nil where there is nothing to learn.
  let adapting: (@Sendable (_ chunk: Int, _ replicates: Int, _ body: ([Double], Int) -> Void) throws -> Void)?

  /// Brings up the state of `entry` on a stream of its own and freezes it.
  package init(_ entry: Entry, of cell: Cell, seed: UInt64) throws {
    self = try Self.open(entry.estimator, entry, cell, seed)
  }

  private init(
    warmUp: WarmUp?,
    adapting: (@Sendable (_ chunk: Int, _ replicates: Int, _ body: ([Double], Int) -> Void) throws -> Void)?,
    bind: @escaping @Sendable (Int, Double) throws -> any BoundEstimator
  ) {
    self.warmUp = warmUp
    self.adapting = adapting
    self.bind = bind
  }

  /// The role of the stream that the state of an estimator is brought up on.
  static func warmUpRole(_ text: String) -> String { "warm-up \(text)" }
  /// The roles of the streams that it is measured on while it goes on learning.
  static func adaptingRole(_ text: String) -> String { "adapting \(text)" }
  static func adaptingOwnRole(_ text: String) -> String { "adapting own \(text)" }
  /// The role of the stream that an estimator draws numbers of its own from.
  static func ownRole(_ text: String) -> String { "estimator \(text)" }

  private static func open<E: GradientEstimator>(
    _ estimator: E, _ entry: Entry, _ cell: Cell, _ seed: UInt64
  ) throws -> PreparedEstimator {
    let problem = cell.problem
    var state = estimator.initialState(for: problem, parameters: cell.localParameters)
    let warmUp = estimator.warmUp(for: state)
    /// Goes through so many batches, each of which is estimated and then learned from.
    @Sendable func learn(
      _ state: inout E.State, lanes: Int, batches: Int, _ random: inout RandomStream, _ own: inout RandomStream,
      _ body: ([Double]) -> Void
    ) throws {
      let shape = cell.shape(lanes: lanes)
      var block = DrawBlock(shape: shape, parameters: cell.parameters)
      var minibatches = MinibatchSampler(problem)
      var workspace = try estimator.makeWorkspace(for: problem, shape: shape)
      var gradients = [Double](repeating: 0, count: shape.parameters * shape.lanes)
      for _ in 0..<batches {
        minibatches.draw(&block, random: &own)
        block.sample(problem, random: &random)
        block.evaluate(entry.requirements.quantities, of: problem)
        for i in gradients.indices { gradients[i] = 0 }
        var span = gradients.mutableSpan
        estimator.estimate(problem, block, state: state, random: &own, workspace: &workspace, into: &span)
        body(gradients)
        estimator.adapt(&state, problem: problem, block: block, workspace: &workspace)
      }
    }
    if let warmUp, let amortization = cell.amortization {
      let streams = cell.streams(warmUpRole(entry.text), seed: seed)
      var random = try streams.stream(0)
      var own = try streams.stream(1)
      try amortization.warmUp(
        &state, warmUp, estimator, problem, cell, entry.requirements.quantities, &random, &own)
    } else if let warmUp {
      let streams = cell.streams(warmUpRole(entry.text), seed: seed)
      var random = try streams.stream(0)
      var own = try streams.stream(1)
      try learn(&state, lanes: warmUp.lanes, batches: warmUp.batches, &random, &own) { _ in }
    }
    let frozen = state
    let adapting = warmUp.map { warmUp in
      { @Sendable (chunk: Int, replicates: Int, body: ([Double], Int) -> Void) throws in
        var random = try cell.streams(adaptingRole(entry.text), seed: seed).stream(chunk)
        var own = try cell.streams(adaptingOwnRole(entry.text), seed: seed).stream(chunk)
        var state = frozen
        // What a state remembers of the warm-up, all chunks have in common: a little of their own is learned first.
        try learn(&state, lanes: warmUp.lanes, batches: 64 / warmUp.lanes, &random, &own) { _ in }
        let rest = replicates % warmUp.lanes
        try learn(&state, lanes: warmUp.lanes, batches: replicates / warmUp.lanes, &random, &own) {
          body($0, warmUp.lanes)
        }
        if rest > 1 || warmUp.lanes == 1 && rest > 0 {
          try learn(&state, lanes: rest, batches: 1, &random, &own) { body($0, rest) }
        }
      }
    }
    return PreparedEstimator(warmUp: warmUp, adapting: adapting) { lanes, disturbance in
      try Bound(
        estimator, disturbance == 0 ? problem : problem.disturbed(by: disturbance), frozen,
        entry.requirements.quantities, cell.shape(lanes: lanes))
    }
  }
}

private final class Bound<E: GradientEstimator>: BoundEstimator {
  private let estimator: E
  private let problem: Problem
  private let state: E.State
  private let quantities: Quantities
  private let shape: Shape
  private var workspace: E.Workspace

  init(_ estimator: E, _ problem: Problem, _ state: E.State, _ quantities: Quantities, _ shape: Shape) throws {
    self.estimator = estimator
    self.problem = problem
    self.state = state
    self.quantities = quantities
    self.shape = shape
    workspace = try estimator.makeWorkspace(for: problem, shape: shape)
  }

  func estimate(
    _ block: borrowing DrawBlock, random: inout RandomStream, into gradients: inout [Double]
  ) throws(EstimatorError) {
    guard block.shape == shape else {
      throw EstimatorError("buffer of the wrong shape: the workspace is for \(shape), and the block has \(block.shape)")
    }
    try block.check(for: problem, holds: quantities, gradientCount: gradients.count)
    gradients.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    var span = gradients.mutableSpan
    estimator.estimate(problem, block, state: state, random: &random, workspace: &workspace, into: &span)
  }
}

extension Cell {
  /// The same cell with other entries.
  package func with(_ entries: [Entry]) -> Cell {
    Cell(
      problem: problem, generator: generator, model: model, family: family, objective: objective, sampling: sampling,
      point: point, samples: samples, parameters: parameters, exact: exact, entries: entries)
  }

  package func shape(lanes: Int) -> Shape {
    problem.shape(samples: samples, lanes: lanes)
  }

  /// Replicates a block.
  var lanesPerBlock: Int {
    amortization == nil ? Shape.lanes(samples: samples, dimension: problem.model.dimension) : 32
  }

  /// Replicates that the moments take at once: enough that the sums over them cost little beside what they sum.
  var lanesPerBatch: Int { amortization == nil ? max(lanesPerBlock, 128) : lanesPerBlock }

  /// λ where an estimator's state starts: the cell's, or where each datum has its own, the family's initial one.
  var localParameters: [Double] { amortization == nil ? parameters : problem.family.initialParameters }

  /// The streams of a role.
  package func streams(_ role: String, seed: UInt64) -> StreamFamily {
    StreamKey(seed: seed, cell: text, role: role).streams(generator)
  }

  /// What all its estimators need, and the gradient in the model's parameters.
  package var quantities: Quantities {
    entries.reduce(problem.modelGradientQuantities) { $0.union($1.requirements.quantities) }
  }
}
