internal import CKernels
internal import GradientEstimation

/// p_θ(z) p_θ(x | z) of a mixture of normals:
///
///     z ~ Categorical(π),   x | z = e_c ~ N(μ_c, L_c L_cᵀ)
///
/// - θ: blocks `logit`, π up to a factor, `[C]`; `mean`, `[C × d]`; `log_scale`, the logarithms of L_c's diagonal: `[C × d]`,
///   or one number for each component, `[C]`, where its covariance is spherical; `off_diagonal`, what lies below it, row by
///   row, `[C × d(d−1)/2]`, where covariances are full.
/// - Cost: O(C d) a datum, O(C d²) with full covariances.
struct MixtureComponents: Sendable {
  typealias Covariance = MixtureModelSpecification.Covariance

  /// C
  let count: Int
  /// d
  let dimension: Int
  let covariance: Covariance
  /// θ, `[Q]`
  let parameters: [Double]
  /// log π, as the density of z.
  let assignments: IndependentCategoricals
  /// 1/L_ii, `[C × d]`
  private let reciprocals: [Double]
  /// −½ d log 2π − Σ_i log L_ii, `[C]`
  private let constants: [Double]

  init(count: Int, dimension: Int, covariance: Covariance, parameters: [Double]) {
    (self.count, self.dimension, self.covariance, self.parameters) = (count, dimension, covariance, parameters)
    let width = covariance == .spherical ? 1 : dimension, start = count * (1 + dimension)
    precondition(
      parameters.count == start + count * (width + Self.belowDiagonal(covariance, dimension)),
      "MixtureComponents: parameters must be [Q]")
    let logits = parameters[..<count], greatest = logits.max() ?? 0
    let total = greatest + wb_log(logits.reduce(0) { $0 + wb_exp($1 - greatest) })
    assignments = IndependentCategoricals(logProbability: logits.map { $0 - total }, categories: count)
    let logScales = (0..<count).flatMap { c in
      (0..<dimension).map { parameters[start + c * width + (width == 1 ? 0 : $0)] }
    }
    reciprocals = logScales.map { wb_exp(-$0) }
    constants = (0..<count).map { c in
      (0..<dimension).reduce(0) { $0 - 0.5 * logTwoPi - logScales[c * dimension + $1] }
    }
  }

  func with(parameters: [Double]) -> MixtureComponents {
    MixtureComponents(count: count, dimension: dimension, covariance: covariance, parameters: parameters)
  }

  /// Numbers of L_c below its diagonal.
  private static func belowDiagonal(_ covariance: Covariance, _ d: Int) -> Int {
    covariance == .full ? d * (d - 1) / 2 : 0
  }

  private var belowDiagonal: Int { Self.belowDiagonal(covariance, dimension) }
  private var scaleWidth: Int { covariance == .spherical ? 1 : dimension }
  private var scaleStart: Int { count * (1 + dimension) }
  private var offDiagonalStart: Int { scaleStart + count * scaleWidth }
  private func meanPlace(_ c: Int) -> Int { count + c * dimension }
  private func scalePlace(_ c: Int, _ i: Int) -> Int { scaleStart + c * scaleWidth + (scaleWidth == 1 ? 0 : i) }
  /// Of L_ij, j < i.
  private func place(_ c: Int, _ i: Int, _ j: Int) -> Int { offDiagonalStart + c * belowDiagonal + i * (i - 1) / 2 + j }

  var parameterBlocks: [ParameterBlock] {
    let blocks = [
      ParameterBlock(name: "logit", range: 0..<count), ParameterBlock(name: "mean", range: count..<scaleStart),
      ParameterBlock(name: "log_scale", range: scaleStart..<offDiagonalStart),
    ]
    let rest = offDiagonalStart..<parameters.count
    return rest.isEmpty ? blocks : blocks + [ParameterBlock(name: "off_diagonal", range: rest)]
  }

  /// μ_c
  func mean(_ c: Int) -> ArraySlice<Double> { parameters[meanPlace(c)..<meanPlace(c + 1)] }

  /// Row i of L_c times a vector ε.
  func scaled(_ c: Int, _ i: Int, _ noise: (Int) -> Double) -> Double {
    var sum = noise(i) / reciprocals[c * dimension + i]
    if covariance == .full { for j in 0..<i { sum += parameters[place(c, i, j)] * noise(j) } }
    return sum
  }

  /// log N(x; μ_c, L_c L_cᵀ), and stores y = L_c⁻¹ (x − μ_c), `[d]`.
  ///
  /// - Parameter x: its i-th number is at i · `stride`.
  func logDensity(
    _ c: Int, _ x: UnsafePointer<Double>, stride: Int, whitened y: UnsafeMutablePointer<Double>
  ) -> Double {
    let d = dimension, start = meanPlace(c)
    var squares = 0.0
    for i in 0..<d {
      var rest = x[i * stride] - parameters[start + i]
      if covariance == .full {
        let row = place(c, i, 0)
        for j in 0..<i { rest -= parameters[row + j] * y[j] }
      }
      y[i] = rest * reciprocals[c * d + i]
      squares += y[i] * y[i]
    }
    return constants[c] - 0.5 * squares
  }

