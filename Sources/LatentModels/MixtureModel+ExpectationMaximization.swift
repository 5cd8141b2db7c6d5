internal import CKernels
internal import GradientEstimation
internal import Randomness

extension MixtureModel: ExactLikelihoodModel {
  func logLikelihood(of part: DataPart) -> Double? {
    guard !data.isDynamic, dataCount(part) > 0 else { return nil }
    let likelihood = components.expected(part == .training ? data.training : data.test).logLikelihood
    return likelihood.isFinite ? likelihood : nil
  }

  var atMaximumLikelihood: MixtureModel? { nil }
  var maximumLogLikelihood: Double? { nil }
}

/// McLachlan and Peel (2000), section 3.2; Bishop (2006), section 9.2.2. z_n is one variable: factorised inference is exact.
///
/// The law is that of the greatest likelihood of components no narrower than `leastScale`: so it holds from where training
/// starts, and from a θ of narrower components after one iteration.
///
/// - Cost: O(N C d) an iteration, O(N C d²) with full covariances.
extension MixtureModel: ExpectationMaximizationModel {
  func maximized(_ inference: LocalInference) -> (model: MixtureModel, bound: Double)? {
    guard !data.isDynamic else { return nil }
    let (shares, bound) = components.expected(data.training)
    guard bound.isFinite, let best = components.maximizer(of: data.training, shares, leastScale: leastScale)
    else { return nil }
    return (with(modelParameters: best), bound)
  }

  func bound(_ inference: LocalInference, of part: DataPart) -> Double? { logLikelihood(of: part) }
}

