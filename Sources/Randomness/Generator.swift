internal import CGSL
internal import CKernels

/// A random number generator, of GSL's or of its kind, and what it can do.
///
/// The seeds that `gsl_rng_set` takes are a trap: 0 usually stands for another seed, most generators ignore the high
/// bits, and some reduce the seed to a handful of states. So every generator has a row in a table, made by
/// an audit (enumeration where the seeds are few, else the seeding formula and samples), of the seeds
/// `firstSeed + seedStep * i`, `i` in `0..<streamCount`, that give pairwise different streams.
///
/// `xoshiro256x8` is the workbench's own, a `gsl_rng_type` like any other. Its streams do not overlap by construction.
public struct Generator: Hashable, Sendable {
  /// How standard normals are drawn from it.
  public enum NormalMethod: String, Hashable, Sendable {
    /// Marsaglia and Tsang's ziggurat (J. Stat. Softw. 5(8), 2000): needs 24 random bits a call.
    case ziggurat
    /// The polar method of Box, Muller and Marsaglia: any generator.
    case polar
    /// Box and Muller's, eight pairs at once: `xoshiro256x8`.
    case boxMuller = "Box-Muller"
  }

  /// Whose code it is.
  public enum Origin: Hashable, Sendable {
    /// A generator of GSL's, by its place in GSL's list.
    case gsl(place: Int)
    /// The workbench's own.
    case workbench
  }

  /// Its name, such as `mt19937`.
  public let name: String
  /// The smallest and largest integer that it returns.
  public let range: ClosedRange<UInt>
  public let firstSeed: UInt
  public let seedStep: UInt
  /// How many streams may be used: its seeds may give more different ones, but not without exact relations.
  public let streamCount: UInt
  /// Outputs thrown away before a stream is used.
  public let discard: Int
  public let normalMethod: NormalMethod
  /// What to know before using it; empty where nothing is wrong.
  public let remark: String
  public let origin: Origin

  /// GSL's own default.
  public static let standardName = "mt19937"

  /// Our own, and every generator that the linked GSL lists and the table knows, by name.
  public static let all: [Generator] = {
    wb_silence_gsl()
    let rows = Dictionary(uniqueKeysWithValues: generatorTable.map { ($0.name, $0) })
    let listed = sequence(first: 0) { $0 + 1 }.lazy.map(Origin.gsl).prefix { type(of: $0) != nil }
    return ([.workbench] + listed).compactMap { origin in
      guard let type = type(of: origin), let row = rows[String(cString: type.pointee.name)] else { return nil }
      return Generator(
        name: row.name, range: UInt(type.pointee.min)...UInt(type.pointee.max), firstSeed: row.firstSeed,
        seedStep: row.seedStep, streamCount: row.streamCount, discard: row.discard,
        normalMethod: row.normalMethod, remark: row.remark, origin: origin)
    }.sorted { $0.name < $1.name }
  }()

  /// The generator of that name, or nil.
  public static func named(_ name: String) -> Generator? { all.first { $0.name == name } }

  /// The seed of stream `index`; indices wrap around at `streamCount`.
  func seed(ofStream index: UInt) -> UInt { firstSeed + seedStep * (index % streamCount) }

  /// GSL's description of it, a global of the C library or of ours.
  var type: UnsafePointer<gsl_rng_type>? { Generator.type(of: origin) }

  private static func type(of origin: Origin) -> UnsafePointer<gsl_rng_type>? {
    switch origin {
    case .gsl(let place): wb_generator_types()?[place]
    case .workbench: wb_xoshiro256x8()
    }
  }
}