  /// Those of all components, `[C × B]`, at x of each lane.
  func storeLogDensities(_ x: Observation, lanes: Int, into densities: UnsafeMutablePointer<Double>) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: dimension) { room in
      guard let y = room.baseAddress else { return }
      for c in 0..<count {
        for lane in 0..<lanes {
          densities[c * lanes + lane] = logDensity(
            c, x.start + (x.isByLane ? lane : 0), stride: x.isByLane ? lanes : 1, whitened: y)
        }
      }
    }
  }

  /// Those of all components, `[C]`, at one x.
  func logDensities(_ x: [Double]) -> [Double] {
    var densities = [Double](repeating: 0, count: count)
    x.withUnsafeBufferPointer { x in
      densities.withUnsafeMutableBufferPointer { densities in
        guard let start = x.baseAddress, let densities = densities.baseAddress else { return }
        storeLogDensities(Observation(start: start, isByLane: false), lanes: 1, into: densities)
      }
    }
    return densities
  }

  /// E[x | z] = Σ_c z_c μ_c of each lane, `[d × B]`, for z `[C × B]`.
  func meanObservations(_ z: [Double], lanes: Int) -> [Double] {
    var means = [Double](repeating: 0, count: dimension * lanes)
    for c in 0..<count {
      for (i, mean) in self.mean(c).enumerated() {
        for lane in 0..<lanes { means[i * lanes + lane] += z[c * lanes + lane] * mean }
      }
    }
    return means
  }
}

// MARK: Gradients in θ

extension MixtureComponents {
  /// gradient += w ∇_θ log p(x, z) of one draw at one x, its numbers `stride` apart: with y = L_c⁻¹ (x − μ_c) and u = L_c⁻ᵀ y,
  /// and z_c times
  ///
  ///     ∇_{μ_c} = u,   ∂_{log L_ii} = L_ii u_i y_i − 1,   ∂_{L_ij} = u_i y_j,   ∂_{logit_j} = z_j − π_j Σ_c z_c
  ///
  /// - Parameter room: for 2 d numbers.
  func addGradient(
    weight: Double, z: UnsafePointer<Double>, x: UnsafePointer<Double>, stride: Int,
    to gradient: UnsafeMutablePointer<Double>,
    by step: Int, lanes: Int, _ room: UnsafeMutablePointer<Double>
  ) {
    let d = dimension, (y, u) = (room, room + d)
    var total = 0.0
    for c in 0..<count {
      let w = weight * z[c * lanes]
      total += w
      guard w != 0 else { continue }
      gradient[c * step] += w
      _ = logDensity(c, x, stride: stride, whitened: y)
      for i in (0..<d).reversed() {
        var rest = y[i]
        if covariance == .full { for j in i + 1..<d { rest -= parameters[place(c, j, i)] * u[j] } }
        u[i] = rest * reciprocals[c * d + i]
      }
      for i in 0..<d {
        gradient[(meanPlace(c) + i) * step] += w * u[i]
        gradient[scalePlace(c, i) * step] += w * (u[i] * y[i] / reciprocals[c * d + i] - 1)
        if covariance == .full { for j in 0..<i { gradient[place(c, i, j) * step] += w * (u[i] * y[j]) } }
      }
    }
    for c in 0..<count { gradient[c * step] -= total * wb_exp(assignments.logProbability[c]) }
  }

  /// gradients += Σ_k w_k ∇_θ log p(x, z_k), `[Q × B]` of each lane, or where `isTotal` `[Q]` of all together times `factor`,
  /// from weights `[K × B]` and z `[K × C × B]`.
  func addGradients(
    weights: borrowing Span<Double>, factor: Double, z: [Double], x: [Double], _ shape: Shape, isTotal: Bool,
    into gradients: inout MutableSpan<Double>
  ) {
    let lanes = shape.lanes, isByLane = x.count != dimension || lanes == 1
    weights.withUnsafeBufferPointer { weights in
      gradients.withUnsafeMutableBufferPointer { gradients in
        z.withUnsafeBufferPointer { z in
          x.withUnsafeBufferPointer { x in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * dimension) { room in
              guard let gradients = gradients.baseAddress, let z = z.baseAddress, let x = x.baseAddress,
                let room = room.baseAddress
              else { return }
              for sample in 0..<shape.samples {
                for lane in 0..<lanes {
                  addGradient(
                    weight: factor * weights[sample * lanes + lane], z: z + sample * count * lanes + lane,
                    x: x + (isByLane ? lane : 0), stride: isByLane ? lanes : 1, to: gradients + (isTotal ? 0 : lane),
                    by: isTotal ? 1 : lanes, lanes: lanes, room)
                }
              }
            }
          }
        }
      }
    }
  }
}
