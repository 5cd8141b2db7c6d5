internal import CKernels
internal import GradientEstimation

/// A square grid over two standard normals ε, for expectations by the trapezoidal rule: of a function that is analytic for
/// |Im ε| < a it is off by a factor e^{−2πa/h} (Trefethen and Weideman 2014, section 5), which squares as the spacing h is halved.
///
/// Of the same points every other one in either direction makes the rule of spacing 2h, so each sum comes with its error.
struct NormalGrid: Sendable {
  private static let lanes = 64
  /// Where the grid ends: the density has fallen to 10⁻²² of its greatest.
  private static let radius = 10.0
  /// What is left beyond is less than what lies between this and the end.
  private static let inner = 9.0

  /// ε, `[rows × 2 × lanes]`, and the weight of each point; 0 in what is left of the last row.
  private let noise, weights: [Double]
  /// By what a point's weight is multiplied in the rule of spacing 2h, 4 or 0, and whether it lies on the rim, 1 or 0.
  private let coarse, rim: [Double]

  /// From coarse to fine.
  static let all = [0.5, 0.25, 0.125, 0.0625].map { NormalGrid(spacing: $0) }

  private init(spacing h: Double) {
    let reach = Int(Self.radius / h), lanes = Self.lanes
    var points: [(i: Int, j: Int)] = []
    for i in -reach...reach {
      for j in -reach...reach where h * h * Double(i * i + j * j) <= Self.radius * Self.radius { points.append((i, j)) }
    }
    let rows = (points.count + lanes - 1) / lanes
    var noise = [Double](repeating: 0, count: rows * 2 * lanes)
    var weights = [Double](repeating: 0, count: rows * lanes)
    var coarse = weights, rim = weights
    for (n, point) in points.enumerated() {
      let (x, y) = (h * Double(point.i), h * Double(point.j)), square = x * x + y * y
      let place = n / lanes * 2 * lanes + n % lanes
      noise[place] = x
      noise[place + lanes] = y
      weights[n] = h * h * wb_exp(-0.5 * square - logTwoPi)
      coarse[n] = point.i % 2 == 0 && point.j % 2 == 0 ? 4 : 0
      rim[n] = square > Self.inner * Self.inner ? 1 : 0
    }
    (self.noise, self.weights, self.coarse, self.rim) = (noise, weights, coarse, rim)
  }

  /// E_q Σ `terms` and its gradient; nil where this grid is too coarse or q's tails are too long for it.
  func expectation(
    of terms: Terms, for model: any Integrand, under family: AffineCouplingFlow, _ parameters: [Double]
  ) -> ExactExpectation? {
    let whole = (model as? any SubsampledModel)?.withAllData ?? model
    let objective: any Objective = model is any LatentModel ? EvidenceLowerBound() : Expectation()
    guard
      let problem = try? Problem(
        model: whole, family: family, objective: objective, sampling: IndependentSampling())
    else { return nil }
    let lanes = Self.lanes, p = family.parameterCount, sampled = terms.subtracting(.entropy)
    let shape = Shape(samples: weights.count / lanes, dimension: 2, parameters: p, lanes: lanes)
    var block = DrawBlock(shape: shape, parameters: parameters)
    block.draws.noise = noise
    family.transform(&block.draws)
    block.evaluate(Quantities(values: sampled, gradients: sampled), of: problem)
    let values = sampled.members.map { block.evaluation.values(of: $0) }
    let slopes = sampled.isEmpty ? [] : block.evaluation.gradient(of: sampled)
    // The value and then the gradient.
    var sums = [Sum](repeating: Sum(), count: 1 + p)
    family.forEachPass(shape, parameters, noise: noise, room: p) { pass, k, columns, row in
      let weight = weights.lanes(columns, of: k, lanes)
      let part = (coarse: coarse.lanes(columns, of: k, lanes), rim: rim.lanes(columns, of: k, lanes))
      let logDeterminant = pass.goForward(), e = pass.noise
      var value = Lanes(repeating: 0), entropyWeight = value
      if terms.contains(.entropy) {
        value = 0.5 * (e[0] * e[0] + e[1] * e[1]) + logTwoPi + logDeterminant
        entropyWeight = weight
      }
      for term in values { value += term.lanes(columns, of: k, lanes) }
      for i in 0..<2 {
        pass.cotangent[i] = slopes.isEmpty ? Lanes(repeating: 0) : weight * slopes.lanes(columns, of: k * 2 + i, lanes)
      }
      row.update(repeating: Lanes(repeating: 0), count: p)
      pass.pullBack(weight: entropyWeight, to: row)
      sums[0].add(weight * value, part)
      for i in 0..<p { sums[1 + i].add(row[i], part) }
    }
    guard sums.allSatisfy(\.isSettled) else { return nil }
    let value = sums[0].fine
    return ExactExpectation(
      value: value, gradient: sums.dropFirst().map(\.fine), coordinateValues: [value, value], optimalShift: nil)
  }

  /// Sums over a grid.
  private struct Sum {
    /// By the rule, by that of twice the spacing, of the absolute values, and of those on the rim.
    private var lanes = (
      fine: Lanes(repeating: 0), coarse: Lanes(repeating: 0), size: Lanes(repeating: 0), rim: Lanes(repeating: 0)
    )

    mutating func add(_ x: Lanes, _ part: (coarse: Lanes, rim: Lanes)) {
      let size = x.replacing(with: -x, where: x .< 0)
      lanes.fine += x
      lanes.coarse += part.coarse * x
      lanes.size += size
      lanes.rim += part.rim * size
    }

    var fine: Double { total(lanes.fine) }

    /// The coarse sum's error is below 10⁻⁶, so the fine one's is about the square of that; and from the rim's last unit to
    /// what lies beyond it the density falls by e^{−9.5}.
    var isSettled: Bool {
      let size = total(lanes.size)
      return abs(fine - total(lanes.coarse)) <= 1e-6 * size && total(lanes.rim) <= 1e-9 * size
    }

    private func total(_ numbers: Lanes) -> Double { (0..<8).reduce(0) { $0 + numbers[$1] } }
  }
}
