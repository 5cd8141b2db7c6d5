import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

/// Densities without data: `funnel` and `banana`.
@Suite struct TargetDensityTests {
  static func funnel(_ dimension: Int, scale: Double) -> Funnel {
    var model = Funnel()
    (model.dimensionOption, model.scale) = (dimension, scale)
    return model
  }

  static func banana(_ dimension: Int, scale: Double, curvature: Double) -> Banana {
    var model = Banana()
    (model.dimensionOption, model.scale, model.curvature) = (dimension, scale, curvature)
    return model
  }

  @Test(arguments: [(2, 3.0), (3, 1), (10, 0.7)]) func funnel(_ dimension: Int, _ scale: Double) throws {
    let model = Self.funnel(dimension, scale: scale)
    try checkEvaluation(.prior, of: model, samples: 2, lanes: 3) { z in
      [logNormal(z[0], 0, scale) + z[1...].reduce(0) { $0 + logNormal($1, 0, exp(0.5 * z[0])) }]
    }
    let mean = try normals(3, dimension), deviations = try normals(4, dimension).map { exp(0.3 * $0 - 0.5) }
    try checkMomentsByDraws(.prior, of: model, mean: mean, scale: deviations)
    try checkCovarianceMoments(of: model, mean: mean)
  }

  @Test(arguments: [(2, 10, 0.03), (3, 2, -0.4), (5, 1, 0)])
  func banana(_ dimension: Int, _ scale: Double, _ curvature: Double) throws {
    let model = Self.banana(dimension, scale: scale, curvature: curvature)
    try checkEvaluation(.prior, of: model, samples: 2, lanes: 3) { z in
      let straight = z[1] + curvature * (z[0] * z[0] - scale * scale)
      return [
        logNormal(z[0], 0, scale) + logNormal(straight, 0, 1) + z.dropFirst(2).reduce(0) { $0 + logNormal($1, 0, 1) }
      ]
    }
    let mean = try normals(5, dimension), deviations = try normals(6, dimension).map { exp(0.3 * $0) }
    try checkMomentsByDraws(.prior, of: model, mean: mean, scale: deviations)
    try checkCovarianceMoments(of: model, mean: mean)
  }

  /// There are no data: nothing is likely, or is its gradient anything.
  @Test func noData() throws {
    for model in [Self.funnel(3, scale: 3), Self.banana(3, scale: 10, curvature: 0.1)] as [any LatentModel] {
      try checkEvaluation(.likelihood, of: model, samples: 2, lanes: 3) { _ in [0] }
      let known = try #require(model as? any NormalExpectations)
      let moments = try #require(known.hermiteMoments(of: .likelihood, mean: [1, 2, 3], scale: [1, 1, 1]))
      #expect(moments.value == 0 && (moments.first + moments.second + moments.fourth).allSatisfy { $0 == 0 })
      #expect(model.logEvidence == 0 && model.prior == nil)
    }
  }

  /// ∫ p dz = 1 in two dimensions, by the trapezoidal rule: along x or z_2 first, whose width at each v or z_1 is known.
  @Test func normalisation() throws {
    func integral(_ model: any LatentModel, _ outer: [Double], _ line: (Double) -> (center: Double, width: Double))
      throws
      -> Double
    {
      let step = outer[1] - outer[0]
      return try outer.reduce(0) { total, a in
        let (center, width) = line(a), lanes = normalRule.count
        let z = Array(repeating: a, count: lanes) + normalRule.map { center + width * $0.point }
        let values = try Computed(.prior, of: model, at: z, samples: 1, lanes: lanes).values
        return total + step * width / 16 * values.reduce(0) { $0 + exp($1) }
      }
    }
    let wide = (-400...400).map { Double($0) / 16 }
    #expect(abs(try integral(Self.funnel(2, scale: 2), wide) { (0, exp(0.5 * $0)) } - 1) < 1e-12)
    #expect(
      abs(try integral(Self.banana(2, scale: 3, curvature: 0.5), wide) { (-0.5 * ($0 * $0 - 9), 1) } - 1) < 1e-12)
  }
}
