public import GradientEstimation
internal import MarkovChains
public import Randomness

/// The reciprocal estimator: K draws z_k of the posterior, by Hamiltonian Monte Carlo, against a normal q that was fitted to others,
///
///     log p̂(x) = −log (1/K) Σ_k r_k,   r_k = q(z_k) / p(x, z_k)
///
/// since E r = ∫ p(z | x) q(z)/p(x, z) dz = 1/p(x) for every density q.
///
/// C chains give the draws that q is fitted to, and C others those of the estimate. All start at draws of the prior, or of N(0, I)
/// where that is not known, and move `burn_in` times: for the first half their step size is tuned, then frozen; then every chain
/// gives a draw each `thinning` transitions.
///
/// - Requires: real z, gradients; K > D + 1, and 2 with fit=diagonal.
/// - Bias: the mean of r has none once the chains have forgotten their start; log p̂ is high by se²/2, to first order.
/// - Error: by the delta method, from the spread of the means of C chains, which are independent of each other: draws of one chain
///   need not be.
/// - **Where it fails**: r has no variance where q's tails are heavier than √ of the posterior's. Of a normal posterior and q of c
///   times its covariance k = 1 − 1/c, so that from c = 2 on there is none: then draws that matter most are those that never
///   come, p̂ is too great, and its error is too small. The option inflation is c. k̂ of the r_k is the only warning, and a late one.
/// - Cost: 2 K `thinning` + 2 C `burn_in` transitions of L gradients and one evaluation each.
/// - Source: Kingma and Welling (2014), appendix D; Gelfand and Dey (1994), of any q.
public struct ReciprocalImportanceSampling: EvidenceEstimator {
  /// C
  public var chains = 100
  public var burnIn = 200
  public var thinning = 5
  /// L
  public var leapfrogSteps = 10
  public var acceptance = 0.9
  public var fit = Fit.full
  /// c
  public var inflation = 1.0

