extension Problem {
  /// The most multisets of states that are gone through.
  static let multisetLimit = 1 << 18

  /// The exact value and gradient of the objective of K = `samples` draws at λ `[P]`, or nil where they are not known.
  public func exact(at parameters: [Double], samples: Int) -> ExactExpectation? {
    guard !hasLocalLatents else { return nil }
    guard let objective = multiSample else { return exact(at: parameters) }
    // Of one draw every bound is the ELBO.
    if samples == 1, objective.rule == .gradient {
      return family.exactExpectation(of: terms, for: model, parameters: parameters)
    }
    return enumerated(objective, samples, parameters)
  }

  /// Over all multisets of K states, each as often as its permutations.
  private func enumerated(
    _ objective: any MultiSampleObjective, _ samples: Int, _ parameters: [Double]
  ) -> ExactExpectation? {
    guard let family = family as? any EnumerableFamily, let states = family.stateCount,
      Self.multisets(of: states, samples) != nil
    else { return nil }
    var probabilities: [Double] = [], logWeights: [Double] = [], scores: [[Double]] = [], inModel: [[Double]] = []
    let p = parameterCount, terms = terms, (learnable, q) = (model as? any LearnableModel, modelParameterCount)
    _ = Enumeration.forEachBlock(
      of: family, model, Quantities(values: terms).union(learnable?.modelGradientQuantities ?? Quantities()),
      parameters: parameters
    ) { block, weights in
      let b = block.shape.lanes, all = family.scores(at: block.draws), slopes = learnable?.slopes(at: block) ?? []
      for lane in 0..<b where weights[lane] > 0 {
        probabilities.append(weights[lane])
        inModel.append((0..<q).map { slopes[$0 * b + lane] })
        logWeights.append(block.evaluation.sum(of: terms, at: lane))
        scores.append((0..<p).map { all[$0 * b + lane] })
      }
    }
    var sum = MultisetSum(objective, samples, probabilities, logWeights, scores, inModel, (p, q))
    sum.run()
    return ExactExpectation(
      value: sum.value.total, gradient: sum.gradient.map(\.total),
      coordinateValues: Array(repeating: sum.value.total, count: family.dimension), optimalShift: nil,
      modelGradient: q > 0 ? sum.modelGradient.map(\.total) : nil)
  }

  /// (S + K − 1 over K), or nil beyond the limit.
  private static func multisets(of states: Int, _ samples: Int) -> Int? {
    var count = 1.0
    for k in 1...samples {
      count *= Double(states + k - 1) / Double(k)
      if count > Double(multisetLimit) { return nil }
    }
    return Int(count.rounded())
  }
}

/// E over K independent states of φ and of its gradient.
private struct MultisetSum {
  private let objective: any MultiSampleObjective
  private let samples: Int
  private let probabilities, logWeights: [Double]
  private let scores, inModel: [[Double]]
  /// The states of a multiset, in ascending order.
  private var chosen: [Int]
  private(set) var value = CompensatedSum()
  private(set) var gradient, modelGradient: [CompensatedSum]

  init(
    _ objective: any MultiSampleObjective, _ samples: Int, _ probabilities: [Double], _ logWeights: [Double],
    _ scores: [[Double]], _ inModel: [[Double]], _ counts: (Int, Int)
  ) {
    (self.objective, self.samples, self.probabilities) = (objective, samples, probabilities)
    (self.logWeights, self.scores, self.inModel) = (logWeights, scores, inModel)
    chosen = Array(repeating: 0, count: samples)
    gradient = Array(repeating: .init(), count: counts.0)
    modelGradient = Array(repeating: .init(), count: counts.1)
  }

  mutating func run() {
    guard !probabilities.isEmpty else { return }
    while true {
      add()
      guard let last = chosen.lastIndex(where: { $0 < probabilities.count - 1 }) else { return }
      let next = chosen[last] + 1
      for k in last..<samples { chosen[k] = next }
    }
  }

  private mutating func add() {
    var probability = 1.0, run = 0
    for k in 0..<samples {
      run = k > 0 && chosen[k] == chosen[k - 1] ? run + 1 : 1
      // K! / Π n!, factor by factor.
      probability *= probabilities[chosen[k]] * Double(k + 1) / Double(run)
    }
    let (phi, slopes) = objective.evaluate(chosen.map { logWeights[$0] })
    value.add(probability * phi)
    for k in 0..<samples {
      let weight = objective.rule == .gradient ? phi - slopes[k] : slopes[k]
      for (p, score) in scores[chosen[k]].enumerated() { gradient[p].add(probability * weight * score) }
      for (i, slope) in inModel[chosen[k]].enumerated() { modelGradient[i].add(probability * slopes[k] * slope) }
    }
  }
}

extension MultiSampleObjective {
  /// φ and its slopes of the log weights of one estimate.
  func evaluate(_ logWeights: [Double]) -> (value: Double, slopes: [Double]) {
    var slopes = logWeights, curvatures = logWeights
    let value = logWeights.withUnsafeBufferPointer { weights in
      slopes.withUnsafeMutableBufferPointer { slopes in
        curvatures.withUnsafeMutableBufferPointer { evaluate(weights, slopes: slopes, curvatures: $0) }
      }
    }
    return (value, slopes)
  }
}
