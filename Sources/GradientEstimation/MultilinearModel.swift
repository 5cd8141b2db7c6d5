internal import CKernels
public import Randomness

/// A model of bits, or of one-hot variables, whose log p(x, z) is linear in each variable given the others: its expectation under
/// independent variables is log p(x, E z), and the optimal factors of coordinate ascent have the logits
///
///     φ_d = ∂ log p(x, z)/∂z_d at E z
///
/// which for the variable of d do not depend on that variable itself. Wainwright and Jordan (2008), section 5.3.1.
///
/// A conformer has the whole of `CoordinateAscentModel` from here: its factors are Bernoullis, or categorical, by their logits.
public protocol MultilinearModel: CoordinateAscentModel {
  /// log p(x, z), extended linearly in each variable, at z `[D]`.
  func logJoint(at z: [Double]) -> Double
  /// Its derivative in z_d.
  func slope(_ d: Int, at z: [Double]) -> Double
}

extension MultilinearModel {
  public var factorBlocks: [ParameterBlock] { [ParameterBlock(name: "logit", range: 0..<dimension)] }

  /// Standard normal logits.
  public func initialFactors(random: inout RandomStream) -> [Double] {
    var logits = [Double](repeating: 0, count: dimension), span = logits.mutableSpan
    random.fillNormals(&span)
    return logits
  }

  /// Variable by variable.
  public func sweep(_ factors: inout [Double]) {
    var means = means(factors)
    for start in stride(from: 0, to: dimension, by: width) {
      for d in start..<start + width { factors[d] = slope(d, at: means) }
      storeMeans(factors, start, into: &means)
    }
  }

  public func bound(_ factors: [Double]) -> Double {
    let means = means(factors)
    var entropy = 0.0
    for start in stride(from: 0, to: dimension, by: width) {
      if width == 1 {
        // H = log(1 + e^{−|φ|}) + |φ| σ(−|φ|): of terms that are not negative.
        let size = abs(factors[start])
        entropy += wb_softplus(-size) + size * wb_sigmoid(-size)
      } else {
        let total = logSum(factors, start)
        for d in start..<start + width where means[d] > 0 { entropy -= means[d] * (factors[d] - total) }
      }
    }
    return logJoint(at: means) + entropy
  }

  /// Coordinates of a variable.
  private var width: Int {
    if case .oneHot(let categories) = support { return categories }
    return 1
  }

  private func logSum(_ logits: [Double], _ start: Int) -> Double {
    let range = start..<start + width, greatest = range.reduce(-Double.infinity) { max($0, logits[$1]) }
    return greatest + wb_log(range.reduce(0) { $0 + wb_exp(logits[$1] - greatest) })
  }

  private func storeMeans(_ logits: [Double], _ start: Int, into means: inout [Double]) {
    guard width > 1 else {
      means[start] = wb_sigmoid(logits[start])
      return
    }
    let total = logSum(logits, start)
    for d in start..<start + width { means[d] = wb_exp(logits[d] - total) }
  }

  /// E z of those logits, `[D]`.
  private func means(_ logits: [Double]) -> [Double] {
    var means = logits
    for start in stride(from: 0, to: dimension, by: width) { storeMeans(logits, start, into: &means) }
    return means
  }
}

/// Of log polynomials without logarithms: squares of bits are the bits.
extension MultilinearModel where Self: LogPolynomialModel {
  private var polynomials: [LogPolynomial] { terms.members.compactMap { logPolynomial(of: $0) } }

  public func logJoint(at z: [Double]) -> Double {
    polynomials.reduce(0) { sum, part in
      z.indices.reduce(sum) { $0 + part.constant[$1] + (part.linear[$1] + part.quadratic[$1]) * z[$1] }
    }
  }

  public func slope(_ d: Int, at z: [Double]) -> Double {
    polynomials.reduce(0) { $0 + $1.linear[d] + $1.quadratic[d] }
  }
}
