internal import ExperimentRunner
internal import GradientEstimation
internal import Randomness

/// An estimator that declares no random numbers draws none.
///
/// One that does have a stream of its own; one that does not is lent a copy of the draws' stream, which would make its
/// numbers those that the draws were made of.
enum DeclaredStreams: BlockLaw {
  static let law = Law.streams

  static func finding(_ bench: Bench) throws -> String? {
    if bench.entry.requirements.usesRandomNumbers { return nil }
    let block = try bench.block(0), bound = try bench.bind()
    var gradients = [Double](repeating: 0, count: block.shape.parameters * block.shape.lanes)
    var used = try bench.stream(), fresh = try bench.stream()
    try bound.estimate(block, random: &used, into: &gradients)
    let numbers = (0..<4).map { _ in used.next() == fresh.next() }
    return numbers.contains(false) ? "draws random numbers and does not declare it (usesRandomNumbers)" : nil
  }
}