extension MixtureComponents {
  /// p(z_n = e_c | x_n), `[C × N]`, and (1/N) Σ_n log p(x_n).
  func expected(_ data: Dataset) -> (shares: [Double], logLikelihood: Double) {
    let n = data.count, d = dimension
    var shares = [Double](repeating: 0, count: count * n), sum = 0.0
    data.values.withUnsafeBufferPointer { x in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: d) { room in
        guard let x = x.baseAddress, let y = room.baseAddress else { return }
        for datum in 0..<n {
          var greatest = -Double.infinity
          for c in 0..<count {
            let joint = assignments.logProbability[c] + logDensity(c, x + datum * d, stride: 1, whitened: y)
            shares[c * n + datum] = joint
            greatest = max(greatest, joint)
          }
          var total = 0.0
          for c in 0..<count {
            shares[c * n + datum] = wb_exp(shares[c * n + datum] - greatest)
            total += shares[c * n + datum]
          }
          for c in 0..<count { shares[c * n + datum] /= total }
          sum += greatest + wb_log(total)
        }
      }
    }
    return (shares, sum / Double(n))
  }

  /// θ of the greatest Σ_n E log p(x_n, z_n): with shares r_nc and R_c = Σ_n r_nc
  ///
  ///     π_c = R_c/N,   μ_c = Σ_n r_nc x_n / R_c,   S_c = Σ_n r_nc (x_n − μ_c)(x_n − μ_c)ᵀ / R_c
  ///
  /// L_c L_cᵀ is S_c, its diagonal or the mean of that; of directions that vary less than `leastScale` in it, with that.
  /// Nil where a component has no data, or no variance.
  func maximizer(of data: Dataset, _ shares: [Double], leastScale: Double) -> [Double]? {
    let n = data.count, d = dimension
    var logits: [Double] = [], means: [Double] = [], logScales: [Double] = [], below: [Double] = []
    for c in 0..<count {
      let own = shares[c * n..<(c + 1) * n], total = own.reduce(0, +)
      guard total > 0, total.isFinite else { return nil }
      var mean = [Double](repeating: 0, count: d)
      for (datum, share) in zip(0..<n, own) where share > 0 {
        for i in 0..<d { mean[i] += share / total * data.values[datum * d + i] }
      }
      let roots = own.map { ($0 / total).squareRoot() }
      let columns = (0..<d).map { i in
        let column = (0..<n).map { roots[$0] * (data.values[$0 * d + i] - mean[i]) }
        // What rounding of the mean leaves is no variance.
        let rounding = Double(n) * 0x1p-52 * abs(mean[i])
        return column.reduce(0) { $0 + $1 * $1 } > rounding * rounding ? column : column.map { _ in 0 }
      }
      guard let factor = scale(ofColumns: columns, least: leastScale) else { return nil }
      logits.append(wb_log(total / Double(n)))
      means += mean
      switch covariance {
      case .spherical: logScales.append(wb_log(factor[0]))
      case .diagonal: logScales += factor.map { wb_log($0) }
      case .full:
        for i in 0..<d {
          logScales.append(wb_log(factor[i * d + i]))
          below += factor[i * d..<i * d + i]
        }
      }
    }
    let best = logits + means + logScales + below
    return best.allSatisfy(\.isFinite) ? best : nil
  }

  /// L_c of S_c = XᵀX, X `[N × d]` by its columns: one number, `[d]` or `[d × d]`.
  private func scale(ofColumns columns: [[Double]], least: Double) -> [Double]? {
    guard covariance != .full else { return fullScale(triangularFactor(ofColumns: columns), least: least) }
    let variances = columns.map { $0.reduce(0) { $0 + $1 * $1 } }
    let kept = covariance == .diagonal ? variances : [variances.reduce(0, +) / Double(variances.count)]
    let scales = kept.map { max($0.squareRoot(), least) }
    return scales.allSatisfy { $0 > 0 } ? scales : nil
  }

  /// Of S = F Fᵀ with eigenvectors u: where all |Fᵀ u| are at least `least`, F itself; else L of Σ max(|Fᵀ u|, least)² u uᵀ,
  /// which is the covariance of the greatest likelihood among those.
  private func fullScale(_ factor: [Double], least: Double) -> [Double]? {
    let d = dimension
    var scatter = SymmetricMatrix(dimension: d)
    for i in 0..<d {
      for j in 0...i { scatter.add((0...j).reduce(0) { $0 + factor[i * d + $1] * factor[j * d + $1] }, i, j) }
    }
    guard let found = EigenDecomposition(scatter.elements, dimension: d) else { return nil }
    let axes = (0..<d).map { Array(found.vectors[$0 * d..<($0 + 1) * d]) }
    let scales = axes.map { axis in
      (0..<d).reduce(0.0) { sum, j in
        let along = (j..<d).reduce(0.0) { $0 + factor[$1 * d + j] * axis[$1] }
        return sum + along * along
      }.squareRoot()
    }
    let greatest = scales.max() ?? 0
    guard greatest.isFinite, max(greatest, least) > 0 else { return nil }
    if scales.allSatisfy({ $0 >= least }) {
      return scales.allSatisfy { $0 > Double(d) * 0x1p-50 * greatest } ? factor : nil
    }
    let raised = triangularFactor(ofColumns: (0..<d).map { i in (0..<d).map { max(scales[$0], least) * axes[$0][i] } })
    return (0..<d).allSatisfy { raised[$0 * d + $0] > 0 } ? raised : nil
  }
}

extension MixtureComponents {
  /// Where training starts: equal shares, means at data that are chosen at random, all different rows, and the scales of all data,
  /// or `leastScale` where they are less; 1 where both are 0.
  init(of data: Dataset, count: Int, covariance: Covariance, leastScale: Double, random: inout RandomStream) {
    let d = data.dimension, variances = data.meanAndVariance.variance
    var order = (0..<Int32(data.count)).map { $0 }, chosen = [Int32](repeating: 0, count: count)
    var span = chosen.mutableSpan
    random.choose(count, of: &order, lanes: 1, into: &span)
    let means = chosen.flatMap { data.values[Int($0) * d..<(Int($0) + 1) * d] }
    let kept = covariance == .spherical ? [variances.reduce(0, +) / Double(d)] : variances
    let logScales = kept.map { variance in
      let scale = max(variance.squareRoot(), leastScale)
      return scale > 0 && scale.isFinite ? wb_log(scale) : 0
    }
    let below = covariance == .full ? count * d * (d - 1) / 2 : 0
    self.init(
      count: count, dimension: d, covariance: covariance,
      parameters: Array(repeating: 0, count: count) + means + (0..<count).flatMap { _ in logScales }
        + Array(repeating: 0, count: below))
  }
}
