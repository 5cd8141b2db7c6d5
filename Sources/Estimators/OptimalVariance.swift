internal import CKernels
public import GradientEstimation
public import Randomness

/// Optimal variance control of the score-function estimator of the importance-weighted bound (OVIS): with
/// d_k = log Ẑ − v_k, Ẑ = (1/K) Σ_j w_j and v_k = w_k / Σ_j w_j,
///
///     ĝ = Σ_k (d_k − c_k) ∇_λ log q_λ(z_k)
///
/// `control=monte-carlo` takes for c_k the mean of d_k over `auxiliary` other draws in the place of z_k,
///
///     c_k = (1/S) Σ_s d_k(z^{(s)}, z_{−k})
///
/// an estimate of E[d_k | z_{−k}]. `control=asymptotic` takes what that is for K → ∞ (`gamma` γ = 1) or where one weight is all
/// (γ = 0),
///
///     c_k = log Ẑ_{−k} − γ v_k + (1 − γ) log(1 − 1/K),   Ẑ_{−k} = (1/(K − 1)) Σ_{j≠k} w_j
///
/// - Requires: values of the model, the score of q, the objective `iwae`, K ≥ 2.
/// - Bias: none of `monte-carlo`, nor of `asymptotic` with γ = 0. Else v_k depends on z_k, and the expectation is the gradient
///   and γ E Σ_k v_k ∇_λ log q(z_k), the wake-phase update.
/// - Cost: K evaluations, and S more for `monte-carlo`.
/// - Reference: Liévin, Dittadi, Christensen and Winther (2020), equations (12) and (17).
public struct OptimalVariance: GradientEstimator {
  public enum Control: String, CaseIterable, Sendable { case monteCarlo = "monte-carlo", asymptotic }
  public var control = Control.monteCarlo
  public var auxiliary = 4
  public var gamma = 0.0
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "ovis", summary: "score function of the importance-weighted bound with the control variate of least variance",
    equation: "Σ_k (log Ẑ − v_k − c_k) ∇_λ log q(z_k)",
    notes: [
      Note("Requires", "values of the model; the score of q; objective iwae, and at least 2 draws."),
      Note(
        "Bias",
        "none of monte-carlo, nor of asymptotic with gamma=0; else gamma times the wake-phase update is added to the gradient."
      ),
      Note("Cost", "K evaluations an estimate; monte-carlo `auxiliary` more."),
    ],
    references: [Reference("lievin2020", "equations (12) and (17)")],
    options: [
      .choice("control", \.control, "c_k: the mean over other draws in the place of z_k, or what it is in a limit"),
      .integer("auxiliary", \.auxiliary, in: 1...1000, "S, draws for monte-carlo"),
      .real(
        "gamma", \.gamma, in: RealBounds(lower: 0, upper: 1),
        "γ of asymptotic: 1 for many weights of a size, 0 where one weight is all"),
    ],
    variants: [["control": "asymptotic"], ["control": "asymptotic", "gamma": "1"]],
    examples: [Example(options: ["control": "asymptotic", "gamma": "1"])])

  public func check() throws(ComponentError) {
    if control == .monteCarlo, gamma != 0 {
      throw ComponentError(option: "gamma", "is of control=asymptotic, and control is monte-carlo")
    }
    if control == .asymptotic, auxiliary != Self().auxiliary {
      throw ComponentError(option: "auxiliary", "is of control=monte-carlo, and control is asymptotic")
    }
  }

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard let bound = problem.multiSample as? RenyiBound, bound.alpha == 0 else {
      throw EstimatorError("is for the importance-weighted bound: use objective 'iwae', or vimco")
    }
    let own = control == .monteCarlo ? Double(auxiliary) : 0
    return Requirements(
      quantities: .bounds(of: problem.terms), minimumSamples: 2,
      bias: gamma == 0 ? .unbiased : .biased("the gradient and γ E Σ_k v_k ∇_λ log q(z_k)"),
      evaluations: (Double(samples) + own) * problem.dataShare, usesRandomNumbers: own > 0,
      needsIndependentDraws: true)
  }

  /// Scratch: the other draws; the weights of the scores, `[K × B]`; of a lane the sums of the weights before and behind
  /// each, and the weights themselves.
  public struct Workspace {
    let own: OwnDraws?
    var weights, centers, share, before, behind: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    let samples = shape.samples
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: count) }
    let other = problem.shape(samples: auxiliary, lanes: shape.lanes)
    return Workspace(
      own: control == .monteCarlo ? OwnDraws(problem, other) : nil, weights: room(shape.drawCount),
      centers: room(shape.parameters), share: room(samples), before: room(samples), behind: room(samples))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    let (samples, lanes, count) = (block.shape.samples, block.shape.lanes, Double(block.shape.samples))
    if let own = workspace.own {
      own.takeParameters(block.draws)
      own.takeData(block.draws)
      own.block.sample(problem, random: &random)
      own.block.evaluate(.bounds(of: problem.terms), of: problem)
    }
    let logs = block.evaluation.logWeights, others = workspace.own?.block.evaluation.logWeights ?? []
    for lane in 0..<lanes {
      var greatest = -Double.infinity
      for k in 0..<samples { greatest = max(greatest, logs[k * lanes + lane]) }
      for s in 0..<(others.count / lanes) { greatest = max(greatest, others[s * lanes + lane]) }
      let total = workspace.sumUp(logs, lane, lanes, greatest)
      for k in 0..<samples {
        // Σ_{j≠k} w_j as a sum, not a difference: one weight may be all.
        let rest = workspace.before[k] + workspace.behind[k], share = workspace.share[k] / total
        var control = 0.0
        if others.isEmpty {
          control = wb_log(rest / (count - 1)) - gamma * share + (1 - gamma) * wb_log(1 - 1 / count)
        } else {
          for s in 0..<auxiliary {
            let weight = wb_exp(others[s * lanes + lane] - greatest)
            control += wb_log((rest + weight) / count) - weight / (rest + weight)
          }
          control /= Double(auxiliary)
        }
        workspace.weights[k * lanes + lane] = wb_log(total / count) - share - control
      }
    }
    problem.family.addScore(
      weights: workspace.weights.span, centers: workspace.centers.span, at: block.draws, into: &gradients)
  }

  /// By enumeration where the bound is: its gradient, and γ times that of the wake phase.
  public func expectedGradient(of problem: Problem, samples: Int, parameters: [Double]) -> [Double]? {
    guard gamma != 0,
      let wake = try? Problem(
        model: problem.model, family: problem.family, objective: WakeObjective(), sampling: problem.sampling),
      let bound = problem.exact(at: parameters, samples: samples),
      let update = wake.exact(at: parameters, samples: samples)
    else { return nil }
    return zip(bound.gradient, update.gradient).map { $0 + gamma * $1 }
  }
}

extension OptimalVariance.Workspace {
  /// The weights of a lane in units of e^{greatest}, and the sums of those before and behind each.
  ///
  /// - Returns: their sum.
  fileprivate mutating func sumUp(_ logs: [Double], _ lane: Int, _ lanes: Int, _ greatest: Double) -> Double {
    var sum = 0.0
    for k in share.indices {
      share[k] = wb_exp(logs[k * lanes + lane] - greatest)
      before[k] = sum
      sum += share[k]
    }
    var after = 0.0
    for k in share.indices.reversed() {
      behind[k] = after
      after += share[k]
    }
    return sum
  }
}
