internal import CKernels

extension Likelihood {
  /// Whether draws are made of uniform numbers, rather than of normal ones.
  var drawsFromUniforms: Bool {
    switch self {
    case .bernoulli, .categorical: true
    case .normal, .sharedNormal, .diagonalNormal, .fullNormal: false
    }
  }

  /// Stores a draw of p(x | o) for each lane, `[d × B]`.
  ///
  /// - Parameters:
  ///   - logNoise: its own parameter, log σ, where it has one.
  ///   - outputs: `[O × B]`
  ///   - noise: `[d × B]`
  func storeDraws(
    _ logNoise: Double, _ outputs: UnsafePointer<Double>, _ noise: [Double], d: Int, lanes: Int,
    into x: UnsafeMutablePointer<Double>
  ) {
    switch self {
    case .bernoulli: for i in 0..<d * lanes { x[i] = noise[i] < wb_sigmoid(outputs[i]) ? 1 : 0 }
    case .normal(let sigma): for i in 0..<d * lanes { x[i] = outputs[i] + sigma * noise[i] }
    case .sharedNormal:
      let sigma = wb_exp(logNoise)
      for i in 0..<d * lanes { x[i] = outputs[i] + sigma * noise[i] }
    case .diagonalNormal:
      for i in 0..<d * lanes { x[i] = outputs[i] + wb_exp(outputs[d * lanes + i]) * noise[i] }
    case .fullNormal: storeFullDraws(outputs, noise, d, lanes, x)
    case .categorical(let categories): storeLevels(categories, outputs, noise, d, lanes, x)
    }
  }

  /// x = m + r with Rᵀ r = ε, from the last row up.
  private func storeFullDraws(
    _ outputs: UnsafePointer<Double>, _ noise: [Double], _ d: Int, _ lanes: Int, _ x: UnsafeMutablePointer<Double>
  ) {
    let diagonal = d * lanes, below = 2 * d * lanes
    for lane in 0..<lanes {
      for j in stride(from: d - 1, through: 0, by: -1) {
        var rest = noise[j * lanes + lane]
        for i in j + 1..<max(d, j + 1) {
          let residual = x[i * lanes + lane] - outputs[i * lanes + lane]
          rest -= outputs[below + (i * (i - 1) / 2 + j) * lanes + lane] * residual
        }
        x[j * lanes + lane] = outputs[j * lanes + lane] + rest * wb_exp(-outputs[diagonal + j * lanes + lane])
      }
    }
  }

  /// The level at which the distribution function of the softmax passes u.
  private func storeLevels(
    _ categories: Int, _ outputs: UnsafePointer<Double>, _ noise: [Double], _ d: Int, _ lanes: Int,
    _ x: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<d {
      let logits = outputs + i * categories * lanes
      for lane in 0..<lanes {
        var greatest = -Double.infinity, total = 0.0
        for c in 0..<categories { greatest = max(greatest, logits[c * lanes + lane]) }
        for c in 0..<categories { total += wb_exp(logits[c * lanes + lane] - greatest) }
        var rest = noise[i * lanes + lane] * total, level = 0
        while level < categories - 1 {
          rest -= wb_exp(logits[level * lanes + lane] - greatest)
          if rest < 0 { break }
          level += 1
        }
        x[i * lanes + lane] = Double(level) / Double(categories - 1)
      }
    }
  }
}
