/// One row for each generator of GSL 2.7, found by auditing all 62, and one for our own: which seeds give different streams, whether the
/// ziggurat method works on it (it uses the low bits, and on fifteen of them it fails the moments without raising an
/// error), and after how many outputs neighbouring streams look unrelated.
///
/// The seeds of stream i are `firstSeed + seedStep * i`. Multiplicative generators start near 0.618 times their modulus,
/// because there the stream of seed s is s times the stream of seed 1: seeds 1, 2, 3 … would be correlated for ever.
/// `streamCount` stops where exact relations between streams begin. Every index of ours gives a stream; 2⁶³ leave room to
/// add two indices.
struct GeneratorRow: Sendable {
  let name: String
  let firstSeed: UInt
  let seedStep: UInt
  let streamCount: UInt
  let discard: Int
  let normalMethod: Generator.NormalMethod
  let remark: String

  init(
    _ name: String, _ firstSeed: UInt, _ seedStep: UInt, _ streamCount: UInt, _ discard: Int,
    _ normalMethod: Generator.NormalMethod, _ remark: String = ""
  ) {
    self.name = name
    self.firstSeed = firstSeed
    self.seedStep = seedStep
    self.streamCount = streamCount
    self.discard = discard
    self.normalMethod = normalMethod
    self.remark = remark
  }
}

