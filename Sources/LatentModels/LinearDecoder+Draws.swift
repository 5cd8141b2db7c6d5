internal import CKernels
internal import GradientEstimation
internal import Randomness

/// The density and its gradients at the draws of a block: the inner loops are over lanes.
extension LinearDecoder {
  /// What gradients in θ are made of: the slopes, which every value leaves on the tape.
  var gradientQuantities: Quantities { Quantities(values: .likelihood) }

  /// - Parameter x: `[d]`, or by lane `[d × B]`.
  func evaluate(_ needed: Quantities, _ x: [Double], at draws: borrowing Draws, into evaluation: inout Evaluation) {
    prior.store(.prior, needed, at: draws, into: &evaluation)
    let (z, shape, k) = (draws.z, draws.shape, latent)
    if needed.diagonalHessians.contains(.likelihood) {
      evaluation.withDiagonalHessian(of: .likelihood) { rows in
        fillRows(rows, (0..<k).lazy.map { -information[$0 * k + $0] }, lanes: shape.lanes)
      }
    }
    let values = needed.values.contains(.likelihood), gradient = needed.gradients.contains(Terms(.likelihood))
    guard values || gradient else { return }
    evaluation.withTape(count: shape.samples * observationDimension * shape.lanes) { evaluation, tape in
      evaluation.withValuesAndGradient(of: .likelihood) { valueRows, gradientRows in
        x.withUnsafeBufferPointer { numbers in
          guard let start = numbers.baseAddress else { return }
          storeLikelihood(
            Observation(start: start, isByLane: numbers.count != observationDimension), z, shape, tape,
            values ? valueRows.baseAddress : nil, gradient ? gradientRows.baseAddress : nil)
        }
      }
    }
  }

  /// E[x | z] = W z + μ of each lane, `[d × B]`, for z `[k × B]`.
  func meanObservations(_ z: [Double], lanes: Int) -> [Double] {
    var means = [Double](repeating: 0, count: observationDimension * lanes)
    for i in 0..<observationDimension {
      for lane in 0..<lanes { means[i * lanes + lane] = parameters[meanStart + i] }
      for j in 0..<latent {
        let weight = parameters[i * latent + j]
        for lane in 0..<lanes { means[i * lanes + lane] += weight * z[j * lanes + lane] }
      }
    }
    return means
  }

  /// A draw of p(x | z) for each lane, `[d × B]`, for z `[k × B]`.
  func observationDraws(_ z: [Double], lanes: Int, random: inout RandomStream) -> [Double] {
    var noise = [Double](repeating: 0, count: observationDimension * lanes), x = meanObservations(z, lanes: lanes)
    var span = noise.mutableSpan
    random.fillNormals(&span)
    for i in 0..<observationDimension {
      let scale = wb_exp(parameters[noisePlace(i)])
      for lane in 0..<lanes { x[i * lanes + lane] += scale * noise[i * lanes + lane] }
    }
    return x
  }

  private func storeLikelihood(
    _ x: Observation, _ z: [Double], _ shape: Shape, _ tape: UnsafeMutablePointer<Double>,
    _ values: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?
  ) {
    let (k, lanes) = (latent, shape.lanes)
    values?.update(repeating: constant, count: shape.drawCount)
    gradient?.update(repeating: 0, count: shape.elementCount)
    forEachColumn(z, UnsafePointer(tape), shape) { sample, i, z, place in
      let slopes = tape + place, mean = parameters[meanStart + i], precision = precisions[i]
      if x.isByLane {
        let own = x.start + i * lanes
        for lane in 0..<lanes { slopes[lane] = own[lane] - mean }
      } else {
        slopes.update(repeating: x.start[i] - mean, count: lanes)
      }
      for j in 0..<k {
        let weight = parameters[i * k + j], row = z + j * lanes
        for lane in 0..<lanes { slopes[lane] -= weight * row[lane] }
      }
      if let values = values.map({ $0 + sample * lanes }) {
        for lane in 0..<lanes { values[lane] -= 0.5 * precision * slopes[lane] * slopes[lane] }
      }
      for lane in 0..<lanes { slopes[lane] *= precision }
      guard let gradient = gradient.map({ $0 + sample * k * lanes }) else { return }
      for j in 0..<k {
        let weight = parameters[i * k + j], row = gradient + j * lanes
        for lane in 0..<lanes { row[lane] += weight * slopes[lane] }
      }
    }
  }

