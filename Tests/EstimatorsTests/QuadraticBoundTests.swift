import Estimators
import Foundation
import GradientEstimation
import LatentModels
import Randomness
import Testing
import VariationalFamilies

/// Domke (2019), theorem 3: for f with an M-Lipschitz gradient and a stationary point z̄, z = C u + m, E‖∇_(m,C) f‖² is at most
/// M² [(d + 1) ‖m − z̄‖² + (d + 3) ‖C‖²] under normal u, with equality for f = ½ M ‖z − z̄‖². A second moment, not a variance,
/// and in C itself: the rows of log C_dd are divided by C_dd.
///
/// Each test compares a mean of 100 000 with its expectation at |z| < 5: 6e-7 each, below 10⁻³ for all of them.
@Suite struct QuadraticBoundTests {
  static let replicates = 100_000

  struct Place: Sendable, CustomTestStringConvertible {
    let dimension: Int
    let distance, scale: Double
    var testDescription: String { "d = \(dimension), m − z̄ = \(distance), scale \(scale)" }
    /// m, z̄ being 0.5 in every coordinate.
    var mean: [Double] { (0..<dimension).map { 0.5 + distance * cos(Double($0)) } }
  }

  static let places = [1, 3, 12].flatMap { d in
    [(0.0, 1.0), (1.5, 0.4), (0.3, 0.9)].map { Place(dimension: d, distance: $0.0, scale: $0.1) }
  }

  /// Single estimates `[P × B]` of ∇ E f, f = Σ (z − ½)², M = 2, with the noise of their draws `[D × B]`.
  func estimates(_ family: any VariationalFamily, _ lambda: [Double]) throws -> (gradients: [Double], noise: [Double]) {
    var cost = QuadraticCost()
    cost.dimensionOption = family.dimension
    cost.k = 0.5
    let problem = try Problem(model: cost, family: family, objective: Expectation(), sampling: IndependentSampling())
    let shape = problem.shape(samples: 1, lanes: Self.replicates), estimator = Reparameterization()
    var block = DrawBlock(shape: shape, parameters: lambda)
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 77)
    block.sample(problem, random: &random)
    block.evaluate(try estimator.requirements(samples: 1, of: problem).quantities, of: problem)
    var gradients = [Double](repeating: 0, count: shape.parameters * shape.lanes)
    var scratch = try estimator.makeWorkspace(for: problem, shape: shape)
    let state = estimator.initialState(for: problem, parameters: lambda)
    var span = gradients.mutableSpan
    estimator.estimate(problem, block, state: state, random: &random, workspace: &scratch, into: &span)
    return (gradients, block.draws.noise)
  }

  func hold(_ squares: [Double], to wanted: Double, sourceLocation: SourceLocation = #_sourceLocation) {
    let n = Double(squares.count), mean = squares.reduce(0, +) / n
    let error = (squares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1) / n).squareRoot()
    #expect(abs(mean - wanted) < 5 * error, "\(mean) ± \(error), should be \(wanted)", sourceLocation: sourceLocation)
    #expect(error < 0.02 * wanted, sourceLocation: sourceLocation)
  }

  /// ‖m − z̄‖²
  func distance(_ place: Place) -> Double { place.mean.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } }

  @Test(arguments: places) func equalityWithAFullMatrix(_ place: Place) throws {
    let d = place.dimension, family = FullRankNormal(dimension: d)
    let off = (0..<d * (d - 1) / 2).map { place.scale * 0.5 * sin(Double($0)) }
    let diagonal = (0..<d).map { place.scale * (1 + 0.3 * cos(Double($0))) }
    let (g, noise) = try estimates(family, place.mean + diagonal.map { log($0) } + off)
    let lanes = Self.replicates
    var triangle = [Double](repeating: 0, count: lanes), full = triangle
    for lane in 0..<lanes {
      var next = 2 * d
      for i in 0..<d {
        let slope = g[i * lanes + lane], diagonalSlope = g[(d + i) * lanes + lane] / diagonal[i]
        triangle[lane] += slope * slope + diagonalSlope * diagonalSlope
        for _ in 0..<i {
          triangle[lane] += g[next * lanes + lane] * g[next * lanes + lane]
          next += 1
        }
        // Entries of C above its diagonal are no parameters here; ∂/∂C_ij is ∂/∂m_i u_j.
        for j in i + 1..<max(d, i + 1) {
          let above = slope * noise[j * lanes + lane]
          full[lane] += above * above
        }
      }
      full[lane] += triangle[lane]
    }
    let size = (diagonal + off).reduce(0) { $0 + $1 * $1 }
    hold(full, to: 4 * (Double(d + 1) * distance(place) + Double(d + 3) * size))
    // Of the triangle alone row i has i + 1 derivatives: (i + 2) (m_i − z̄_i)² + (i + 4) Σ_j C_ij², counted from 0.
    var wanted = 0.0, next = 0
    for i in 0..<d {
      let row = off[next..<next + i].reduce(diagonal[i] * diagonal[i]) { $0 + $1 * $1 }
      let residual = place.mean[i] - 0.5
      wanted += Double(i + 2) * residual * residual + Double(i + 4) * row
      next += i
    }
    hold(triangle, to: 4 * wanted)
  }

  /// M² [2 ‖m − z̄‖² + 4 ‖c‖²], free of d.
  @Test(arguments: places) func equalityWithADiagonalMatrix(_ place: Place) throws {
    let d = place.dimension, scale = (0..<d).map { place.scale * (1 + 0.3 * cos(Double($0))) }
    let (g, _) = try estimates(MeanFieldNormal(dimension: d), place.mean + scale.map { log($0) })
    let lanes = Self.replicates
    let squares = (0..<lanes).map { lane in
      (0..<d).reduce(0.0) {
        let slope = g[$1 * lanes + lane], own = g[(d + $1) * lanes + lane] / scale[$1]
        return $0 + slope * slope + own * own
      }
    }
    hold(squares, to: 4 * (2 * distance(place) + 4 * scale.reduce(0) { $0 + $1 * $1 }))
  }
}
