internal import ExperimentRunner
internal import Foundation
internal import GradientEstimation

/// What an estimator does not serve is refused before anything runs, with the reason and with what would work; so are
/// fewer draws than its minimum.
struct Refusals {
  let registry: Registry
  let problem: GridProblem
  let seed: UInt64

  /// The outcomes of the estimators that are not measured at a place.
  func outcomes(_ estimators: [Configured<any GradientEstimator>], at place: GridProblem.Place) -> [Outcome] {
    let measured = Set(place.affordable?.entries.map(\.text) ?? [])
    return estimators.compactMap { measured.contains($0.text) ? nil : outcome($0, at: place) }
  }

  /// Nil for an estimator that is measured there under another text, as which it is known.
  private func outcome(_ estimator: Configured<any GradientEstimator>, at place: GridProblem.Place) -> Outcome? {
    if let refusal = place.refusal { return outcome(estimator, place, .refused(reason: refusal, alternatives: [])) }
    let reason: String
    do {
      // As a plan does: what coincides with another configuration here is that one.
      let requirements = try canonical(estimator.product).requirements(samples: place.samples, of: problem.problem)
      if place.samples < requirements.minimumSamples {
        return tooFewSamples(estimator, at: place, minimum: requirements.minimumSamples)
      }
      guard requirements.needsIndependentDraws, !problem.problem.sampling.drawsAreIndependent else { return nil }
      reason = "independent"
    } catch {
      reason = error.description
      if reason.split(separator: " ").count < 3 {
        return outcome(estimator, place, .failed("refuses without a reason: '\(reason)'"))
      }
    }
    // What a spec is told is gone through where combinations are looked at closely: it is made of the same reason everywhere.
    guard problem.isCentral else { return outcome(estimator, place, .refused(reason: reason, alternatives: [])) }
    switch Grid.plan(registry, problem, place.point, place.samples, [estimator], seed, leavesOut: false) {
    case .success: return outcome(estimator, place, .failed("should be refused ('\(reason)'), and is measured"))
    case .failure(let error):
      return outcome(estimator, place, verdict(estimator.text, reason, told: error.description, place))
    }
  }

  /// What a spec is told must hold the reason, and name estimators that there are.
  private func verdict(
    _ estimator: String, _ reason: String, told text: String, _ place: GridProblem.Place
  ) -> Outcome.Verdict {
    guard text.contains(reason), let marker = text.range(of: "; these work here: ") else {
      return .failed("a spec is told '\(text)', which lacks the reason or what would work")
    }
    let named = text[marker.upperBound...].components(separatedBy: ", ").filter { $0 != "none" }
    let isMeasured = place.affordable?.entries.isEmpty == false
    guard named.allSatisfy({ registry.estimators[$0] != nil }), !named.isEmpty || !isMeasured else {
      return .failed("a spec is told that these work: \(text[marker.upperBound...])")
    }
    // Without the place and the estimator that stand before it.
    let start = text.range(of: estimator + " ")?.upperBound ?? text.range(of: reason)?.lowerBound ?? text.startIndex
    return .refused(reason: String(text[start..<marker.lowerBound]), alternatives: named)
  }

  private func canonical(_ estimator: any GradientEstimator) -> any GradientEstimator {
    func open<E: GradientEstimator>(_ estimator: E) -> any GradientEstimator {
      estimator.canonical(for: problem.problem)
    }
    return open(estimator)
  }

  private func tooFewSamples(
    _ estimator: Configured<any GradientEstimator>, at place: GridProblem.Place, minimum: Int
  ) -> Outcome {
    let verdict: Outcome.Verdict =
      switch Grid.plan(registry, problem, place.point, place.samples, [estimator], seed, leavesOut: false) {
      case .success: .failed("needs \(minimum) draws, and is measured with \(place.samples)")
      case .failure(let error):
        error.description.contains("at least \(minimum)")
          ? .passed : .failed("a spec is told '\(error)', which does not say that \(minimum) draws are needed")
      }
    return outcome(estimator, place, verdict, .minimumSamples)
  }

  private func outcome(
    _ estimator: Configured<any GradientEstimator>, _ place: GridProblem.Place, _ verdict: Outcome.Verdict,
    _ law: Law = .refusals
  ) -> Outcome { Outcome(law, estimator.text, problem: problem.text, place: place.text, verdict) }
}
