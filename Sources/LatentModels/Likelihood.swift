internal import CKernels

/// p(x | o) of a datum x of d numbers, given the outputs o of a decoder.
enum Likelihood: Hashable, Sendable {
  /// Σ_i x_i o_i − log(1 + e^{o_i}), o the logits; of pixels in [0, 1] it is a cross entropy rather than a density.
  case bernoulli
  /// N(x; o, σ² I) of a fixed σ: squared error.
  case normal(noise: Double)
  /// N(x; o, σ² I), log σ learned.
  case sharedNormal
  /// N(x; m, diag(e^{2s})), o = (m, s).
  case diagonalNormal
  /// N(x; m, (R Rᵀ)⁻¹), o = (m, log R_ii, R_ij row by row for i > j): a full covariance by its precision's Cholesky factor.
  case fullNormal
  /// Each x_i one of C levels 0, 1/(C − 1), …, 1: softmax of C logits.
  case categorical(categories: Int)

  /// How many outputs d numbers take.
  func outputCount(_ d: Int) -> Int {
    switch self {
    case .bernoulli, .normal, .sharedNormal: d
    case .diagonalNormal: 2 * d
    case .fullNormal: 2 * d + d * (d - 1) / 2
    case .categorical(let categories): d * categories
    }
  }

  /// How many parameters it has of its own, beside the decoder's: log σ.
  var parameterCount: Int { self == .sharedNormal ? 1 : 0 }

  /// Stores log p of each lane, `[B]`, and its slopes in the outputs, `[O × B]`.
  ///
  /// - Parameters:
  ///   - own: its own parameters.
  ///   - outputs: `[O × B]`
  ///   - x: `[d]`, or by lane `[d × B]`.
  func store(
    _ own: UnsafePointer<Double>, _ outputs: UnsafePointer<Double>, _ x: Observation, d: Int, lanes: Int,
    values: UnsafeMutablePointer<Double>?, slopes: UnsafeMutablePointer<Double>?
  ) {
    switch self {
    case .bernoulli:
      wb_bernoulli_logits(outputs, x.start, x.isByLane ? 1 : 0, values, slopes, d, lanes)
    case .normal(let noise): storeNormal(wb_log(noise), outputs, x, d, lanes, values, slopes)
    case .sharedNormal: storeNormal(own[0], outputs, x, d, lanes, values, slopes)
    case .diagonalNormal: storeDiagonal(outputs, x, d, lanes, values, slopes)
    case .fullNormal: storeFull(outputs, x, d, lanes, values, slopes)
    case .categorical(let categories): storeCategorical(categories, outputs, x, d, lanes, values, slopes)
    }
  }

  /// ∂ log p / ∂ log σ of a lane, from its slopes (x − o)/σ², `[d × B]`.
  func slopeInLogNoise(
    _ logNoise: Double, _ slopes: UnsafePointer<Double>, d: Int, lanes: Int, lane: Int
  ) -> Double {
    let variance = wb_exp(2 * logNoise)
    var sum = 0.0
    for i in 0..<d { sum += slopes[i * lanes + lane] * slopes[i * lanes + lane] }
    return sum * variance - Double(d)
  }

  /// Stores E[x | o] of each lane, `[d × B]`.
  func storeMeans(
    _ outputs: UnsafePointer<Double>, d: Int, lanes: Int, into means: UnsafeMutablePointer<Double>
  ) {
    switch self {
    case .bernoulli: for i in 0..<d * lanes { means[i] = wb_sigmoid(outputs[i]) }
    case .normal, .sharedNormal, .diagonalNormal, .fullNormal: means.update(from: outputs, count: d * lanes)
    case .categorical(let categories):
      for i in 0..<d {
        let logits = outputs + i * categories * lanes
        for lane in 0..<lanes {
          var greatest = -Double.infinity, total = 0.0, mean = 0.0
          for c in 0..<categories { greatest = max(greatest, logits[c * lanes + lane]) }
          for c in 0..<categories {
            let weight = wb_exp(logits[c * lanes + lane] - greatest)
            total += weight
            mean += weight * Double(c) / Double(categories - 1)
          }
          means[i * lanes + lane] = mean / total
        }
      }
    }
  }

