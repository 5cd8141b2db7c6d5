import CGSL
import CKernelVariants
import CKernels
import Foundation
import Testing

/// The published xoshiro256++ (Blackman and Vigna 2021), one generator, one step at a time.
struct Xoshiro256 {
  var s: [UInt64]

  static func rotated(_ x: UInt64, by k: UInt64) -> UInt64 { x << k | x >> (64 - k) }

  mutating func next() -> UInt64 {
    let result = Self.rotated(s[0] &+ s[3], by: 23) &+ s[0], t = s[1] << 17
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = Self.rotated(s[3], by: 45)
    return result
  }

  /// The authors' `jump`, with any polynomial.
  mutating func jump(_ polynomial: [UInt64]) {
    var sum: [UInt64] = [0, 0, 0, 0]
    for word in polynomial {
      for bit in 0..<64 {
        if word >> UInt64(bit) & 1 == 1 { for i in 0..<4 { sum[i] ^= s[i] } }
        _ = next()
      }
    }
    s = sum
  }

  /// The authors' constants: 2¹²⁸ and 2¹⁹² steps.
  static let jump: [UInt64] = [
    0x180e_c6d3_3cfd_0aba, 0xd5a6_1266_f0c9_392c, 0xa958_2618_e03f_c9aa, 0x39ab_dc45_29b1_661c,
  ]
  static let longJump: [UInt64] = [
    0x76e1_5d3e_fefd_cbbf, 0xc500_4e44_1c52_2fb3, 0x7771_0069_854e_e241, 0x3910_9bb0_2acb_e635,
  ]
}

@Suite struct XoshiroTests {
  typealias Polynomial = [UInt64]
  static let one: Polynomial = [1, 0, 0, 0], x: Polynomial = [2, 0, 0, 0]

  static func times(_ a: Polynomial, _ b: Polynomial) -> Polynomial {
    var product: Polynomial = [0, 0, 0, 0]
    wb_xoshiro256_multiply(a, b, &product)
    return product
  }

  /// base^exponent, for an exponent of little-endian words.
  static func power(_ base: Polynomial, _ exponent: [UInt64]) -> Polynomial {
    var result = one
    for word in exponent.reversed() {
      for bit in (0..<64).reversed() {
        result = times(result, result)
        if word >> UInt64(bit) & 1 == 1 { result = times(result, base) }
      }
    }
    return result
  }

  /// x^(2^k)
  static func power(ofTwo k: Int) -> Polynomial { (0..<k).reduce(x) { p, _ in times(p, p) } }

  /// A stream of the generator, freed at the end.
  final class Stream {
    let rng: UnsafeMutablePointer<gsl_rng>
    init(seed: UInt, type: UnsafePointer<gsl_rng_type>? = wb_xoshiro256x8()) throws {
      rng = try #require(gsl_rng_alloc(type))
      gsl_rng_set(rng, seed)
    }
    deinit { gsl_rng_free(rng) }

    func outputs(_ count: Int) -> [UInt64] { (0..<count).map { _ in UInt64(gsl_rng_get(rng)) } }
    func uniforms(_ count: Int) -> [Double] { filled(count) { wb_fill_uniform_xoshiro256x8(rng, $0, count) } }
    func normals(_ count: Int) -> [Double] { filled(count) { wb_fill_normal_xoshiro256x8(rng, $0, count) } }
  }

  static func filled(_ count: Int, _ fill: (UnsafeMutablePointer<Double>) -> Void) -> [Double] {
    [Double](unsafeUninitializedCapacity: count) { buffer, used in
      if let start = buffer.baseAddress, count > 0 { fill(start) }
      used = count
    }
  }

  static func boxMuller(_ words: some Collection<UInt64>) -> [Double] {
    let words = Array(words)
    return filled(16) { wb_box_muller(words, $0) }
  }

  /// The first output lanes of the seed, by the published jumps: lane 0 of seed s is s long jumps from the origin, and
  /// eight steps of a lane are a long jump.
  static func lanes(seed: Int) -> [Xoshiro256] {
    var random = SeededGenerator(state: 0)
    var first = Xoshiro256(s: (0..<4).map { _ in random.next() })
    for _ in 0..<seed { first.jump(Xoshiro256.longJump) }
    let laneStep = power(ofTwo: 189)
    return (0..<8).map { lane in
      var generator = first
      for _ in 0..<lane { generator.jump(laneStep) }
      return generator
    }
  }

  // The generator ----------------------------------------------------------------------------------------------

  /// The outputs of state {1, 2, 3, 4} that other implementations are tested by.
  @Test func theReferenceIsThePublishedGenerator() {
    var generator = Xoshiro256(s: [1, 2, 3, 4])
    let known: [UInt64] = [
      41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386, 9_228_616_714_210_784_205,
      9_973_669_472_204_895_162, 14_011_001_112_246_962_877, 12_406_186_145_184_390_807,
      15_849_039_046_786_891_736, 10_450_023_813_501_588_000,
    ]
    #expect(known.map { _ in generator.next() } == known)
  }

