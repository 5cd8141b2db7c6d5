internal import CKernels
internal import GradientEstimation

/// A term of a model of coefficients w and a precision τ, as a function of z = (w, t), t = log τ:
///
///     f(z) = constant + slope t − e^t h(w),   h(w) = offset + ½ |ρ − R w|²
///
/// with R upper triangular or diagonal, `[D × D]`. Log densities of a normal with the precision τ, and of a gamma, are such terms; h
/// is a sum of squares.
///
/// - Cost: O(D²) an evaluation, O(D) of a diagonal R.
struct PrecisionTerm: Sendable {
  let constant, slope, offset: Double
  /// ρ, `[D]`
  let target: [Double]
  /// R, row by row.
  let matrix: [Double]
  let isDiagonal: Bool
  /// D
  var width: Int { target.count }

  /// Where row i of R is not zero.
  private func columns(_ i: Int) -> Range<Int> { i..<(isDiagonal ? i + 1 : width) }

  /// ρ − R w
  func residual(_ w: (Int) -> Double) -> [Double] {
    (0..<width).map { i in columns(i).reduce(target[i]) { $0 - matrix[i * width + $1] * w($1) } }
  }

  private func height(_ residual: [Double]) -> Double { residual.reduce(offset) { $0 + 0.5 * $1 * $1 } }

  /// −∇h = Rᵀ (ρ − R w)
  private func descent(_ residual: [Double]) -> [Double] {
    var descent = [Double](repeating: 0, count: width)
    for i in 0..<width { for j in columns(i) { descent[j] += matrix[i * width + j] * residual[i] } }
    return descent
  }

  /// The diagonal of ∇²h = Rᵀ R.
  private var curvature: [Double] {
    var curvature = [Double](repeating: 0, count: width)
    for i in 0..<width { for j in columns(i) { curvature[j] += matrix[i * width + j] * matrix[i * width + j] } }
    return curvature
  }

  /// Stores its quantities as `term` in `evaluation`.
  func store(_ term: Term, _ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (d, lanes) = (width, draws.shape.lanes), curvature = curvature
    evaluation.store(term, needed, at: draws) { z, values, gradient in
      for lane in 0..<lanes {
        let t = z[d * lanes + lane], precision = wb_exp(t), residual = residual { z[$0 * lanes + lane] }
        let own = slope * t - precision * height(residual)
        if let values { values[lane] = constant + own }
        guard let gradient else { continue }
        for (j, step) in descent(residual).enumerated() { gradient[j * lanes + lane] = precision * step }
        gradient[d * lanes + lane] = slope - precision * height(residual)
      }
    }
    evaluation.storeDiagonalHessian(of: term, needed, at: draws) { z, diagonal in
      for lane in 0..<lanes {
        let precision = wb_exp(z[d * lanes + lane]), height = height(residual { z[$0 * lanes + lane] })
        for j in 0..<d { diagonal[j * lanes + lane] = -precision * curvature[j] }
        diagonal[d * lanes + lane] = -precision * height
      }
    }
  }

  /// E h(w) under w of that mean and covariance S Sᵀ, S `[D × D]`: h(m) + ½ ‖R S‖².
  func meanHeight(_ mean: [Double], scale: [Double]) -> Double {
    var squares = 0.0
    for i in 0..<width {
      for k in 0..<width {
        let image = columns(i).reduce(0.0) { $0 + matrix[i * width + $1] * scale[$1 * width + k] }
        squares += image * image
      }
    }
    return height(residual { mean[$0] }) + 0.5 * squares
  }

  /// ∇² at z, `[(D + 1) × (D + 1)]`: −e^t Rᵀ R, −e^t ∇h and −e^t h.
  func hessian(at z: [Double]) -> [Double] { hessian(precision: wb_exp(z[width]), residual { z[$0] }, spread: 0) }

  private func hessian(precision: Double, _ residual: [Double], spread: Double) -> [Double] {
    let d = width
    var hessian = SymmetricMatrix(dimension: d + 1)
    for i in 0..<d {
      for j in columns(i) {
        for k in columns(i) where k <= j {
          hessian.add(-precision * matrix[i * d + j] * matrix[i * d + k], j, k)
        }
      }
    }
    for (j, step) in descent(residual).enumerated() { hessian.add(precision * step, d, j) }
    hessian.add(-precision * (height(residual) + spread), d, d)
    return hessian.elements
  }

  /// Under N(m, S), since e^t moves the mean of w by its covariance with t: E e^t g(w) = κ E g(w + S_wt) with
  /// κ = e^{m_t + S_tt/2}.
  func moments(mean: [Double], covariance: [Double]) -> CovarianceMoments {
    let d = width, size = d + 1
    let precision = wb_exp(mean[d] + 0.5 * covariance[d * size + d])
    let residual = residual { mean[$0] + covariance[$0 * size + d] }
    var spread = 0.0
    for i in 0..<d {
      for j in columns(i) {
        for k in columns(i) {
          spread += 0.5 * matrix[i * d + j] * matrix[i * d + k] * covariance[j * size + k]
        }
      }
    }
    let height = height(residual) + spread
    // By Bonnet's theorem the expected gradient is that of E f in the mean.
    return CovarianceMoments(
      value: constant + slope * mean[d] - precision * height,
      gradient: descent(residual).map { precision * $0 } + [slope - precision * height],
      hessian: hessian(precision: precision, residual, spread: spread))
  }

  func moments(mean: [Double], scale: [Double]) -> HermiteMoments {
    let d = width, precision = wb_exp(mean[d] + 0.5 * scale[d] * scale[d]), residual = residual { mean[$0] }
    let bends = zip(curvature, scale).map { $0 * $1 * $1 }
    let height = bends.reduce(height(residual)) { $0 + 0.5 * $1 }, s = scale[d]
    return HermiteMoments(
      value: constant + slope * mean[d] - precision * height,
      first: zip(descent(residual), scale).map { precision * $0 * $1 } + [s * (slope - precision * height)],
      second: bends.map { -precision * $0 } + [-s * s * precision * height],
      fourth: bends.map { _ in 0 } + [-s * s * s * s * precision * height])
  }
}