  /// What q is.
  public enum Fit: String, CaseIterable, Sendable {
    /// A normal with the draws' covariance.
    case full
    /// With their variances alone.
    case diagonal
  }

  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "reciprocal", summary: "the reciprocal mean of q/p over draws of the posterior, q fitted to others",
    equation: "−log (1/K) Σ_k q(z_k)/p(x, z_k),  z_k ~ p(z | x) by HMC,  q = N(mean, c · covariance) of other draws",
    notes: [
      Note("Requires", "real z and ∇_z of the model; K > D + 1 draws, and 2 with fit=diagonal."),
      Note(
        "Bias",
        "the mean ratio has none once the chains have forgotten where they started; log p̂ is high by half its squared standard error, to first order."
      ),
      Note(
        "Error",
        "the delta method's, from the spread of the means of the chains, so that draws of one chain may depend on each other. With few chains it is rough."
      ),
      Note(
        "Where it fails",
        "where q has heavier tails than the posterior. Of a normal posterior and q of c times its covariance the ratios have tail index k = 1 − 1/c: no variance from c = 2 on. Then p̂ is too great and its error too small; k̂ beyond 0.7 says so, if late. Many latents make it worse: the source says fewer than 5."
      ),
      Note("Cost", "2 K thinning + 2 C burn_in transitions of L gradients each, a datum."),
      Note("samples", "K, draws of the estimate; as many others are what q is fitted to."),
    ],
    references: [
      Reference("kingma2014", "appendix D"), Reference("gelfand1994"), Reference("neal2011"),
      Reference("hoffman2014", "section 3.2"),
    ],
    options: [
      .integer("chains", \.chains, in: 2...1024, "C, chains of each half; at most K are used"),
      .integer(
        "burn_in", \.burnIn, in: 2...1_000_000,
        "transitions before the first draw; the step size is tuned in half of them"),
      .integer("thinning", \.thinning, in: 1...100_000, "transitions from one draw of a chain to the next"),
      .integer("leapfrog", \.leapfrogSteps, in: 1...10_000, "L, leapfrog steps of a transition"),
      .real(
        "acceptance", \.acceptance, in: RealBounds(lower: 0.01, upper: 0.99),
        "the share of proposals that the step size is tuned to be accepted with"),
      .choice("fit", \.fit, "q's covariance: that of the draws, or their variances"),
      .real(
        "inflation", \.inflation, in: .positive,
        "c, what q's covariance is multiplied by: above 1 to see the estimator fail, below for lighter tails"),
    ])

  public var usesFamily: Bool { false }

  public func check(_ problem: Problem, samples: Int) throws(EstimatorError) {
    try problem.checkChains(samples: samples)
    let least = fit == .full ? problem.model.dimension + 2 : 2
    guard samples >= least else {
      throw EstimatorError(
        "fits a normal to K draws, and needs \(least) of them or more in \(problem.model.dimension) dimensions")
    }
  }

  public func estimate(
    _ problem: Problem, _ data: LaneData, samples: Int, random: inout RandomStream
  ) throws(EstimatorError) -> [EvidenceEstimate] {
    try check(problem, samples: samples)
    try data.check(for: problem, usesFamily: false)
    let problem = problem.forEvidence
    var estimates: [EvidenceEstimate] = []
    for lane in 0..<data.lanes {
      estimates.append(try estimate(problem, data, lane: lane, samples: samples, &random))
    }
    return estimates
  }

  private func estimate(
    _ problem: Problem, _ data: LaneData, lane: Int, samples: Int, _ random: inout RandomStream
  ) throws(EstimatorError) -> EvidenceEstimate {
    let half = min(chains, samples), width = 2 * half, dimension = problem.model.dimension
    var walk = try HamiltonianMonteCarlo(problem, lanes: width, leapfrogSteps: leapfrogSteps)
    let start =
      problem.priorDraws(width, random: &random)
      ?? DiagonalNormal.standard(dimension).draws(width, random: &random)
    try walk.start(problem, at: start, observations: data.observations(of: lane, width: width))
    let step = tunedStep(problem, &walk, &random)

    // The first half of the lanes is what q is fitted to; draws of the second wait for it.
    var sums = FittedNormal.Sums(dimension: dimension), count = Count()
    var waiting: [(z: [Double], logJoint: [Double])] = []
    for first in stride(from: 0, to: samples, by: half) {
      for _ in 0..<thinning {
        walk.transition(problem, stepSize: step, random: &random)
        count.add(proposalsOf: walk)
      }
      let used = min(half, samples - first), z = walk.positions, joint = walk.logJoint
      sums.add(z, lanes: width, count: used)
      waiting.append(
        (
          (0..<dimension).flatMap { z[$0 * width + half..<$0 * width + half + used] }, Array(joint[half..<half + used])
        ))
    }
    count.add(costOf: walk)

    var ratios: [Double] = [], scratch = [Double](repeating: 0, count: dimension)
    let q = FittedNormal(sums, diagonal: fit == .diagonal, inflation: inflation)
    for (z, logJoint) in waiting {
      for k in logJoint.indices {
        let density = q?.logDensity(z, lane: k, lanes: logJoint.count, scratch: &scratch) ?? .nan
        ratios.append(density - logJoint[k])
      }
    }
    let mean = LogMeanWeight(ratios, groups: half)
    return EvidenceEstimate(
      value: -mean.value, standardError: mean.standardError, paretoShape: mean.paretoShape,
      acceptance: count.acceptance,
      evaluations: count.evaluations, gradientEvaluations: count.gradientEvaluations)
  }

  /// Moves the chains `burnIn` times and returns the step size that they settle on.
  private func tunedStep(
    _ problem: Problem, _ walk: inout HamiltonianMonteCarlo, _ random: inout RandomStream
  ) -> Double {
    var adaptation = StepSizeAdaptation(initial: 0.1, acceptance: acceptance)
    for t in 0..<burnIn {
      if t == (burnIn + 1) / 2 { adaptation.freeze() }
      adaptation.update(
        acceptance: walk.transition(problem, stepSize: adaptation.stepSize, random: &random))
    }
    return adaptation.stepSize
  }
}
