import Foundation
import GradientEstimation
import Testing

/// Holds the moments of a term to what `evaluate` gives: E f to the mean over 2¹⁶ draws, within five standard errors
/// (a false alarm in 2·10⁶ calls), and the rest to E f, by
/// E ∂ʲf/∂ε_dʲ = s_dʲ ∂ʲ/∂m_dʲ E f.
func checkMomentsByDraws(
  _ term: Term, of model: any Integrand, mean: [Double], scale: [Double], tolerance: Double = 1e-7,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let known = try #require(model as? any NormalExpectations, sourceLocation: sourceLocation), d = model.dimension
  func moments(_ mean: [Double]) -> HermiteMoments {
    known.hermiteMoments(of: term, mean: mean, scale: scale)
      ?? HermiteMoments(value: .nan, first: [], second: [], fourth: [])
  }
  let found = moments(mean), lanes = 1 << 10, blocks = 1 << 6
  var sum = 0.0, squares = 0.0
  for block in 0..<blocks {
    var z = try normals(UInt(1000 + block), d * lanes)
    for i in 0..<d { for lane in 0..<lanes { z[i * lanes + lane] = mean[i] + scale[i] * z[i * lanes + lane] } }
    for value in try Computed(term, of: model, at: z, samples: 1, lanes: lanes).values {
      let deviation = value - found.value
      sum += deviation
      squares += deviation * deviation
    }
  }
  let count = Double(lanes * blocks)
  let error = (squares / count).squareRoot() / count.squareRoot()
  #expect(
    abs(sum / count) <= 5 * error + 1e-12 * abs(found.value), "E f: \(sum / error / count) standard errors",
    sourceLocation: sourceLocation)
  for i in 0..<d {
    func along(_ value: @escaping (HermiteMoments) -> Double) -> (Double) -> Double {
      { moved in
        var mean = mean
        mean[i] = moved
        return value(moments(mean))
      }
    }
    let s = scale[i]
    let first = s * derivative(at: mean[i], along(\.value))
    let second = s * derivative(at: mean[i], along { $0.first[i] })
    let fourth = s * s * derivative(at: mean[i]) { derivative(at: $0, along { $0.second[i] }) }
    #expect(
      largestError([found.first[i], found.second[i], found.fourth[i]], [first, second, fourth]) < tolerance,
      "coordinate \(i)", sourceLocation: sourceLocation)
  }
  #expect(known.hermiteMoments(of: .cost, mean: mean, scale: scale) == nil, sourceLocation: sourceLocation)
}

/// Holds the moments under a full covariance to those under a diagonal one, which `checkMomentsByDraws` holds to draws: E f
/// where the covariance is diagonal, and E ∇f = ∂/∂m E f, E ∇²f = ∂/∂m E ∇f and, for what correlation does to E f,
/// ∂E f/∂Σ_ij = E ∂²f/∂z_i∂z_j (half of it for i = j), by differences.
func checkCovarianceMoments(
  of model: any Integrand, mean: [Double], tolerance: Double = 1e-7, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let known = try #require(model as? any NormalExpectations, sourceLocation: sourceLocation), d = model.dimension
  let scale = try normals(41, d).map { 0.6 * exp(0.2 * $0) }, loadings = try normals(42, d).map { 0.3 * $0 }
  func covariance(_ correlated: Double) -> [Double] {
    (0..<d * d).map { place in
      let (i, j) = (place / d, place % d)
      return correlated * loadings[i] * loadings[j] + (i == j ? scale[i] * scale[i] : 0)
    }
  }
  for term in model.terms.members {
    func moments(_ mean: [Double], _ covariance: [Double]) -> CovarianceMoments {
      known.covarianceMoments(of: term, mean: mean, covariance: covariance)
        ?? CovarianceMoments(value: .nan, gradient: [], hessian: [])
    }
    let plain = try #require(known.hermiteMoments(of: term, mean: mean, scale: scale))
    let diagonal = moments(mean, covariance(0)), found = moments(mean, covariance(1))
    #expect(largestError([diagonal.value], [plain.value]) < 1e-12, "\(term)", sourceLocation: sourceLocation)
    for i in 0..<d {
      func along(_ value: @escaping (CovarianceMoments) -> Double) -> Double {
        derivative(at: mean[i]) { moved in
          var mean = mean
          mean[i] = moved
          return value(moments(mean, covariance(1)))
        }
      }
      #expect(
        largestError([found.gradient[i]], [along(\.value)]) < tolerance, "\(term) \(i)", sourceLocation: sourceLocation)
      for j in 0..<d {
        let slope = along { $0.gradient[j] }, both = found.hessian[i * d + j]
        #expect(largestError([both], [slope]) < tolerance, "\(term) \(i) \(j)", sourceLocation: sourceLocation)
        #expect(both == found.hessian[j * d + i], sourceLocation: sourceLocation)
        let spread = derivative(at: 0) { moved in
          var covariance = covariance(1)
          covariance[i * d + j] += moved
          if i != j { covariance[j * d + i] += moved }
          return moments(mean, covariance).value
        }
        #expect(
          largestError([i == j ? 0.5 * both : both], [spread]) < tolerance, "\(term) Σ \(i) \(j)",
          sourceLocation: sourceLocation)
      }
    }
  }
}

/// log N(z; mean, scale²)
func logNormal(_ z: Double, _ mean: Double, _ scale: Double) -> Double {
  -0.5 * log(2 * .pi) - log(scale) - 0.5 * pow((z - mean) / scale, 2)
}