  /// Calls `body` for each draw and column i with z of the draw, `[k × B]`, and where the column's slopes `[B]` are on the tape.
  private func forEachColumn(
    _ z: [Double], _ tape: UnsafePointer<Double>, _ shape: Shape,
    _ body: (_ sample: Int, _ i: Int, _ z: UnsafePointer<Double>, _ place: Int) -> Void
  ) {
    let (d, lanes) = (observationDimension, shape.lanes)
    z.withUnsafeBufferPointer { z in
      guard let z = z.baseAddress else { return }
      for sample in 0..<shape.samples {
        for i in 0..<d { body(sample, i, z + sample * latent * lanes, (sample * d + i) * lanes) }
      }
    }
  }

  /// gradients += Σ_k w_k ∇_θ log p(x, z_k) of each lane, `[Q × B]`, with weights `[K × B]`.
  func addGradients(
    weights: borrowing Span<Double>, z: [Double], tape: [Double], _ shape: Shape,
    into gradients: inout MutableSpan<Double>
  ) {
    let (k, lanes) = (latent, shape.lanes)
    weights.withUnsafeBufferPointer { weights in
      gradients.withUnsafeMutableBufferPointer { gradients in
        tape.withUnsafeBufferPointer { tape in
          guard let weights = weights.baseAddress, let gradients = gradients.baseAddress, let tape = tape.baseAddress
          else { return }
          forEachColumn(z, tape, shape) { sample, i, z, place in
            let weights = weights + sample * lanes, slopes = tape + place, variance = 1 / precisions[i]
            for j in 0..<k {
              let own = gradients + (i * k + j) * lanes, row = z + j * lanes
              for lane in 0..<lanes { own[lane] += weights[lane] * slopes[lane] * row[lane] }
            }
            let means = gradients + (meanStart + i) * lanes, noises = gradients + noisePlace(i) * lanes
            for lane in 0..<lanes { means[lane] += weights[lane] * slopes[lane] }
            for lane in 0..<lanes { noises[lane] += weights[lane] * (slopes[lane] * slopes[lane] * variance - 1) }
          }
        }
      }
    }
  }

  /// gradient += factor · Σ over lanes and draws of w_k ∇_θ log p(x, z_k), `[Q]`, with weights `[K × B]`.
  func addTotalGradient(
    weights: borrowing Span<Double>, factor: Double, z: [Double], tape: [Double], _ shape: Shape,
    into gradient: inout MutableSpan<Double>
  ) {
    let (k, lanes) = (latent, shape.lanes)
    weights.withUnsafeBufferPointer { weights in
      gradient.withUnsafeMutableBufferPointer { gradient in
        tape.withUnsafeBufferPointer { tape in
          guard let weights = weights.baseAddress, let gradient = gradient.baseAddress, let tape = tape.baseAddress
          else { return }
          withUnsafeTemporaryAllocation(of: Double.self, capacity: lanes) { weighted in
            weighted.initialize(repeating: 0)
            forEachColumn(z, tape, shape) { sample, i, z, place in
              let weights = weights + sample * lanes, slopes = tape + place, variance = 1 / precisions[i]
              for lane in 0..<lanes { weighted[lane] = weights[lane] * slopes[lane] }
              for j in 0..<k {
                let row = z + j * lanes
                gradient[i * k + j] += factor * laneSum(lanes) { weighted[$0] * row[$0] }
              }
              gradient[meanStart + i] += factor * laneSum(lanes) { weighted[$0] }
              gradient[noisePlace(i)] +=
                factor * laneSum(lanes) { weighted[$0] * slopes[$0] * variance - weights[$0] }
            }
          }
        }
      }
    }
  }

  /// Σ over lanes in four partial sums, so that additions need not wait for each other: the order is one on all processors.
  @inline(__always)
  private func laneSum(_ lanes: Int, _ term: (Int) -> Double) -> Double {
    var (a, b, c, d) = (0.0, 0.0, 0.0, 0.0), lane = 0
    while lane + 4 <= lanes {
      a += term(lane)
      b += term(lane + 1)
      c += term(lane + 2)
      d += term(lane + 3)
      lane += 4
    }
    while lane < lanes {
      a += term(lane)
      lane += 1
    }
    return (a + b) + (c + d)
  }
}
