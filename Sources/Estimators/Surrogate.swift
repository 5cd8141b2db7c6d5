internal import GradientEstimation

/// A function c of relaxed draws x that stands in for f.
protocol Surrogate {
  /// Adds factor · c of each draw, `[K × B]`, at points where f has been evaluated.
  func addValues(_ points: OwnDraws, factor: Double, to values: inout [Double])
  /// Adds factor · ∇c of each draw, `[K × D × B]`, at points where ∇f has been.
  func addGradient(_ points: OwnDraws, factor: Double, to gradient: inout [Double])
}

/// A function that a surrogate is a linear combination of.
enum SurrogateFeature: Surrogate {
  case constant, coordinate(Int), integrand(Terms), square(Int)

  /// 1, x, f and x², of all coordinates: how many there are.
  static func count(_ dimension: Int) -> Int { 2 + 2 * dimension }

  /// The feature of a number below `count`.
  init(_ index: Int, dimension: Int, terms: Terms) {
    switch index {
    case 0: self = .constant
    case 1...dimension: self = .coordinate(index - 1)
    case dimension + 1: self = .integrand(terms)
    default: self = .square(index - dimension - 2)
    }
  }

  func addValues(_ points: OwnDraws, factor: Double, to values: inout [Double]) {
    let shape = points.block.shape, b = shape.lanes
    func x(_ i: Int, _ d: Int) -> Double { points.block.draws.z[(i / b * shape.dimension + d) * b + i % b] }
    switch self {
    case .constant: for i in values.indices { values[i] += factor }
    case .coordinate(let d): for i in values.indices { values[i] += factor * x(i, d) }
    case .integrand(let terms): points.addValues(of: terms, factor: factor, to: &values)
    case .square(let d): for i in values.indices { values[i] += factor * x(i, d) * x(i, d) }
    }
  }

  func addGradient(_ points: OwnDraws, factor: Double, to gradient: inout [Double]) {
    let shape = points.block.shape, b = shape.lanes
    func forEach(_ d: Int, _ body: (_ place: Int) -> Void) {
      for k in 0..<shape.samples {
        let row = (k * shape.dimension + d) * b
        for place in row..<row + b { body(place) }
      }
    }
    switch self {
    case .constant: break
    case .coordinate(let d): forEach(d) { gradient[$0] += factor }
    case .integrand(let terms): points.addGradient(of: terms, factor: factor, to: &gradient)
    case .square(let d): forEach(d) { gradient[$0] += factor * 2 * points.block.draws.z[$0] }
    }
  }
}

/// c(x) = ρ_0 + Σ_d ρ_d x_d + η f(x) + Σ_d ρ'_d x_d², by its coefficients in this order.
struct QuadraticSurrogate: Surrogate {
  let terms: Terms
  let coefficients: [Double]

  func addValues(_ points: OwnDraws, factor: Double, to values: inout [Double]) {
    forEach(points) { $0.addValues(points, factor: factor * $1, to: &values) }
  }

  func addGradient(_ points: OwnDraws, factor: Double, to gradient: inout [Double]) {
    forEach(points) { $0.addGradient(points, factor: factor * $1, to: &gradient) }
  }

  private func forEach(_ points: OwnDraws, _ body: (_ feature: SurrogateFeature, _ coefficient: Double) -> Void) {
    let d = points.block.shape.dimension
    for (i, coefficient) in coefficients.enumerated() where coefficient != 0 {
      body(SurrogateFeature(i, dimension: d, terms: terms), coefficient)
    }
  }
}
