internal import ExperimentRunner
internal import GradientEstimation

/// A lane's estimate is a function of its own draws.
///
/// Other draws in the other lanes change no bit of it. Where the estimator draws no numbers of its own, neither does
/// another order of the lanes, nor a narrower block.
enum LaneIndependence: BlockLaw {
  static let law = Law.lanes

  static func finding(_ bench: Bench) throws -> String? {
    let width = Bench.lanes, all = Array(0..<width), source = try bench.draws(0), other = try bench.draws(1)
    let whole = try bench.estimate(bench.block(all, of: source))

    let kept = all.filter { $0 % 3 == 1 }
    let mixed = try bench.estimate(mixture(bench, source, other, keeping: kept))
    if !sameBits(columns(mixed, kept, of: width), columns(whole, kept, of: width)) {
      return "other draws in other lanes change a lane's estimate"
    }
    if bench.entry.requirements.usesRandomNumbers { return nil }
    let permuted = all.map { ($0 * 7 + 3) % width }
    if try !sameBits(bench.estimate(bench.block(permuted, of: source)), columns(whole, permuted, of: width)) {
      return "permuting the lanes does not permute the estimates"
    }
    let part = Array(11..<16)
    if try !sameBits(bench.estimate(bench.block(part, of: source)), columns(whole, part, of: width)) {
      return "lanes 11 to 15 in a block of their own have other estimates than in a block of \(width)"
    }
    return nil
  }

  /// The lanes `kept` of `source`, and those of `other` in between.
  private static func mixture(
    _ bench: Bench, _ source: borrowing DrawBlock, _ other: borrowing DrawBlock, keeping kept: [Int]
  ) -> DrawBlock {
    let width = source.shape.lanes
    func mix<T>(_ a: [T], _ b: [T]) -> [T] { a.indices.map { kept.contains($0 % width) ? a[$0] : b[$0] } }
    var block = DrawBlock(shape: source.shape, parameters: bench.cell.parameters)
    block.draws.noise = mix(source.draws.noise, other.draws.noise)
    block.draws.z = mix(source.draws.z, other.draws.z)
    block.draws.dataIndices = mix(source.draws.dataIndices, other.draws.dataIndices)
    block.draws.observations = mix(source.draws.observations, other.draws.observations)
    block.evaluate(bench.entry.requirements.quantities, of: bench.cell.problem)
    return block
  }
}
