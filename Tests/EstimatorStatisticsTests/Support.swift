import EstimatorStatistics
import Foundation
import Randomness
import Testing

/// Expects two numbers to agree.
func expectClose(
  _ value: Double, _ expected: Double, relative: Double = 0, absolute: Double = 0,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(
    abs(value - expected) <= max(absolute, relative * abs(expected)), "\(value) instead of \(expected)",
    sourceLocation: sourceLocation)
}

/// GSL's default and the fast one: what is covered must not depend on which.
let generators = ["mt19937", "xoshiro256x8"]

/// A source of normals and uniforms, the same on every run.
final class Draws {
  private var random: RandomStream

  init(_ role: String, _ name: String = generators[0]) throws {
    let generator = try #require(Generator.named(name))
    random = try StreamKey(seed: 7, cell: "tests of statistics", role: role).streams(generator).stream(0)
  }

  func normals(_ count: Int) -> [Double] {
    var values = [Double](repeating: 0, count: count)
    var span = values.mutableSpan
    random.fillNormals(&span)
    return values
  }

  func uniforms(_ count: Int) -> [Double] {
    var values = [Double](repeating: 0, count: count)
    var span = values.mutableSpan
    random.fillUniforms(&span)
    return values
  }
}

/// The moments of `rows`, one row a coordinate, added in batches of these sizes, over and over.
func moments(
  _ rows: [[Double]], blocks: [Range<Int>]? = nil, scales: [Double]? = nil, batches: [Int] = [256]
) -> GradientMoments {
  var moments = GradientMoments(
    blocks: blocks ?? [0..<rows.count], scales: scales ?? Array(repeating: 1, count: rows.count))
  for batch in split(rows, into: batches) {
    var distances = [Double](repeating: 0, count: moments.blocks.count * batch.lanes)
    moments.add(batch.gradients, lanes: batch.lanes, distances: &distances)
  }
  return moments
}

/// `rows` cut into batches `[P × B]`.
func split(_ rows: [[Double]], into sizes: [Int]) -> [(gradients: [Double], lanes: Int)] {
  var batches: [(gradients: [Double], lanes: Int)] = []
  let count = rows.first?.count ?? 0
  var start = 0
  while start < count {
    let lanes = min(sizes[batches.count % sizes.count], count - start)
    batches.append((rows.flatMap { $0[start..<start + lanes] }, lanes))
    start += lanes
  }
  return batches
}

/// Mean and unbiased variance in two passes, the sums with Kahan's correction.
func twoPass(_ values: [Double]) -> (mean: Double, variance: Double) {
  func sum(_ terms: some Sequence<Double>) -> Double {
    var total = 0.0, lost = 0.0
    for x in terms {
      let y = x - lost, next = total + y
      lost = (next - total) - y
      total = next
    }
    return total
  }
  let first = values.first ?? 0, n = Double(values.count)
  let mean = first + sum(values.map { $0 - first }) / n
  return (mean, sum(values.map { ($0 - mean) * ($0 - mean) }) / (n - 1))
}