let generatorTable: [GeneratorRow] = [
  GeneratorRow("borosh13", 2654435769, 2, 536870912, 0, .polar, "streams are multiples of each other"),
  GeneratorRow("cmrg", 1, 2, 2147483648, 0, .ziggurat, "streams of neighbouring seeds are correlated"),
  GeneratorRow("coveyou", 2, 4, 262144, 1, .polar, "streams are parts of one cycle of 2^30"),
  GeneratorRow("fishman18", 1327217885, 1, 820265762, 0, .ziggurat, "streams are multiples of each other"),
  GeneratorRow("fishman20", 1327217885, 1, 820265762, 0, .ziggurat, "streams are multiples of each other"),
  GeneratorRow("fishman2x", 1327217885, 1, 820265514, 0, .ziggurat, "streams are multiples of each other"),
  GeneratorRow("gfsr4", 1, 2, 536870912, 20, .ziggurat),
  GeneratorRow("knuthran", 1, 1, 1073741821, 0, .ziggurat),
  GeneratorRow("knuthran2", 1327217885, 1, 820265762, 0, .ziggurat, "streams are multiples of each other"),
  GeneratorRow("knuthran2002", 1, 1, 1073741821, 0, .ziggurat),
  GeneratorRow("lecuyer21", 1327217885, 1, 820265514, 0, .ziggurat, "streams are multiples of each other"),
  GeneratorRow("minstd", 1327217885, 1, 820265762, 0, .ziggurat, "streams are multiples of each other"),
  GeneratorRow("mrg", 1, 2, 2147483648, 1000, .ziggurat),
  GeneratorRow("mt19937", 1, 1, 4294967295, 0, .ziggurat),
  GeneratorRow("mt19937_1998", 1, 2, 1073741824, 0, .ziggurat),
  GeneratorRow("mt19937_1999", 1, 1, 4294967295, 50, .ziggurat),
  GeneratorRow("r250", 1, 2, 268435456, 1000, .polar),
  GeneratorRow("ran0", 1400000000, 1, 624023771, 0, .ziggurat, "streams are parts of one cycle of 2^31"),
  GeneratorRow("ran1", 1, 1, 2147483646, 0, .ziggurat, "24 bits; streams are parts of one cycle of 2^31"),
  GeneratorRow("ran2", 1, 1, 2147483398, 0, .ziggurat, "24 bits"),
  GeneratorRow("ran3", 161803399, 1, 1000000000, 0, .polar, "streams of neighbouring seeds are correlated"),
  GeneratorRow("rand", 1, 1, 536870912, 0, .polar, "streams are parts of one cycle of 2^31"),
  GeneratorRow("rand48", 1, 1, 1073741824, 0, .ziggurat, "streams are parts of one cycle of 2^48"),
  GeneratorRow("random-bsd", 1, 1, 1073741824, 1000, .ziggurat),
  GeneratorRow("random-glibc2", 1, 1, 1073741824, 50, .ziggurat),
  GeneratorRow("random-libc5", 1, 1, 1073741824, 0, .ziggurat, "streams of neighbouring seeds are correlated"),
  GeneratorRow("random128-bsd", 1, 1, 1073741824, 1000, .ziggurat),
  GeneratorRow("random128-glibc2", 1, 1, 1073741824, 50, .ziggurat),
  GeneratorRow("random128-libc5", 1, 1, 1073741824, 0, .ziggurat, "streams of neighbouring seeds are correlated"),
  GeneratorRow("random256-bsd", 1, 1, 1073741824, 0, .ziggurat, "streams of neighbouring seeds are correlated"),
  GeneratorRow("random256-glibc2", 1, 1, 1073741824, 0, .ziggurat),
  GeneratorRow("random256-libc5", 1, 1, 1073741824, 0, .ziggurat, "streams of neighbouring seeds are correlated"),
  GeneratorRow("random32-bsd", 1, 1, 1073741824, 0, .polar, "streams of neighbouring seeds are correlated"),
  GeneratorRow("random32-glibc2", 1, 1, 1073741824, 0, .polar, "streams of neighbouring seeds are correlated"),
  GeneratorRow("random32-libc5", 1, 1, 1073741824, 0, .polar, "streams of neighbouring seeds are correlated"),
  GeneratorRow("random64-bsd", 1, 1, 1073741824, 0, .ziggurat, "streams of neighbouring seeds are correlated"),
  GeneratorRow("random64-glibc2", 1, 1, 1073741824, 10, .ziggurat, "short additive recurrence"),
  GeneratorRow("random64-libc5", 1, 1, 1073741824, 0, .ziggurat, "streams of neighbouring seeds are correlated"),
  GeneratorRow("random8-bsd", 1, 1, 536870912, 0, .polar, "streams are parts of one cycle of 2^31"),
  GeneratorRow("random8-glibc2", 1, 1, 536870912, 0, .polar, "streams are parts of one cycle of 2^31"),
  GeneratorRow("random8-libc5", 1, 1, 536870912, 0, .polar, "streams are parts of one cycle of 2^31"),
  GeneratorRow("randu", 1327217885, 2, 134217728, 0, .polar, "not for use: RANDU, points fall on 15 planes"),
  GeneratorRow("ranf", 2654435769, 2, 820265764, 1, .ziggurat, "streams are multiples of each other"),
  GeneratorRow("ranlux", 1, 1, 2147483562, 50, .ziggurat, "24 bits"),
  GeneratorRow("ranlux389", 1, 1, 2147483562, 50, .ziggurat, "24 bits"),
  GeneratorRow("ranlxd1", 1, 1, 2147483647, 0, .ziggurat),
  GeneratorRow("ranlxd2", 1, 1, 2147483647, 0, .ziggurat),
  GeneratorRow("ranlxs0", 1, 1, 2147483647, 0, .ziggurat, "24 bits"),
  GeneratorRow("ranlxs1", 1, 1, 2147483647, 0, .ziggurat, "24 bits"),
  GeneratorRow("ranlxs2", 1, 1, 2147483647, 0, .ziggurat, "24 bits"),
  GeneratorRow("ranmar", 1, 1, 942438978, 0, .ziggurat, "24 bits"),
  GeneratorRow("slatec", 1, 1, 8, 0, .polar, "not for use: 22 bits, 8 streams that are translates of each other"),
  GeneratorRow("taus", 1, 2, 1391547266, 0, .ziggurat),
  GeneratorRow("taus113", 1, 2, 2027158151, 0, .ziggurat),
  GeneratorRow("taus2", 1, 2, 2027158151, 0, .ziggurat),
  GeneratorRow("transputer", 2654435769, 2, 536870912, 0, .polar, "streams are multiples of each other"),
  GeneratorRow("tt800", 1, 2, 2147483648, 50, .ziggurat),
  GeneratorRow("uni", 1, 1, 16383, 300, .polar, "15 bits"),
  GeneratorRow("uni32", 1, 2, 1073741824, 1000, .ziggurat),
  GeneratorRow("vax", 1, 1, 1073741824, 0, .polar, "streams are parts of one cycle of 2^32"),
  GeneratorRow("waterman14", 2654435769, 2, 536870912, 0, .polar, "streams are multiples of each other"),
  GeneratorRow("xoshiro256x8", 1, 1, 1 << 63, 0, .boxMuller),
  GeneratorRow("zuf", 1, 1, 31329, 0, .ziggurat, "24 bits; 31329 streams"),
]
