/// When a comparison has replicates enough.
///
/// It looks only at the checkpoints 16384, 32768, 65536, …, `maximum`. The demand is that for every block of every
/// estimator
///
///     (high − low)/2 ≤ E V̂
///
/// for the 95 % interval, or V̂ is zero to rounding, and that no interval is marked `heavy-tail`. The measurement stops
/// where the demand is met at two checkpoints in a row, or at `maximum`. To stop as soon as it is met would select the
/// samples whose variance came out too small: see Guides/Statistics.md for what was measured.
public struct StoppingRule: Hashable, Sendable {
  /// E; nil where `maximum` replicates are taken whatever they show.
  public let relativeError: Double?
  public let maximum: Int

  /// Replicates of the first checkpoint; each of the next has twice as many.
  public static let firstCheckpoint = 16_384

  public init(relativeError: Double?, maximum: Int) {
    self.relativeError = relativeError
    self.maximum = maximum
  }

  /// Takes `replicates`, whatever they show.
  public static func fixed(_ replicates: Int) -> StoppingRule {
    StoppingRule(relativeError: nil, maximum: replicates)
  }

  /// Numbers of replicates at which the rule looks, ascending; the last is `maximum`.
  public var checkpoints: [Int] {
    guard relativeError != nil else { return [maximum] }
    return sequence(first: Self.firstCheckpoint) { 2 * $0 }.prefix { $0 < maximum } + [maximum]
  }

  /// How a measurement fares under the rule.
  public struct Course: Sendable {
    private let rule: StoppingRule
    private var wasMet = false
    /// What the last look found wanting.
    public private(set) var shortfall: Shortfall?

    public init(_ rule: StoppingRule) { self.rule = rule }

    /// Looks at what was measured up to the next checkpoint. Returns whether that was the last.
    ///
    /// - Parameter floors: for each estimator the variance that rounding leaves in each coordinate, `[P]`.
    public mutating func isOver(_ moments: ComparisonMoments, replicates: Int, floors: [[Double]]) -> Bool {
      shortfall = rule.shortfall(moments, floors: floors)
      defer { wasMet = shortfall == nil }
      return replicates >= rule.maximum || wasMet && shortfall == nil
    }
  }

  /// A block that is not known as well as was wished.
  public struct Shortfall: Hashable, Sendable {
    /// Indices of the estimator and of its block.
    public let entry, block: Int
    /// (high − low)/(2 V̂).
    public let relativeHalfWidth: Double
    public let mark: IntervalMark
  }

  /// The worst shortfall of what was measured; nil where the demand is met.
  ///
  /// - Parameter floors: for each estimator the variance that rounding leaves in each coordinate, `[P]`.
  public func shortfall(_ moments: ComparisonMoments, floors: [[Double]]) -> Shortfall? {
    guard let relativeError else { return nil }
    var worst: Shortfall?
    for (e, entry) in moments.entries.enumerated() {
      for b in entry.blocks.indices {
        let mark = entry.mark(ofBlock: b, floor: floors[e])
        if mark == .rounding { continue }
        let interval = entry.interval(ofBlock: b), width = 0.5 * (interval.high - interval.low)
        let found = Shortfall(
          entry: e, block: b, relativeHalfWidth: width / entry.variance(ofBlock: b), mark: mark)
        if mark == .none, found.relativeHalfWidth <= relativeError { continue }
        if let worst, !(found.size > worst.size) { continue }
        worst = found
      }
    }
    return worst
  }
}

extension StoppingRule.Shortfall {
  /// What is not a number is worse than any.
  fileprivate var size: Double { relativeHalfWidth.isNaN ? .infinity : relativeHalfWidth }
}
