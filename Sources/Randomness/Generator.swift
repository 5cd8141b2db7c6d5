internal import CGSL
internal import CKernels

/// A random number generator of GSL's and what it can do.
///
/// The seeds that `gsl_rng_set` takes are a trap: 0 usually stands for another seed, most generators ignore the high
/// bits, and some reduce the seed to a handful of states. So every generator has a row in a table, made by
/// an audit (enumeration where the seeds are few, else the seeding formula and samples), of the seeds `firstSeed + step * i`, `i` in `0..<streamCount`, that give pairwise different streams.
public struct Generator: Hashable, Sendable {
  /// How standard normals are drawn from it.
  public enum NormalMethod: String, Hashable, Sendable {
    /// Marsaglia and Tsang's ziggurat (J. Stat. Softw. 5(8), 2000): needs 24 random bits a call.
    case ziggurat
    /// The polar method of Box, Muller and Marsaglia: any generator.
    case polar
  }

  /// GSL's name, such as `mt19937`.
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
  /// Place in GSL's list.
  private let typeIndex: Int

  /// GSL's own default.
  public static let standardName = "mt19937"

  /// Every generator that the linked GSL lists and the table knows, by name.
  public static let all: [Generator] = {
    wb_silence_gsl()
    let rows = Dictionary(uniqueKeysWithValues: generatorTable.map { ($0.name, $0) })
    var found: [Generator] = []
    for index in 0... {
      guard let type = listedType(index) else { break }
      let name = String(cString: type.pointee.name)
      guard let row = rows[name] else { continue }
      found.append(
        Generator(
          name: name, range: UInt(type.pointee.min)...UInt(type.pointee.max), firstSeed: row.firstSeed,
          seedStep: row.seedStep, streamCount: row.streamCount, discard: row.discard,
          normalMethod: row.normalMethod, remark: row.remark, typeIndex: index))
    }
    return found.sorted { $0.name < $1.name }
  }()

  /// The generator of that name, or nil.
  public static func named(_ name: String) -> Generator? { all.first { $0.name == name } }

  /// The seed of stream `index`; indices wrap around at `streamCount`.
  func seed(ofStream index: UInt) -> UInt { firstSeed + seedStep * (index % streamCount) }

  /// GSL's type, a global of the C library.
  var type: UnsafePointer<gsl_rng_type>? { Generator.listedType(typeIndex) }

  private static func listedType(_ index: Int) -> UnsafePointer<gsl_rng_type>? { wb_generator_types()?[index] }
}
