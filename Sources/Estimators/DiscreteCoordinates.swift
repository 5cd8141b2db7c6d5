internal import CKernels
internal import GradientEstimation

/// The variables of a family of independent bits or one-hot variables, each a run of coordinates, and the map of logits φ to E z.
struct DiscreteCoordinates {
  /// Coordinates of a variable: 1 of a bit, C of a one-hot.
  let width: Int
  /// Values of a variable beside the one that it has: 1 of a bit, C − 1 of a one-hot.
  let alternatives: Int

  /// - Throws: `EstimatorError` where the family is of neither kind.
  init(of family: any VariationalFamily) throws(EstimatorError) {
    if family is any IndependentBernoulliFamily {
      (width, alternatives) = (1, 1)
    } else if let family = family as? any IndependentCategoricalFamily {
      (width, alternatives) = (family.categories, family.categories - 1)
    } else {
      throw EstimatorError("needs a family of independent bits or categories, such as 'bernoulli' or 'categorical'")
    }
  }

  /// Stores E z, `[D × B]`, of logits `[D × B]`: σ(φ) of a bit, the softmax of a one-hot.
  func storeMeans(of logits: [Double], lanes: Int, into means: inout [Double]) {
    guard width > 1 else {
      for i in logits.indices { means[i] = wb_sigmoid(logits[i]) }
      return
    }
    forEachRun(count: logits.count, lanes: lanes) { run in
      let greatest = run.reduce(-Double.infinity) { max($0, logits[$1]) }
      for i in run { means[i] = wb_exp(logits[i] - greatest) }
      let total = run.reduce(0) { $0 + means[$1] }
      for i in run { means[i] /= total }
    }
  }

  /// Turns cotangents c of E z into those of the logits, `[D × B]` each: σ(φ) σ(−φ) c of a bit, π_j (c_j − Σ_i π_i c_i) of a one-hot.
  func pullBack(_ cotangents: inout [Double], logits: [Double], means: [Double], lanes: Int) {
    guard width > 1 else {
      for i in logits.indices { cotangents[i] *= means[i] * wb_sigmoid(-logits[i]) }
      return
    }
    forEachRun(count: logits.count, lanes: lanes) { run in
      let mean = run.reduce(0) { $0 + means[$1] * cotangents[$1] }
      for i in run { cotangents[i] = means[i] * (cotangents[i] - mean) }
    }
  }

  /// The places of a variable's coordinates in `[D × B]`, lane by lane.
  private func forEachRun(count: Int, lanes: Int, _ body: (StrideTo<Int>) -> Void) {
    for start in stride(from: 0, to: count, by: width * lanes) {
      for lane in start..<start + lanes { body(stride(from: lane, to: lane + width * lanes, by: lanes)) }
    }
  }
}
