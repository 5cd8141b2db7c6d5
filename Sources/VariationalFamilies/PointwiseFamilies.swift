internal import CKernels
public import GradientEstimation

extension MeanFieldNormal: PointwiseFamily {
  /// ε = (z − mean) e^{−log_scale}
  public func recoverNoise(_ draws: inout Draws) {
    let (lanes, shared) = (draws.shape.lanes, draws.sharesParameters), z = draws.z, parameters = draws.parameters
    for i in z.indices {
      let d = i / lanes % dimension, lane = i % lanes
      let mean = shared ? parameters[d] : parameters[d * lanes + lane]
      let logScale = shared ? parameters[dimension + d] : parameters[(dimension + d) * lanes + lane]
      draws.noise[i] = (z[i] - mean) * wb_exp(-logScale)
    }
  }
}

/// Density and score look at z alone.
extension MeanFieldBernoulli: PointwiseFamily {
  public func recoverNoise(_ draws: inout Draws) {}
}

extension MeanFieldCategorical: PointwiseFamily {
  public func recoverNoise(_ draws: inout Draws) {}
}

extension AutoregressiveBernoulli: PointwiseFamily {
  public func recoverNoise(_ draws: inout Draws) {}
}

extension FullRankNormal: PointwiseFamily {
  /// L ε = z − mean, by forward substitution.
  public func recoverNoise(_ draws: inout Draws) {
    let (k, lanes, shared) = (draws.shape.samples, draws.shape.lanes, draws.sharesParameters)
    let z = draws.z, parameters = draws.parameters, d = dimension
    func lambda(_ p: Int, _ lane: Int) -> Double { shared ? parameters[p] : parameters[p * lanes + lane] }
    for sample in 0..<k {
      for i in 0..<d {
        let row = 2 * d + i * (i - 1) / 2
        for lane in 0..<lanes {
          var rest = z[(sample * d + i) * lanes + lane] - lambda(i, lane)
          for j in 0..<i { rest -= lambda(row + j, lane) * draws.noise[(sample * d + j) * lanes + lane] }
          draws.noise[(sample * d + i) * lanes + lane] = rest * wb_exp(-lambda(d + i, lane))
        }
      }
    }
  }
}