  @Test(arguments: [0, 1, 2, 5]) func outputsAreOfEightPublishedGenerators(_ seed: Int) throws {
    var lanes = Self.lanes(seed: seed)
    let expected = (0..<100).flatMap { _ in lanes.indices.map { lanes[$0].next() } }
    #expect(try Stream(seed: UInt(seed)).outputs(800) == expected)
  }

  @Test func eightLanesAreALongJump() {
    var (jumped, stepped) = (Xoshiro256(s: [1, 2, 3, 4]), Xoshiro256(s: [1, 2, 3, 4]))
    jumped.jump(Xoshiro256.longJump)
    for _ in 0..<8 { stepped.jump(Self.power(ofTwo: 189)) }
    #expect(jumped.s == stepped.s)
  }

  /// Far seeds: 2⁶³ + 2⁵ + 1 and such are as many jumps as their bits say, from the origin's own state.
  @Test(arguments: [1 << 63 | 33, 0x9e37_79b9_7f4a_7c15, .max] as [UInt]) func farSeedsAreProductsOfJumps(_ seed: UInt)
    throws
  {
    var lanes = Self.lanes(seed: 0)
    for bit in 0..<64 where seed >> UInt(bit) & 1 == 1 {
      let jump = Self.power(ofTwo: 192 + bit)
      for lane in lanes.indices { lanes[lane].jump(jump) }
    }
    #expect(try Stream(seed: seed).outputs(24) == (0..<3).flatMap { _ in lanes.indices.map { lanes[$0].next() } })
  }

  // Polynomials ------------------------------------------------------------------------------------------------

  @Test func publishedJumpsComeOut() {
    #expect(Self.power(ofTwo: 128) == Xoshiro256.jump)
    #expect(Self.power(ofTwo: 192) == Xoshiro256.longJump)
  }

  /// A power of x is as many steps, in every lane.
  @Test func powersAreSteps() {
    var random = SeededGenerator(state: 3)
    let start = (0..<8).map { _ in Xoshiro256(s: (0..<4).map { _ in random.next() }) }
    for count in [0, 1, 255, 256, 257, 1000] {
      var states = (0..<4).flatMap { word in start.map { $0.s[word] } }
      wb_xoshiro256x8_apply(Self.power(Self.x, [UInt64(count)]), &states)
      for lane in 0..<8 {
        var generator = start[lane]
        for _ in 0..<count { _ = generator.next() }
        #expect((0..<4).map { states[8 * $0 + lane] } == generator.s)
      }
    }
  }

  /// The order of x is 2²⁵⁶ − 1, the product of the Fermat numbers F₀…F₇: x to that power is 1, and to none of its
  /// quotients by a prime. So the cycle has every state but zero, and streams 2¹⁹² apart cannot meet.
  @Test func thePeriodIsFull() {
    #expect(Self.power(ofTwo: 256) == Self.x)
    let primes: [[UInt64]] = [
      [3], [5], [17], [257], [65537], [641], [6_700_417], [274_177], [67_280_421_310_721],
      [59_649_589_127_497_217], [0x40775b48cc32ba01, 0x135],
    ]
    let full = [UInt64](repeating: .max, count: 4)
    #expect(Self.product(primes) == full)
    for skipped in primes.indices {
      let quotient = Self.product(primes.indices.filter { $0 != skipped }.map { primes[$0] })
      #expect(Self.power(Self.x, quotient) != Self.one, "the period divides (2^256 - 1)/\(primes[skipped])")
    }
  }

  /// The product of numbers in little-endian words, modulo 2²⁵⁶.
  static func product(_ factors: [[UInt64]]) -> [UInt64] {
    factors.reduce([1, 0, 0, 0]) { a, b in
      var sum = [UInt64](repeating: 0, count: 4)
      for (i, y) in b.enumerated() {
        var carry: UInt64 = 0
        for j in 0..<4 - i {
          let full = a[j].multipliedFullWidth(by: y)
          let (low, first) = full.low.addingReportingOverflow(sum[i + j])
          let (next, second) = low.addingReportingOverflow(carry)
          sum[i + j] = next
          carry = full.high + (first ? 1 : 0) + (second ? 1 : 0)
        }
      }
      return sum
    }
  }

  // Fills ------------------------------------------------------------------------------------------------------

  @Test func uniformsAreTheUpper53Bits() throws {
    let words = try Stream(seed: 3).outputs(100)
    let expected = words.map { Double($0 >> 11) * 0x1p-53 }
    #expect(try Stream(seed: 3).uniforms(100) == expected)
    let single = try Stream(seed: 3)
    #expect((0..<100).map { _ in gsl_rng_uniform(single.rng) } == expected)
  }

