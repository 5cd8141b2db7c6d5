@testable import ExperimentRunner
import EstimatorStatistics
import Foundation
import GradientEstimation
import Testing

/// Figures in the norm of the inverse Fisher information.
@Suite struct GradientNormTests {
  func figures(_ members: String) async throws -> CellFigures {
    let reading = try Reading(members: members)
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try #require(try await Experiment.run(plan, reading.spec, threads: 2) { _ in true }.cells.first)
  }

  static let cell = #"""
    "model": {"id": "gaussian", "options": {"dimension": 2}}, "at": {"mean": [0.3, -1], "log_scale": [-1, 0.5]},
    "replicates": 3000, "estimators": ["score", "reparam"]
    """#

  /// The figures of blocks are those of the coordinates, weighted by σ² and ½; those of coordinates stay as they are.
  @Test func weightsAreTheInverseInformation() async throws {
    let plain = try await figures(Self.cell), fisher = try await figures(Self.cell + #", "norm": "fisher""#)
    let weights = [exp(-2), exp(1), 0.5, 0.5]
    for (a, b) in zip(plain.entries, fisher.entries) {
      for (x, y) in zip(a.coordinates, b.coordinates) {
        #expect(x.mean == y.mean && x.variance == y.variance && x.biasZ == y.biasZ && x.interval == y.interval)
      }
      for (x, y) in zip(a.blocks, b.blocks) {
        let range = x.block.range
        func sum(_ term: (Int) -> Double) -> Double { range.reduce(0) { $0 + weights[$1] * term($1) } }
        func expect(_ value: Double?, _ wanted: Double) throws {
          #expect(abs(try #require(value) / wanted - 1) < 1e-12, "\(y.block.name)")
        }
        let c = a.coordinates, n = 3000.0
        let variance = sum { c[$0].variance }
        try expect(y.variance, variance)
        try expect(y.varianceMax, range.map { weights[$0] * c[$0].variance }.max() ?? 0)
        try expect(y.gradientNorm, sum { c[$0].mean * c[$0].mean }.squareRoot())
        let exact = c.map { $0.exact ?? .nan }
        try expect(y.exactNorm, sum { exact[$0] * exact[$0] }.squareRoot())
        let bias = sum { (c[$0].mean - exact[$0]) * (c[$0].mean - exact[$0]) }
        try expect(y.mse, variance + bias - variance / n)
        try expect(y.snr, ((sum { c[$0].mean * c[$0].mean } - variance / n) / variance).squareRoot())
        let radius = 1.959963984540054 * (variance / n).squareRoot()
        try expect(y.biasBound, (bias.squareRoot() + radius) / sum { exact[$0] * exact[$0] }.squareRoot())
        #expect(y.bias?.p == x.bias?.p && y.interval.low < variance && variance < y.interval.high)
        #expect(abs(y.variance / x.variance - 1) > 0.1)
      }
    }
    for pair in fisher.pairs {
      let block = try #require(fisher.entries[0].blocks.firstIndex { $0.block.name == pair.block })
      let ratio = fisher.entries[0].blocks[block].variance / fisher.entries[1].blocks[block].variance
      #expect(abs(try #require(pair.ratio) / ratio - 1) < 1e-12)
    }
  }

  /// A change of z's unit changes the sizes of the parameters' gradients against each other, and not their sum.
  @Test func theUnitsDoNotMatter() async throws {
    func total(_ scale: Double, _ norm: String) async throws -> Double {
      let cell = try await figures(
        #"""
        "model": {"id": "quadratic", "options": {"k": 0}}, "at": {"mean": \#(0.7 * scale), "log_scale": \#(log(scale))},
        "replicates": 2000, "norm": "\#(norm)", "estimators": ["reparam"]
        """#)
      // f = z² is scale² times what it was, and so is the variance scale⁴ times.
      return try #require(cell.entries[0].all).variance / pow(scale, 4)
    }
    let (a, b) = (try await total(1, "fisher"), try await total(8, "fisher"))
    #expect(abs(a / b - 1) < 0.2)
    let (c, d) = (try await total(1, "euclidean"), try await total(8, "euclidean"))
    #expect(c / d > 1.2)
  }

  @Test func whatIsNoNormIsAFault() throws {
    let reading = try Reading(members: #""norm": "fishr", "estimators": ["score"]"#)
    #expect(reading.faults.contains { $0.contains("norm: expects 'euclidean' or 'fisher', found 'fishr'") })
    let point = try Reading(members: #""norm": "fisher", "at": {"log_scale": 400}, "estimators": ["score"]"#)
    #expect(point.faults.contains { $0.contains("beyond the range of a number") }, "\(point.faults)")
  }
}
