import CKernels
import Foundation
import Testing

/// The oracle is the C library's exp and log, whose error is below 0.55 ulp: a result within 1 ulp of the truth is the
/// same number or a neighbour of it.
@Suite struct ElementaryTests {
  /// How many representable numbers `a` is from `b`.
  static func steps(_ a: Double, _ b: Double) -> Int64 {
    func place(_ x: Double) -> Int64 {
      let bits = Int64(bitPattern: x.bitPattern)
      return bits >= 0 ? bits : Int64.min - bits
    }
    return abs(place(a) - place(b))
  }

  /// The argument at which two functions are furthest apart, and by how much.
  static func worst(
    _ arguments: [Double], _ f: (Double) -> Double, _ oracle: (Double) -> Double
  ) -> (x: Double, steps: Int64) {
    arguments.map { ($0, steps(f($0), oracle($0))) }.max { $0.1 < $1.1 } ?? (.nan, .max)
  }

  /// From below the smallest subnormal result to beyond the largest, near zero, and around the ends of the reduction.
  static let exponents: [Double] = {
    var random = SeededGenerator(state: 1)
    var all = random.numbers(200_000, in: -746...710)
    all += random.numbers(50_000, in: -746...(-708))
    all += random.numbers(50_000, in: -1...1)
    for exponent in 1...1070 { all += [scalbn(1, -exponent), -scalbn(1, -exponent)] }
    for half in -2150...2050 {
      let end = 0.5 * Double(half) * M_LN2
      all += [end.nextDown, end, end.nextUp]
    }
    return all
  }()

  @Test func exponentialIsWithinOneUlp() {
    let (x, steps) = Self.worst(Self.exponents, wb_exp, exp)
    #expect(steps <= 1, "exp(\(x)) is \(wb_exp(x)), \(steps) steps from \(exp(x))")
  }

  @Test func exponentialAtTheEdges() {
    #expect(wb_exp(0) == 1 && wb_exp(-0.0) == 1)
    #expect(wb_exp(.infinity) == .infinity && wb_exp(-.infinity) == 0 && wb_exp(.nan).isNaN)
    #expect(wb_exp(1e308) == .infinity && wb_exp(-1e308) == 0)
    // The last argument with a finite result, the last with one above zero, and their neighbours.
    #expect(wb_exp(0x1.62e42fefa39efp+9).isFinite && wb_exp(0x1.62e42fefa39fp+9) == .infinity)
    #expect(wb_exp(-0x1.74910d52d3051p+9) == .leastNonzeroMagnitude && wb_exp(-0x1.74910d52d3053p+9) == 0)
  }

  /// Every binary exponent, subnormals included, and the neighbourhood of 1.
  static let magnitudes: [Double] = {
    var random = SeededGenerator(state: 2)
    var all = (0..<200_000).map { _ in Double(bitPattern: random.next() % Double.infinity.bitPattern) }
    all += random.numbers(100_000, in: 0.5...2)
    for exponent in -1073...1023 {
      let power = scalbn(1, exponent)
      all += [power.nextDown, power, power.nextUp]
    }
    for exponent in 0..<52 { all += [1 + scalbn(1, -exponent), 1 - scalbn(0.5, -exponent)] }
    return all
  }()

  @Test func logarithmIsWithinOneUlp() {
    let (x, steps) = Self.worst(Self.magnitudes, wb_log, log)
    #expect(steps <= 1, "log(\(x)) is \(wb_log(x)), \(steps) steps from \(log(x))")
  }

  @Test func logarithmAtTheEdges() {
    #expect(wb_log(1) == 0 && wb_log(0) == -.infinity && wb_log(-0.0) == -.infinity)
    #expect(wb_log(.infinity) == .infinity && wb_log(.nan).isNaN)
    #expect(wb_log(-1).isNaN && wb_log(-.infinity).isNaN)
    #expect(wb_log(.leastNonzeroMagnitude) == log(.leastNonzeroMagnitude))
  }

  /// Every processor gives the same bits: checksums, so that one that does not is found.
  @Test func bitsAreTheSameEverywhere() {
    func checksum(_ values: [Double]) -> UInt64 {
      values.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ $1.bitPattern) &* 0x100_0000_01b3 }
    }
    let grid = (0..<20_000).map { Double($0 - 10_000) / 16 }
    #expect(checksum(grid.map(wb_exp)) == 6_821_796_703_226_591_586)
    #expect(checksum(grid.map { wb_log(1 + $0 * $0) }) == 1_144_813_621_065_132_325)
  }

  @Test(arguments: laneCounts) func addition(_ n: Int) {
    var random = SeededGenerator(state: 3)
    let start = random.numbers(n), numbers = random.numbers(n)
    var scaled = start, shifted = start
    wb_add_scaled(&scaled, numbers, -0.75, n)
    wb_add_constant(&shifted, 0.3, n)
    #expect(scaled == zip(start, numbers).map { $0 - 0.75 * $1 })
    #expect(shifted == start.map { $0 + 0.3 })
  }

  /// Infinities and what is no number are found wherever they are; the largest and the smallest numbers are finite.
  @Test func finiteness() {
    let plain: [Double] = [0, -0.0, 1, -.greatestFiniteMagnitude, .leastNonzeroMagnitude, 3, 4, 5, 6, 7, 8]
    func isFinite(_ numbers: [Double]) -> Bool {
      numbers.withUnsafeBufferPointer { wb_all_finite($0.baseAddress, $0.count) != 0 }
    }
    #expect(isFinite(plain) && isFinite([]))
    for bad in [Double.infinity, -.infinity, .nan, .signalingNaN] {
      for place in plain.indices {
        var numbers = plain
        numbers[place] = bad
        #expect(!isFinite(numbers))
      }
    }
  }
}
