import EstimatorStatistics
import Testing

@Suite struct StoppingRuleTests {
  @Test(arguments: [
    (100, [100]), (16_384, [16_384]), (16_385, [16_384, 16_385]), (50_000, [16_384, 32_768, 50_000]),
    (1_000_000, [16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_000_000]),
  ])
  func checkpoints(maximum: Int, expected: [Int]) {
    #expect(StoppingRule(relativeError: 0.01, maximum: maximum).checkpoints == expected)
    #expect(StoppingRule.fixed(maximum).checkpoints == [maximum])
  }

  /// Each estimator's gradients of two coordinates, a block each and both together.
  static func comparison(_ estimators: [[[Double]]]) -> ComparisonMoments {
    var all = ComparisonMoments(blocks: [0..<1, 1..<2, 0..<2], scales: estimators.map { _ in [1, 1] })
    let batches = estimators.map { split($0, into: [256]) }
    for index in batches[0].indices { all.add(batches.map { $0[index].gradients }, lanes: batches[0][index].lanes) }
    return all
  }

  static func halfWidth(_ moments: GradientMoments, _ block: Int) -> Double {
    let interval = moments.interval(ofBlock: block)
    return (interval.high - interval.low) / (2 * moments.variance(ofBlock: block))
  }

  static let noFloors = Array(repeating: [0.0, 0], count: 2)

  @Test func theWidestOfAllIsTheOneThatCounts() throws {
    let draws = try Draws("stopping"), tame = (0..<3).map { _ in draws.normals(4096) }
    let all = Self.comparison([[tame[0], tame[1]], [tame[2], tame[0].map { $0 * $0 }]])
    let width = Self.halfWidth(all.entries[1], 1)
    for (e, entry) in all.entries.enumerated() {
      for b in 0..<3 where (e, b) != (1, 1) { #expect(Self.halfWidth(entry, b) < width) }
    }
    func shortfall(_ error: Double) -> StoppingRule.Shortfall? {
      StoppingRule(relativeError: error, maximum: 10_000).shortfall(all, floors: Self.noFloors)
    }
    #expect(shortfall(width) == nil)
    for error in [width.nextDown, 0.5 * width, 1e-4] {
      let found = try #require(shortfall(error))
      #expect(found.entry == 1 && found.block == 1 && found.mark == .none && found.relativeHalfWidth == width)
    }
    #expect(StoppingRule.fixed(4096).shortfall(all, floors: Self.noFloors) == nil)
  }

  @Test func whatIsZeroToRoundingNeedsNoMore() throws {
    let draws = try Draws("stopping zero"), tame = [draws.normals(4096), draws.normals(4096)]
    let noise = tame.map { $0.map { 1e-16 * $0 * $0 * $0 } }
    let all = Self.comparison([tame, noise]), rule = StoppingRule(relativeError: 0.05, maximum: 10_000)
    #expect(rule.shortfall(all, floors: Self.noFloors)?.entry == 1)
    #expect(rule.shortfall(all, floors: [[0, 0], [1e-30, 1e-30]]) == nil)
  }

  @Test func twiceInARow() throws {
    let draws = try Draws("stopping twice"), tame = [draws.normals(4096), draws.normals(4096)]
    let narrow = Self.comparison([tame]), wide = Self.comparison([tame.map { Array($0.prefix(512)) }])
    let rule = StoppingRule(relativeError: 0.06, maximum: 100)
    /// Whether each look is the last, and what was missing.
    func course(_ looks: [ComparisonMoments], replicates: Int) -> [(isOver: Bool, isShort: Bool)] {
      var course = StoppingRule.Course(rule)
      return looks.map { look in
        let isOver = course.isOver(look, replicates: replicates, floors: Self.noFloors)
        return (isOver, course.shortfall != nil)
      }
    }
    let looks = [wide, narrow, wide, narrow, narrow]
    #expect(course(looks, replicates: 99).map(\.isOver) == [false, false, false, false, true])
    #expect(course(looks, replicates: 99).map(\.isShort) == [true, false, true, false, false])
    // At the maximum nothing is chosen.
    #expect(course([narrow], replicates: 100).map(\.isOver) == [true])
    #expect(course([wide], replicates: 100).map { [$0.isOver, $0.isShort] } == [[true, true]])
  }

  /// However narrow the interval: a mark goes on.
  @Test func marksAreShortfalls() throws {
    let draws = try Draws("stopping marks"), rule = StoppingRule(relativeError: 1, maximum: 10_000)
    let few = Self.comparison([[draws.normals(280), draws.normals(280)]])
    let short = try #require(rule.shortfall(few, floors: Self.noFloors))
    #expect(short.mark == .heavyTail && short.relativeHalfWidth < 0.5)

    var lost = draws.normals(4096)
    #expect(rule.shortfall(Self.comparison([[lost, lost]]), floors: Self.noFloors) == nil)
    lost[1000] = .nan
    #expect(rule.shortfall(Self.comparison([[lost, lost]]), floors: Self.noFloors)?.mark == .heavyTail)
    let none = Array(repeating: Double.infinity, count: 512)
    #expect(rule.shortfall(Self.comparison([[none, none]]), floors: Self.noFloors)?.mark == .heavyTail)
  }
}
