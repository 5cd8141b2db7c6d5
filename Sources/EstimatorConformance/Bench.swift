internal import ExperimentRunner
internal import GradientEstimation
internal import Randomness

/// Blocks of draws in a cell, and one of its estimators run on them.
///
/// Laws that hold bit by bit are checked here: on few lanes, without statistics.
struct Bench {
  let cell: Cell
  let entry: Entry
  let seed: UInt64
  private let prepared: PreparedEstimator

  /// Lanes of a whole block. Odd, and no multiple of a vector's width.
  static let lanes = 19

  init(_ cell: GridCell, _ entry: Entry) throws {
    self.cell = cell.cell
    self.entry = entry
    seed = cell.states.seed
    prepared = try cell.states.state(of: entry, in: cell.cell)
  }

  /// Block `index` of draws of q, with nothing computed at them.
  func draws(_ index: Int, lanes: Int = Bench.lanes) throws -> DrawBlock {
    var random = try cell.streams("conformance draws", seed: seed).stream(index)
    var block = DrawBlock(shape: cell.shape(lanes: lanes), parameters: cell.parameters)
    var minibatches = MinibatchSampler(cell.problem)
    minibatches.draw(&block, random: &random)
    block.sample(cell.problem, random: &random)
    return block
  }

  /// A block whose lanes are those of `lanes` from `source`, in that order, with what the estimator needs computed.
  func block(_ lanes: [Int], of source: borrowing DrawBlock) -> DrawBlock {
    var block = DrawBlock(shape: cell.shape(lanes: lanes.count), parameters: cell.parameters)
    let width = source.shape.lanes
    block.draws.noise = columns(source.draws.noise, lanes, of: width)
    block.draws.z = columns(source.draws.z, lanes, of: width)
    block.draws.dataIndices = columns(source.draws.dataIndices, lanes, of: width)
    block.draws.observations = columns(source.draws.observations, lanes, of: width)
    block.evaluate(entry.requirements.quantities, of: cell.problem)
    return block
  }

  /// Block `index` with what the estimator needs computed.
  func block(_ index: Int, lanes: Int = Bench.lanes) throws -> DrawBlock {
    var block = try draws(index, lanes: lanes)
    block.evaluate(entry.requirements.quantities, of: cell.problem)
    return block
  }

  /// The stream that an estimator may draw from.
  func stream() throws -> RandomStream { try cell.streams("conformance own", seed: seed).stream(0) }

  /// The estimator with scratch of its own, for blocks of so many lanes.
  func bind(_ lanes: Int = Bench.lanes) throws -> any BoundEstimator { try prepared.bind(lanes, 0) }

  /// Estimates `[P × B]`, by fresh scratch unless some is given, and a fresh stream.
  func estimate(_ block: borrowing DrawBlock, by bound: (any BoundEstimator)? = nil) throws -> [Double] {
    var gradients = [Double](repeating: 0, count: block.shape.parameters * block.shape.lanes)
    var random = try stream()
    try (bound ?? bind(block.shape.lanes)).estimate(block, random: &random, into: &gradients)
    return gradients
  }
}

/// The columns `lanes` of an array whose rows are `width` wide.
func columns<T>(_ array: [T], _ lanes: [Int], of width: Int) -> [T] {
  stride(from: 0, to: array.count, by: width).flatMap { row in lanes.map { array[row + $0] } }
}

/// Whether two arrays have the same bits; any two numbers that are not numbers count as the same.
func sameBits(_ a: [Double], _ b: [Double]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
}

/// A law that is checked on blocks of draws.
protocol BlockLaw {
  static var law: Law { get }
  /// Whether the law speaks of this estimator at all.
  static func applies(to entry: Entry) -> Bool
  /// What is wrong, in one line, or nil.
  static func finding(_ bench: Bench) throws -> String?
}

extension BlockLaw {
  static func applies(to entry: Entry) -> Bool { true }
}
