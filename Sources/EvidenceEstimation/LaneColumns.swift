internal import GradientEstimation
internal import MarkovChains
internal import Randomness

/// Lanes one by one: each is estimated by itself, its draws or chains the lanes of a block of their own. So a lane's estimate is
/// the same whatever other lanes there are after it.
extension LaneData {
  /// - Throws: `EstimatorError` that names the array of the wrong shape.
  func check(for problem: Problem, usesFamily: Bool) throws(EstimatorError) {
    func check(_ what: String, _ found: Int, _ wanted: Int) throws(EstimatorError) {
      guard found == wanted else {
        throw EstimatorError("buffer of the wrong shape: \(what) should be \(wanted) and is \(found)")
      }
    }
    guard lanes > 0 else { throw EstimatorError("buffer of the wrong shape: there should be a lane or more") }
    if usesFamily, parameters.count != problem.parameterCount {
      try check("parameters, [P] or [P × B],", parameters.count, problem.parameterCount * lanes)
    }
    let columns = (problem.model as? any LocalLatentModel)?.observationDimension ?? 0
    try check("observations, [d × B],", observations.count, columns * lanes)
  }

  /// λ of a lane, `[P]`.
  func parameters(of lane: Int, count: Int) -> [Double] {
    parameters.count == count ? parameters : (0..<count).map { parameters[$0 * lanes + lane] }
  }

  /// x of a lane, for so many lanes of a block, `[d × width]`.
  func observations(of lane: Int, width: Int) -> [Double] {
    (0..<observations.count / lanes).flatMap { Array(repeating: observations[$0 * lanes + lane], count: width) }
  }
}

extension Problem {
  /// - Throws: `EstimatorError` where the model is no p(x, z).
  func checkLatentModel(samples: Int) throws(EstimatorError) {
    guard model is any LatentModel else {
      throw EstimatorError("estimates log p(x) of a model p(x, z), and this is a cost function")
    }
    guard samples > 0 else { throw EstimatorError("wants one draw or more") }
  }

  /// - Throws: `EstimatorError` where there are no chains of the model's posterior.
  func checkChains(samples: Int) throws(EstimatorError) {
    try checkLatentModel(samples: samples)
    guard model.support == .real else {
      throw EstimatorError(
        "needs real z and ∇_z log p(x, z), and the model is of \(model.support.description): take importance-sampling")
    }
    guard model is any DifferentiableModel else {
      throw EstimatorError("needs ∇_z log p(x, z), which this model does not have: take importance-sampling")
    }
    try HamiltonianMonteCarlo.check(forEvidence)
  }

  /// All data, and independent draws.
  var forEvidence: Problem { withAllData.withIndependentDraws }

  /// So many draws of p(z), `[D × width]`; nil where it is not known.
  func priorDraws(_ width: Int, random: inout RandomStream) -> [Double]? {
    if let model = model as? any LocalLatentModel { return model.priorDraws(lanes: width, random: &random) }
    return ((model as? any LatentModel)?.prior as? DiagonalNormal)?.draws(width, random: &random)
  }

  /// Whether `priorDraws` has some.
  var knowsPriorDraws: Bool {
    model is any LocalLatentModel || (model as? any LatentModel)?.prior is DiagonalNormal
  }
}

extension DiagonalNormal {
  /// `[D × width]`
  func draws(_ width: Int, random: inout RandomStream) -> [Double] {
    var z = [Double](repeating: 0, count: mean.count * width)
    var span = z.mutableSpan
    random.fillNormals(&span)
    for d in mean.indices {
      for lane in 0..<width { z[d * width + lane] = mean[d] + scale[d] * z[d * width + lane] }
    }
    return z
  }
}

/// The widths of blocks that K draws or chains in D dimensions are gone through in: all the same but the last.
func widths(of count: Int, dimension: Int) -> [Int] {
  let width = min(count, Shape.lanes(samples: 1, dimension: dimension))
  return stride(from: 0, to: count, by: width).map { min(width, count - $0) }
}
