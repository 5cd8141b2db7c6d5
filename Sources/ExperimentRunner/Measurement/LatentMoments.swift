internal import CKernels
internal import GradientEstimation
internal import Optimization
internal import Randomness

/// Mean and standard deviation of z under the q of a datum.
struct LatentMoments {
  let mean, deviation: [Double]

  /// Draws that moments of q are taken from where the family does not know them.
  private static let draws = 1000
  /// Data of a block.
  private static let width = 100

  /// Of the first `count` data of a part, each.
  ///
  /// - Parameters:
  ///   - problem: with its model at θ.
  ///   - phi: the network's parameters.
  static func each(
    of part: DataPart, count: Int, _ problem: Problem, _ network: any InferenceNetwork, _ phi: [Double],
    random: inout RandomStream
  ) -> [LatentMoments] {
    var found: [LatentMoments] = []
    for first in stride(from: 0, to: count, by: width) {
      let indices = (first..<min(first + width, count)).map { Int32($0) }
      let samples = problem.family.knowsMoments ? 1 : draws
      var block = AmortizedBlock(problem, network, samples: samples, lanes: indices.count)
      block.take(indices, of: part, parameters: phi, random: &random)
      block.block.sample(problem, random: &random)
      let moments = problem.family.moments(of: block.block)
      for lane in indices.indices {
        func row(_ values: [Double]) -> [Double] {
          (0..<problem.model.dimension).map { values[$0 * indices.count + lane] }
        }
        found.append(LatentMoments(mean: row(moments.mean), deviation: row(moments.deviation)))
      }
    }
    return found
  }
}

extension VariationalFamily {
  /// Whether mean and standard deviation of each coordinate are known from λ.
  var knowsMoments: Bool { self is any IndependentNormalFamily || self is any LogitFamily }

  /// Mean and standard deviation of each coordinate under each lane's λ, `[D × B]`; from the block's draws where they are not
  /// known.
  func moments(of block: borrowing DrawBlock) -> (mean: [Double], deviation: [Double]) {
    let (d, b, k) = (dimension, block.shape.lanes, block.shape.samples)
    var mean = [Double](repeating: 0, count: d * b), spread = mean
    if let family = self as? any IndependentNormalFamily {
      var first = mean.mutableSpan, second = spread.mutableSpan
      family.moments(at: block.draws, mean: &first, variance: &second)
      return (mean, spread.map { $0.squareRoot() })
    }
    if let family = self as? any LogitFamily, !(self is any IndependentCategoricalFamily) {
      var logits = mean.mutableSpan
      family.storeLogits(at: block.draws, into: &logits)
      let probabilities = mean.map { wb_sigmoid($0) }
      return (probabilities, probabilities.map { ($0 * (1 - $0)).squareRoot() })
    }
    let z = block.draws.z
    for i in z.indices { mean[i % (d * b)] += z[i] / Double(k) }
    for i in z.indices {
      let deviation = z[i] - mean[i % (d * b)]
      spread[i % (d * b)] += deviation * deviation / Double(max(1, k - 1))
    }
    return (mean, spread.map { $0.squareRoot() })
  }
}
