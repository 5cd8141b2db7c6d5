internal import CKernels
public import GradientEstimation

extension EightSchools {
  public func hessian(of term: Term, at z: [Double]) -> [Double] {
    var matrix = SymmetricMatrix(dimension: dimension)
    switch (term, parametrisation) {
    case (.prior, .centred):
      addHyperprior(z[1], &matrix)
      let precision = wb_exp(-2 * z[1])
      for j in 2..<dimension {
        let pull = precision * (z[j] - z[0])
        matrix.add(-precision, 0, 0)
        matrix.add(-2 * pull, 0, 1)
        matrix.add(-2 * pull * (z[j] - z[0]), 1, 1)
        matrix.add(precision, 0, j)
        matrix.add(2 * pull, 1, j)
        matrix.add(-precision, j, j)
      }
    case (.prior, .nonCentred):
      addHyperprior(z[1], &matrix)
      for j in 2..<dimension { matrix.add(-1, j, j) }
    case (_, .centred):
      for (i, precision) in Self.precisions.enumerated() { matrix.add(-precision, 2 + i, 2 + i) }
    case (_, .nonCentred):
      let tau = wb_exp(z[1])
      for (i, precision) in Self.precisions.enumerated() {
        let j = 2 + i, deviation = tau * z[j], residual = Self.effects[i] - z[0] - deviation
        matrix.add(-precision, 0, 0)
        matrix.add(-precision * deviation, 0, 1)
        matrix.add(precision * deviation * (residual - deviation), 1, 1)
        matrix.add(-precision * tau, 0, j)
        matrix.add(precision * tau * (residual - deviation), 1, j)
        matrix.add(-precision * tau * tau, j, j)
      }
    }
    return matrix.elements
  }

  private func addHyperprior(_ logScale: Double, _ matrix: inout SymmetricMatrix) {
    matrix.add(-1 / (Self.hyperscale * Self.hyperscale), 0, 0)
    matrix.add(Self.logScaleCurvature(logScale), 1, 1)
  }

  /// d²/du² of u − softplus(t), t = 2u − log 5²: −4 σ(t) σ(−t).
  private static func logScaleCurvature(_ logScale: Double) -> Double {
    let small = wb_exp(-abs(2 * logScale - logSquare))
    return -4 * small / ((1 + small) * (1 + small))
  }

  func storeDiagonalHessians(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let lanes = draws.shape.lanes, isCentred = parametrisation == .centred
    let count = Self.effects.count, hyperprecision = 1 / (Self.hyperscale * Self.hyperscale)
    evaluation.storeDiagonalHessian(of: .prior, needed, at: draws) { z, diagonal in
      for lane in 0..<lanes {
        let precision = isCentred ? wb_exp(-2 * z[lanes + lane]) : 0
        var curvature = Self.logScaleCurvature(z[lanes + lane])
        for j in 2..<2 + count {
          let distance = z[j * lanes + lane] - z[lane]
          curvature -= 2 * precision * (distance * distance)
          diagonal[j * lanes + lane] = isCentred ? -precision : -1
        }
        diagonal[lane] = -hyperprecision - Double(count) * precision
        diagonal[lanes + lane] = curvature
      }
    }
    evaluation.storeDiagonalHessian(of: .likelihood, needed, at: draws) { z, diagonal in
      let total = Self.precisions.reduce(0, +)
      for lane in 0..<lanes {
        let tau = isCentred ? 0 : wb_exp(z[lanes + lane])
        var curvature = 0.0
        for (i, precision) in Self.precisions.enumerated() {
          let j = 2 + i, deviation = tau * z[j * lanes + lane]
          curvature += precision * deviation * (Self.effects[i] - z[lane] - 2 * deviation)
          diagonal[j * lanes + lane] = isCentred ? -precision : -precision * tau * tau
        }
        diagonal[lane] = isCentred ? 0 : -total
        diagonal[lanes + lane] = curvature
      }
    }
  }
}
