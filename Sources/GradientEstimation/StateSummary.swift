internal import CKernels

/// What a distribution over finitely many states says of each coordinate: its mean, which of a bit is P(z_d = 1), and the state
/// that is most probable.
public struct StateSummary: Hashable, Sendable {
  /// E z, `[D]`.
  public private(set) var marginals: [Double]
  /// argmax, `[D]`; of several the first.
  public private(set) var mode: [Double]
  private var greatest = -Double.infinity
  private var total = CompensatedSum()
  private var sums: [CompensatedSum]

  fileprivate init(dimension: Int) {
    marginals = Array(repeating: 0, count: dimension)
    mode = marginals
    sums = Array(repeating: CompensatedSum(), count: dimension)
  }

  public static func == (a: StateSummary, b: StateSummary) -> Bool { a.marginals == b.marginals && a.mode == b.mode }
  public func hash(into hasher: inout Hasher) {
    hasher.combine(marginals)
    hasher.combine(mode)
  }

  /// Adds a state of weight e^{logWeight}; `reference` is at least about the greatest of them.
  fileprivate mutating func add(_ z: [Double], logWeight: Double, reference: Double) {
    if logWeight > greatest { (greatest, mode) = (logWeight, z) }
    let weight = wb_exp(logWeight - reference)
    total.add(weight)
    for d in z.indices where z[d] != 0 { sums[d].add(weight * z[d]) }
  }

  fileprivate mutating func finish() { marginals = sums.map { $0.total / total.total } }
}

extension Problem {
  /// What q_λ says of the states, and what the model's own distribution says, p(z | x) or p̃(z)/Z, both by going through all of
  /// them; nil where there are too many, or the model is none of z.
  public func stateSummaries(at parameters: [Double]) -> (q: StateSummary, exact: StateSummary)? {
    guard model is any LatentModel else { return nil }
    let joint = terms.subtracting(.entropy), d = family.dimension
    var greatest = -Double.infinity
    func forEachState(_ body: (_ z: [Double], _ logJoint: Double, _ logQ: Double) -> Void) -> Bool {
      Enumeration.forEachBlock(of: family, model, Quantities(values: joint), parameters: parameters) { block, _ in
        let lanes = block.shape.lanes
        for lane in 0..<lanes {
          body(
            (0..<d).map { block.draws.z[$0 * lanes + lane] }, block.evaluation.sum(of: joint, at: lane),
            -block.evaluation.values(of: .entropy)[lane])
        }
      }
    }
    guard forEachState({ _, logJoint, _ in greatest = max(greatest, logJoint) }), greatest.isFinite else { return nil }
    var q = StateSummary(dimension: d), exact = q
    _ = forEachState { z, logJoint, logQ in
      q.add(z, logWeight: logQ, reference: 0)
      exact.add(z, logWeight: logJoint, reference: greatest)
    }
    q.finish()
    exact.finish()
    return (q, exact)
  }
}
