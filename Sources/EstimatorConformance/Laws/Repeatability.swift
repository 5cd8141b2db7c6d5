internal import ExperimentRunner
internal import GradientEstimation

/// The same block, state and stream give the same bits, whatever the same scratch was used for in between.
///
/// A baseline that learns while it estimates, and so sees its own draws, fails here; so does scratch that is not cleared.
enum Repeatability: BlockLaw {
  static let law = Law.repeatable

  static func finding(_ bench: Bench) throws -> String? {
    let block = try bench.block(0), other = try bench.block(1), bound = try bench.bind()
    let first = try bench.estimate(block, by: bound)
    if try !sameBits(bench.estimate(block, by: bound), first) {
      return "estimating the same block again gives other numbers"
    }
    _ = try bench.estimate(other, by: bound)
    if try !sameBits(bench.estimate(block, by: bound), first) {
      return "estimating another block in between changes an estimate"
    }
    return try sameBits(bench.estimate(block), first) ? nil : "fresh scratch changes an estimate"
  }
}