  @Test func normalsAreOfSixteenOutputsEach() throws {
    let words = try Stream(seed: 4).outputs(160)
    let expected = stride(from: 0, to: 160, by: 16).flatMap { Self.boxMuller(words[$0..<$0 + 16]) }
    #expect(try Stream(seed: 4).normals(160) == expected)
  }

  /// Portions of every size, empty ones among them, end to end.
  @Test func portionsAreTheWhole() throws {
    var sizes = Array(0...40) + [64, 100, 1, 15, 16, 17]
    var random = SeededGenerator(state: 5)
    sizes.shuffle(using: &random)
    let total = sizes.reduce(0, +)
    for fill in [Stream.uniforms, Stream.normals] {
      let parts = try Stream(seed: 5), whole = try Stream(seed: 5)
      #expect(sizes.flatMap { fill(parts)($0) } == fill(whole)(total))
    }
  }

  /// Outputs, uniforms and groups of normals take turns on one sequence of integers, wherever each begins.
  @Test func kindsShareOneSequence() throws {
    let stream = try Stream(seed: 6), words = try Stream(seed: 6).outputs(2000)
    var place = 0, kept: [Double] = [], random = SeededGenerator(state: 6)
    for _ in 0..<60 {
      let count = Int.random(in: 0...35, using: &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0:
        #expect(stream.outputs(count) == Array(words[place..<place + count]))
        place += count
      case 1:
        #expect(stream.uniforms(count) == words[place..<place + count].map { Double($0 >> 11) * 0x1p-53 })
        place += count
      default:
        while kept.count < count {
          kept += Self.boxMuller(words[place..<place + 16])
          place += 16
        }
        #expect(stream.normals(count) == Array(kept.prefix(count)))
        kept.removeFirst(count)
      }
    }
    #expect(place > 500)
  }

  /// A generator of GSL's kind is copied whole, with what it keeps.
  @Test func copiesGoOnAlike() throws {
    let stream = try Stream(seed: 7), copy = try Stream(seed: 8)
    _ = (stream.outputs(3), stream.normals(5))
    gsl_rng_memcpy(copy.rng, stream.rng)
    #expect(stream.normals(30) == copy.normals(30) && stream.outputs(30) == copy.outputs(30))
    gsl_rng_set(stream.rng, 7)
    #expect(try stream.normals(3) == Stream(seed: 7).normals(3))
  }

