internal import EstimatorStatistics
package import GradientEstimation
internal import Optimization
package import Randomness

/// Estimates of log p(x) of the data of a part, by one estimator and K.
package struct MeasuredEvidence: Sendable {
  /// An index into the spec's evidence estimators.
  package let estimator: Int
  package let samples: Int
  package let part: DataPart
  package let estimates: [EvidenceEstimate]
  /// log p(x_n) of each, where it is known.
  package let exact: [Double?]

  func appending(_ more: [EvidenceEstimate], _ moreExact: [Double?]) -> MeasuredEvidence {
    MeasuredEvidence(
      estimator: estimator, samples: samples, part: part, estimates: estimates + more, exact: exact + moreExact)
  }

  private var count: Double { Double(estimates.count) }
  /// Means over the data, in nats.
  package var value: Double { estimates.reduce(0) { $0 + $1.value } / count }
  /// By the estimates' own errors, which are independent; the data are what they are. Nil where an estimate has none.
  package var mcse: Double? {
    let errors = estimates.compactMap(\.standardError)
    return errors.count == estimates.count ? errors.reduce(0) { $0 + $1 * $1 }.squareRoot() / count : nil
  }
  /// What is exact of all the data, each once.
  private var known: [Double]? { exact.contains { $0 == nil } ? nil : exact.compactMap { $0 } }
  package var exactValue: Double? { known.map { $0.reduce(0, +) / count } }
  /// The root of the mean squared error of an estimate.
  package var rootMeanSquaredError: Double? {
    known.map { known in
      (zip(estimates, known).reduce(0) { $0 + ($1.0.value - $1.1) * ($1.0.value - $1.1) } / count).squareRoot()
    }
  }
  /// The share of estimates whose interval of 95 % by their own error has the exact value in it.
  package var coverage: Double? {
    guard let known, mcse != nil else { return nil }
    let within = zip(estimates, known).count { estimate, exact in
      abs(estimate.value - exact) <= 1.959963984540054 * (estimate.standardError ?? 0)
    }
    return Double(within) / count
  }
  package var largestParetoShape: Double? { estimates.compactMap(\.paretoShape).max() }
  /// The share of estimates that are not to be trusted by k̂ > 0.7.
  package var untrustedShare: Double? {
    let shapes = estimates.compactMap(\.paretoShape)
    return shapes.isEmpty ? nil : Double(shapes.count { $0 > 0.7 }) / Double(shapes.count)
  }
  package var acceptance: Double? {
    let shares = estimates.compactMap(\.acceptance)
    return shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count)
  }
  /// Of one estimate.
  package var evaluations: Double { estimates.reduce(0) { $0 + $1.evaluations } / count }
  package var gradientEvaluations: Double { estimates.reduce(0) { $0 + $1.gradientEvaluations } / count }
}

/// How much each latent coordinate moves with the data.
package struct MeasuredUnits: Sendable {
  package let part: DataPart
  /// Var_x E_q[z_u], coordinate by coordinate.
  package let activities: [Double]

  /// Burda et al. (2016): a unit is active where its activity is above this.
  package static let threshold = 0.01
  package var activeCount: Int { activities.count { $0 > Self.threshold } }
}

/// A model at its θ with what makes λ of its data, to be judged.
struct EvidenceBench {
  /// With its model at θ.
  let problem: Problem
  /// Nil where there is no q.
  let network: (any InferenceNetwork)?
  /// φ, and what may follow it.
  let parameters: [Double]
  let request: EvidenceRequest

  /// Data that are estimated from one stream.
  static let chunk = 16
  /// The most states that are gone through for log p(x) of a part.
  private static let stateLimit = 1 << 22

  private var local: (any LocalLatentModel)? { problem.model as? any LocalLatentModel }

  /// How many data of a part are judged.
  func count(_ part: DataPart) -> Int {
    guard let local else { return part == .training ? request.data : 0 }
    return min(request.data, local.dataCount(part))
  }

  /// Whether an estimator has what it draws from.
  func serves(_ estimator: any EvidenceEstimator, _ part: DataPart) -> Bool {
    guard count(part) > 0 else { return false }
    guard estimator.usesFamily else { return true }
    return network.map { part == .training || $0.generalizes } ?? false
  }

