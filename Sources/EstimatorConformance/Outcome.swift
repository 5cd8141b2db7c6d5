internal import ExperimentRunner

/// What one law says of one estimator in one place.
public struct Outcome: Sendable, CustomStringConvertible {
  public let law: Law
  /// Canonical text of the estimator.
  public let estimator: String
  /// Model, family, objective and sampling scheme.
  public let problem: String
  /// Point and K; empty where the law is not about one point.
  public let place: String
  public let verdict: Verdict
  /// What was measured, for laws of statistics.
  public let evidence: Evidence?

  init(
    _ law: Law, _ estimator: String, problem: String, place: String = "", _ verdict: Verdict,
    evidence: Evidence? = nil
  ) {
    self.law = law
    self.estimator = estimator
    self.problem = problem
    self.place = place
    self.verdict = verdict
    self.evidence = evidence
  }

  public enum Verdict: Hashable, Sendable {
    case passed
    /// What was found, in one line.
    case failed(String)
    /// A combination that the estimator does not serve: why, and what serves it.
    case refused(reason: String, alternatives: [String])
    /// A figure without a verdict, such as the bias of an estimator that does not state its expectation.
    case reported(String)
    /// Why the replicates that were allowed do not settle it.
    case undecided(String)
  }

  /// Whether nothing is wrong: refusals with a reason and reported figures pass, what is undecided does not.
  public var isPassed: Bool {
    switch verdict {
    case .passed, .refused, .reported: true
    case .failed, .undecided: false
    }
  }

  public var isFailed: Bool { if case .failed = verdict { true } else { false } }

  public var description: String {
    let said =
      switch verdict {
      case .passed: "passed"
      case .failed(let finding): "FAILED: \(finding)"
      case .refused(let reason, let alternatives):
        "refused: \(reason); these work here: \(alternatives.isEmpty ? "none" : alternatives.joined(separator: ", "))"
      case .reported(let figure): "reported: \(figure)"
      case .undecided(let reason): "undecided: \(reason)"
      }
    let measured = evidence.map { " (\($0))" } ?? ""
    return ["\(estimator), \(law.rawValue), \(problem)", place, said].filter { !$0.isEmpty }.joined(separator: ": ")
      + measured
  }
}

/// What a measurement showed.
public struct Evidence: Hashable, Sendable, CustomStringConvertible {
  public let replicates: Int
  /// The largest |z| of a coordinate, or of the gradient's size.
  public let statistic: Double
  /// P(so large a statistic) if the law holds; compare with the level over the number of tests.
  public let p: Double
  /// The smallest relative error common to all coordinates that would have been rejected nine times in ten.
  public let power: Double?
  /// The same of an error in a single coordinate, whichever it is, in units of the gradient's norm.
  public let coordinatePower: Double?
  /// Whether it is of a combination that was aimed at `Conformance.target`.
  public let isCentral: Bool

  init(
    replicates: Int, statistic: Double, p: Double, power: Double? = nil, coordinatePower: Double? = nil,
    isCentral: Bool
  ) {
    self.replicates = replicates
    self.statistic = statistic
    self.p = p
    self.power = power
    self.coordinatePower = coordinatePower
    self.isCentral = isCentral
  }

  public var description: String {
    "largest |z| \(significant(statistic, digits: 3)), p \(significant(p, digits: 2)), R = \(replicates)"
      + (power.map { ", power \(percent($0))" } ?? "")
  }
}

/// The laws of `GradientEstimator`.
public enum Law: String, CaseIterable, Sendable {
  /// The mean of its estimates is the gradient, coordinate by coordinate and in size.
  case unbiased
  /// The mean of a biased one's estimates is what it states, or its bias is reported with its interval.
  case statedBias = "stated-bias"
  /// A constant integrand gives zero gradient in expectation.
  case constantIntegrand = "constant-integrand"
  /// K draws have 1/K of the variance of one, where that is claimed.
  case varianceOverK = "variance-over-k"
  /// No variance where q is the posterior, where that is claimed.
  case zeroAtPosterior = "zero-at-posterior"
  /// Fewer draws than its minimum are refused.
  case minimumSamples = "minimum-samples"
  /// What it does not serve is refused with the reason and with what works.
  case refusals
  /// A lane's estimate is a function of that lane's draws: not of its place, of the block's width, or of other lanes.
  case lanes
  /// The same block, state and stream give the same bits, whatever was estimated between.
  case repeatable
  /// The same seed gives the same bits, on any number of threads, alone and in company.
  case sameBits = "same-bits"
  /// It draws no random numbers that it does not declare.
  case streams
  /// The objective's value at the draws, and its own estimate, do not depend on what else is computed there.
  case objectiveValue = "objective-value"
  /// The gradient in the model's parameters θ is the derivative of the objective's value at the draws.
  case modelGradient = "model-gradient"
  /// Buffers of the wrong shape are refused.
  case shapes
  /// A value of the model that is not finite reaches the gradient of its lane, where it is counted, and no other.
  case nonfinite
}