  /// GSL's own samplers run on it.
  @Test func samplersOfGSLRun() throws {
    let stream = try Stream(seed: 9), n = 100_000
    let means = [
      (0..<n).reduce(0) { sum, _ in sum + gsl_ran_gaussian_ziggurat(stream.rng, 1) },
      (0..<n).reduce(0) { sum, _ in sum + gsl_ran_exponential(stream.rng, 1) - 1 },
      (0..<n).reduce(0) { sum, _ in sum + (Double(gsl_rng_uniform_int(stream.rng, 13)) - 6) / 14.0.squareRoot() },
    ]
    for sum in means { #expect(erfc(abs(sum) / Double(2 * n).squareRoot()) > 1e-5) }
  }

  // Box and Muller ---------------------------------------------------------------------------------------------

  /// Words that come near every place where an error could hide: radii from the largest to zero, angles near the axes and
  /// the diagonals.
  static let hardWords: [UInt64] = {
    var random = SeededGenerator(state: 10), words: [UInt64] = []
    for round in 0..<40_000 {
      for lane in 0..<16 {
        var word = random.next()
        let shift = random.next() % 64
        if lane < 8 {
          switch round % 4 {
          case 1: word >>= shift
          case 2: word = ~(word >> shift)
          default: break
          }
        } else if round / 4 % 2 == 1 {
          let axis = (random.next() & 15) << 60
          word = round / 8 % 2 == 1 ? axis &+ word >> shift : axis &- word >> shift
        }
        words.append(word)
      }
    }
    return words
  }()

  #if arch(x86_64)
    typealias Wide = Float80
  #else
    typealias Wide = Double
  #endif

  /// The largest error and the mean square, in ulp, against the C library's long double where it has more digits.
  @Test func boxMullerIsAccurate() {
    let words = Self.hardWords
    var largest = 0.0, square = 0.0, count = 0.0
    for group in stride(from: 0, to: words.count, by: 16) {
      let found = Self.boxMuller(words[group..<group + 16])
      for lane in 0..<8 {
        let u = Wide(Double(words[group + lane] | 1)) * 0x1p-64
        let radius = (-2 * log(u)).squareRoot()
        let place = words[group + 8 + lane] >> 10, quadrant = place >> 52
        let angle = Wide.pi / 4 * (Wide(2 * (place & (1 << 52 - 1)) + 1) * 0x1p-52 - 1)
        let (c, s) = (cos(angle), sin(angle))
        let (x, y) = [(c, s), (-s, c), (-c, -s), (s, -c)][Int(quadrant)]
        for (z, exact) in [(found[lane], radius * x), (found[8 + lane], radius * y)] {
          let error = Double(abs(Wide(z) - exact)) / Double(exact).ulp
          largest = max(largest, error)
          square += error * error
          count += 1
        }
      }
    }
    // On other processors the oracle itself is off by up to 2 ulp.
    #expect(largest <= (Wide.self == Double.self ? 6 : 4), "\(largest) ulp")
    #expect((square / count).squareRoot() < (Wide.self == Double.self ? 1.5 : 0.8))
  }

  /// The ends of the radius and the axes; never a NaN or an infinity.
  @Test func boxMullerAtTheEnds() {
    let radii: [UInt64] = [0, 1, 2, .max, .max - 1, .max << 10, 1 << 63, 1 << 63 - 1]
    let found = Self.boxMuller(radii + [UInt64](repeating: 1 << 62, count: 8))
    let largest = (128 * M_LN2).squareRoot()
    #expect(abs(hypot(found[0], found[8]) - largest) < 4 * largest.ulp)
    #expect(found[0] == found[1] && found[3] == 0 && found[11] == 0)
    #expect(abs(hypot(found[6], found[14]) - (2 * M_LN2).squareRoot()) < 1e-15)
    #expect(found.allSatisfy { $0.isFinite })
  }

  /// Angles that lie opposite give opposite normals, so odd moments vanish exactly over the circle: from a to
  /// a + π, and mirrored at the diagonals' middle.
  @Test func theCircleIsSymmetric() {
    var random = SeededGenerator(state: 11)
    for _ in 0..<1000 {
      let radii = (0..<8).map { _ in random.next() }, angles = (0..<8).map { _ in random.next() }
      let here = Self.boxMuller(radii + angles), opposite = Self.boxMuller(radii + angles.map { $0 &+ 1 << 63 })
      #expect(opposite == here.map { -$0 })
      let quarter = Self.boxMuller(radii + angles.map { $0 &+ 1 << 62 })
      #expect(quarter == here[8...].map { -$0 } + here[..<8])
      // The mirror image in the first axis: h - 1/8 to 1/8 - h.
      let mirrored = Self.boxMuller(radii + angles.map { 1 << 62 &- 1 &- $0 })
      #expect(mirrored == here[..<8] + here[8...].map { -$0 })
    }
  }

  // The same bits ----------------------------------------------------------------------------------------------

  /// Those that this processor runs.
  static func variants() -> [wb_variant] {
    Array(sequence(first: 0) { $0 + 1 }.lazy.map { wb_variant($0)?.pointee }.prefix { $0 != nil }.compactMap(\.self))
  }

  /// The kernels compiled for x86-64-v4, -v3 and plain x86-64, or plain arm64.
  @Test func everyInstructionSetGivesTheSameBits() throws {
    let variants = Self.variants(), sets = variants.map { String(cString: $0.instruction_set) }
    // The loader's choice is one of them, and the narrower ones run too.
    let width = String(cString: try #require(wb_vector_width()))
    #expect(
      sets == (width == "x86-64-v4" ? ["plain", "v3", "v4"] : width == "x86-64-v3" ? ["plain", "v3"] : ["plain"]))
    let bits = { (numbers: [Double]) in numbers.map(\.bitPattern) }
    for variant in variants {
      let name = String(cString: variant.instruction_set), n = 100_001
      let stream = try Stream(seed: 0x9e37_79b9_7f4a_7c15),
        other = try Stream(seed: 0x9e37_79b9_7f4a_7c15, type: variant.xoshiro256x8())
      #expect(stream.outputs(5) == other.outputs(5), "\(name)")
      #expect(bits(stream.uniforms(n)) == bits(Self.filled(n) { variant.fill_uniform(other.rng, $0, n) }), "\(name)")
      #expect(bits(stream.normals(n)) == bits(Self.filled(n) { variant.fill_normal(other.rng, $0, n) }), "\(name)")
      // Where the outputs read are a multiple of eight, the other path.
      #expect(stream.outputs(2) == other.outputs(2), "\(name)")
      #expect(bits(stream.normals(n)) == bits(Self.filled(n) { variant.fill_normal(other.rng, $0, n) }), "\(name)")
      for group in stride(from: 0, to: Self.hardWords.count, by: 16) {
        let words = Array(Self.hardWords[group..<group + 16])
        guard bits(Self.boxMuller(words)) == bits(Self.filled(16) { variant.box_muller(words, $0) }) else {
          Issue.record("\(name) differs on \(words)")
          break
        }
      }
    }
  }
}