  private func storeNormal(
    _ logNoise: Double, _ outputs: UnsafePointer<Double>, _ x: Observation, _ d: Int, _ lanes: Int,
    _ values: UnsafeMutablePointer<Double>?, _ slopes: UnsafeMutablePointer<Double>?
  ) {
    let precision = wb_exp(-2 * logNoise), constant = -Double(d) * (logNoise + 0.5 * logTwoPi)
    values?.update(repeating: constant, count: lanes)
    for i in 0..<d {
      for lane in 0..<lanes {
        let residual = x[i, lane, lanes] - outputs[i * lanes + lane], slope = residual * precision
        values?[lane] -= 0.5 * residual * slope
        slopes?[i * lanes + lane] = slope
      }
    }
  }

  private func storeDiagonal(
    _ outputs: UnsafePointer<Double>, _ x: Observation, _ d: Int, _ lanes: Int,
    _ values: UnsafeMutablePointer<Double>?, _ slopes: UnsafeMutablePointer<Double>?
  ) {
    let logScales = outputs + d * lanes
    values?.update(repeating: -0.5 * Double(d) * logTwoPi, count: lanes)
    for i in 0..<d {
      for lane in 0..<lanes {
        let at = i * lanes + lane, residual = x[i, lane, lanes] - outputs[at]
        let slope = residual * wb_exp(-2 * logScales[at])
        values?[lane] -= logScales[at] + 0.5 * residual * slope
        slopes?[at] = slope
        slopes?[d * lanes + at] = residual * slope - 1
      }
    }
  }

  /// With r = x − m and y = Rᵀ r: log p = Σ_j log R_jj − ½ y_j², y_j = R_jj r_j + Σ_{i>j} R_ij r_i.
  private func storeFull(
    _ outputs: UnsafePointer<Double>, _ x: Observation, _ d: Int, _ lanes: Int,
    _ values: UnsafeMutablePointer<Double>?, _ slopes: UnsafeMutablePointer<Double>?
  ) {
    let diagonal = d * lanes, below = 2 * d * lanes
    values?.update(repeating: -0.5 * Double(d) * logTwoPi, count: lanes)
    slopes?.update(repeating: 0, count: outputCount(d) * lanes)
    for lane in 0..<lanes {
      for j in 0..<d {
        let scale = wb_exp(outputs[diagonal + j * lanes + lane])
        let own = scale * (x[j, lane, lanes] - outputs[j * lanes + lane])
        var y = own
        for i in j + 1..<max(d, j + 1) {
          let entry = below + (i * (i - 1) / 2 + j) * lanes + lane
          y += outputs[entry] * (x[i, lane, lanes] - outputs[i * lanes + lane])
        }
        values?[lane] += outputs[diagonal + j * lanes + lane] - 0.5 * y * y
        guard let slopes else { continue }
        slopes[j * lanes + lane] += y * scale
        slopes[diagonal + j * lanes + lane] = 1 - y * own
        for i in j + 1..<max(d, j + 1) {
          let entry = below + (i * (i - 1) / 2 + j) * lanes + lane
          slopes[i * lanes + lane] += y * outputs[entry]
          slopes[entry] = -y * (x[i, lane, lanes] - outputs[i * lanes + lane])
        }
      }
    }
  }

  private func storeCategorical(
    _ categories: Int, _ outputs: UnsafePointer<Double>, _ x: Observation, _ d: Int, _ lanes: Int,
    _ values: UnsafeMutablePointer<Double>?, _ slopes: UnsafeMutablePointer<Double>?
  ) {
    values?.update(repeating: 0, count: lanes)
    for i in 0..<d {
      let logits = outputs + i * categories * lanes
      for lane in 0..<lanes {
        var greatest = -Double.infinity, total = 0.0
        for c in 0..<categories { greatest = max(greatest, logits[c * lanes + lane]) }
        for c in 0..<categories { total += wb_exp(logits[c * lanes + lane] - greatest) }
        let level = Int((x[i, lane, lanes] * Double(categories - 1)).rounded())
        let normalizer = greatest + wb_log(total)
        values?[lane] += logits[level * lanes + lane] - normalizer
        guard let slopes else { continue }
        for c in 0..<categories {
          slopes[(i * categories + c) * lanes + lane] =
            (c == level ? 1 : 0) - wb_exp(logits[c * lanes + lane] - normalizer)
        }
      }
    }
  }
}

/// x of a block: one for all lanes, `[d]`, or by lane, `[d × B]`.
struct Observation {
  let start: UnsafePointer<Double>
  let isByLane: Bool

  subscript(_ i: Int, _ lane: Int, _ lanes: Int) -> Double { isByLane ? start[i * lanes + lane] : start[i] }
}
