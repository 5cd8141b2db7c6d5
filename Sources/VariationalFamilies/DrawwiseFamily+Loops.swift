internal import GradientEstimation

/// The loops over blocks, with room of their own on the stack.
extension DrawwiseFamily {
  func forEachDraw(
    _ draws: borrowing Draws, room: Int,
    _ body: (_ draw: Draw, _ k: Int, _ lane: Int, _ room: UnsafeMutablePointer<Double>) -> Void
  ) {
    forEachDraw(draws.shape, draws.parameters, noise: draws.noise, z: draws.z, room: room, body)
  }

  /// Lends `body` the draws, all of a lane before the next. `z` may be empty: then what is lent of it holds nothing.
  func forEachDraw(
    _ shape: Shape, _ parameters: [Double], noise: [Double], z: [Double], room: Int,
    _ body: (_ draw: Draw, _ k: Int, _ lane: Int, _ room: UnsafeMutablePointer<Double>) -> Void
  ) {
    let (k, d, e, p, b) = (shape.samples, dimension, noiseDimension, shape.parameters, shape.lanes)
    let scratch = max(scratchCount, d), size = p + preparedCount + e + d + scratch + room
    withUnsafeTemporaryAllocation(of: Double.self, capacity: size) { memory in
      guard var next = memory.baseAddress else { return }
      memory.initialize(repeating: 0)
      func take(_ size: Int) -> UnsafeMutablePointer<Double> {
        defer { next += size }
        return next
      }
      let lambda = take(p), prepared = take(preparedCount), epsilon = take(e), point = take(d)
      let draw = Draw(
        lambda: lambda, prepared: prepared, noise: epsilon, z: point, scratch: take(scratch))
      let own = take(room), shared = parameters.count == p
      parameters.withUnsafeBufferPointer { parameters in
        noise.withUnsafeBufferPointer { noise in
          z.withUnsafeBufferPointer { z in
            for lane in 0..<b {
              if lane == 0 || !shared {
                for i in 0..<p { lambda[i] = parameters[shared ? i : i * b + lane] }
                prepare(lambda, into: prepared)
              }
              for sample in 0..<k {
                if !noise.isEmpty { for i in 0..<e { epsilon[i] = noise[(sample * e + i) * b + lane] } }
                if !z.isEmpty { for i in 0..<d { point[i] = z[(sample * d + i) * b + lane] } }
                body(draw, sample, lane, own)
              }
            }
          }
        }
      }
    }
  }

  /// Adds what `body` adds to a row `[P]` to the gradients of the draw's lane.
  func addPerDraw(
    _ draws: borrowing Draws, _ gradients: inout MutableSpan<Double>, room: Int,
    _ body: (
      _ draw: Draw, _ k: Int, _ lane: Int, _ row: UnsafeMutablePointer<Double>, _ room: UnsafeMutablePointer<Double>
    ) -> Void
  ) {
    let (p, b, last) = (draws.shape.parameters, draws.shape.lanes, draws.shape.samples - 1)
    precondition(gradients.count == p * b, "the gradients must be [P × B]")
    // Rows of some lanes are gathered, so that they are then added in whole cache lines.
    let tile = p <= 1024 ? 8 : 1
    gradients.withUnsafeMutableBufferPointer { gradients in
      forEachDraw(draws, room: room + tile * p) { draw, k, lane, memory in
        let rows = memory + room, column = lane % tile
        if column == 0, k == 0 { rows.update(repeating: 0, count: tile * p) }
        body(draw, k, lane, rows + column * p, memory)
        guard k == last, column == tile - 1 || lane == b - 1 else { return }
        for i in 0..<p {
          for j in 0...column { gradients[i * b + lane - column + j] += rows[j * p + i] }
        }
      }
    }
  }

  /// Adds what `body` makes of λ, `[P]`, to the gradients of every lane with that λ.
  func addPerLambda(
    _ draws: borrowing Draws, _ gradients: inout MutableSpan<Double>,
    _ body: (_ draw: Draw, _ row: UnsafeMutablePointer<Double>) -> Void
  ) {
    let (p, b, shared) = (draws.shape.parameters, draws.shape.lanes, draws.sharesParameters)
    precondition(gradients.count == p * b, "the gradients must be [P × B]")
    // One draw a λ, whose noise and z are not looked at.
    let shape = Shape(
      samples: 1, dimension: dimension, noiseDimension: noiseDimension, parameters: p, lanes: shared ? 1 : b)
    gradients.withUnsafeMutableBufferPointer { gradients in
      forEachDraw(shape, draws.parameters, noise: [], z: [], room: p) { draw, _, lane, row in
        row.update(repeating: 0, count: p)
        body(draw, row)
        for i in 0..<p {
          for target in shared ? 0..<b : lane..<lane + 1 { gradients[i * b + target] += row[i] }
        }
      }
    }
  }
}