  /// Estimates of the data of those indices, and what is exact of them.
  ///
  /// - Throws: `EstimatorError` as the estimator does.
  func estimate(
    _ estimator: any EvidenceEstimator, samples: Int, _ part: DataPart, _ range: Range<Int>,
    random: inout RandomStream
  ) throws -> (estimates: [EvidenceEstimate], exact: [Double?]) {
    guard let local else {
      // λ of the one z is φ itself.
      let data = LaneData(lanes: range.count, parameters: network.map(phi) ?? [])
      let most = Self.stateLimit / Self.chunks(count(part))
      let evidence = (problem.model as? any LatentModel)?.logEvidence(within: most)
      return (
        try estimator.estimate(problem, data, samples: samples, random: &random), range.map { _ in evidence }
      )
    }
    let indices = range.map { Int32($0) }
    var data = LaneData(lanes: range.count, parameters: [])
    if estimator.usesFamily, let network {
      var amortized = AmortizedBlock(problem, network, samples: 1, lanes: range.count)
      amortized.take(indices, of: part, parameters: phi(network), random: &random)
      (data.parameters, data.observations) = (amortized.block.draws.parameters, amortized.block.draws.observations)
    } else {
      data.observations = Array(repeating: 0, count: local.observationDimension * range.count)
      var span = data.observations.mutableSpan
      local.storeObservations(of: part, indices, random: &random, into: &span)
    }
    let exact = range.indices.map { lane -> Double? in
      let column = stride(from: lane - range.lowerBound, to: data.observations.count, by: range.count)
      return local.datum(column.map { data.observations[$0] }).logEvidence(within: Self.stateLimit / count(part))
    }
    return (try estimator.estimate(problem, data, samples: samples, random: &random), exact)
  }

  private func phi(_ network: any InferenceNetwork) -> [Double] { Array(parameters[..<network.parameterCount]) }

  /// Activities over the data of a part; nil where they have no λ, or less than two.
  func units(_ part: DataPart, random: inout RandomStream) -> MeasuredUnits? {
    guard let network, local != nil, part == .training || network.generalizes, count(part) > 1 else { return nil }
    let means = LatentMoments.each(
      of: part, count: count(part), problem, network, phi(network), random: &random
    ).map(\.mean)
    let n = Double(means.count)
    return MeasuredUnits(
      part: part,
      activities: (0..<problem.model.dimension).map { d in
        let mean = means.reduce(0) { $0 + $1[d] } / n
        return means.reduce(0) { $0 + ($1[d] - mean) * ($1[d] - mean) } / (n - 1)
      })
  }

  /// Everything of the request, on streams by role and chunk; nil where `goOn` says no.
  ///
  /// - Parameter stream: of a role, for a chunk.
  func measure(
    samples: [Int], stream: (_ role: String, _ chunk: Int) throws -> RandomStream, goOn: () -> Bool
  ) throws -> (evidence: [MeasuredEvidence], units: [MeasuredUnits])? {
    var measured: [MeasuredEvidence] = []
    for (e, estimator) in request.estimators.enumerated() {
      for k in samples {
        for part in DataPart.allCases where serves(estimator.product, part) {
          var estimates: [EvidenceEstimate] = [], exact: [Double?] = []
          for chunk in 0..<Self.chunks(count(part)) {
            guard goOn() else { return nil }
            var random = try stream(Self.role(estimator.text, k, part), chunk)
            let found = try estimate(
              estimator.product, samples: k, part, Self.range(chunk, of: count(part)), random: &random)
            estimates += found.estimates
            exact += found.exact
          }
          measured.append(
            MeasuredEvidence(estimator: e, samples: k, part: part, estimates: estimates, exact: exact))
        }
      }
    }
    return (measured, try units(stream))
  }

  /// Of both parts.
  func units(_ stream: (_ role: String, _ chunk: Int) throws -> RandomStream) throws -> [MeasuredUnits] {
    try DataPart.allCases.compactMap { part in
      var random = try stream(Self.unitsRole(part), 0)
      return units(part, random: &random)
    }
  }

  static func chunks(_ count: Int) -> Int { (count + chunk - 1) / chunk }
  static func range(_ index: Int, of count: Int) -> Range<Int> { index * chunk..<min((index + 1) * chunk, count) }
  static func role(_ estimator: String, _ samples: Int, _ part: DataPart) -> String {
    "evidence \(estimator) samples=\(samples) \(part.rawValue)"
  }
  static func unitsRole(_ part: DataPart) -> String { "units \(part.rawValue)" }

  /// The roles of a request, each with as many streams as there are chunks.
  static func roles(_ request: EvidenceRequest, samples: [Int]) -> [String] {
    DataPart.allCases.flatMap { part in
      [unitsRole(part)] + request.estimators.flatMap { e in samples.map { role(e.text, $0, part) } }
    }
  }
}
