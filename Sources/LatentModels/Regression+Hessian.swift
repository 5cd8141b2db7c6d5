internal import CKernels
public import GradientEstimation

/// ∇²_z Σ_n g(y_n, x_n·z) = Σ_n g″(η_n) x_n x_nᵀ.
extension Regression {
  /// - Cost: O(N D²).
  public func hessian(of term: Term, at z: [Double]) -> [Double] {
    if term == .prior { return normalPrior.hessian }
    let d = dimension
    var matrix = [Double](repeating: 0, count: d * d), curvature = [0.0]
    for n in 0..<dataCount {
      curvature[0] = (0..<d).reduce(0.0) { $0 + data.design[n * d + $1] * z[$1] }
      curvature.withUnsafeMutableBufferPointer { response.replaceByCurvature($0) }
      for i in 0..<d {
        let x = curvature[0] * data.design[n * d + i]
        for j in 0...i { matrix[i * d + j] += x * data.design[n * d + j] }
      }
    }
    for i in 0..<d { for j in 0..<i { matrix[j * d + i] = matrix[i * d + j] } }
    return matrix
  }

  /// Stores Σ_n w g″(η_n) x_nd², w = N/M, over the rows of each lane's minibatch or all.
  func storeDiagonalHessian(at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let size = draws.minibatchSize, shape = draws.shape
    draws.z.withUnsafeBufferPointer { z in
      draws.dataIndices.withUnsafeBufferPointer { indices in
        evaluation.withDiagonalHessian(of: .likelihood) { rows in
          rows.update(repeating: 0)
          for k in 0..<shape.samples {
            // Lanes side by side, but where each has rows of its own.
            var lane = 0
            while lane < shape.lanes {
              let width = size == 0 ? min(Self.sideBySide, shape.lanes - lane) : 1
              let start = k * dimension * shape.lanes + lane
              for i in 0..<(size == 0 ? dataCount : size) {
                let n = size == 0 ? i : Int(indices[i * shape.lanes + lane])
                addCurvature(
                  ofRow: n, weight: size == 0 ? 1 : Double(dataCount) / Double(size), z, rows, start, width, shape.lanes
                )
              }
              lane += width
            }
          }
        }
      }
    }
  }

  private static let sideBySide = 64

  /// Adds row n's part at `width` neighbouring lanes; the first coordinate's begin at `start`.
  private func addCurvature(
    ofRow n: Int, weight: Double, _ z: UnsafeBufferPointer<Double>, _ sums: UnsafeMutableBufferPointer<Double>,
    _ start: Int, _ width: Int, _ lanes: Int
  ) {
    let d = dimension
    var predictors = InlineArray<64, Double>(repeating: 0), span = predictors.mutableSpan
    span.withUnsafeMutableBufferPointer { room in
      let eta = UnsafeMutableBufferPointer(rebasing: room[..<width])
      design.withUnsafeBufferPointer { design in
        for i in 0..<d {
          let x = design[n * d + i]
          for l in 0..<width { eta[l] += x * z[start + i * lanes + l] }
        }
        response.replaceByCurvature(eta)
        for i in 0..<d {
          let square = weight * design[n * d + i] * design[n * d + i]
          for l in 0..<width { sums[start + i * lanes + l] += square * eta[l] }
        }
      }
    }
  }

  private var design: [Double] { data.design }
}
