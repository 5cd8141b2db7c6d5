import CGSL
import Foundation
@testable import Randomness
import Testing

@Suite struct GeneratorTests {
  /// The names that GSL itself lists.
  static let listed: Set<String> = {
    guard let types = gsl_rng_types_setup() else { return [] }
    let names = sequence(first: 0) { $0 + 1 }.lazy.map { types[$0] }.prefix { $0 != nil }
    return Set(names.compactMap { $0.map { String(cString: $0.pointee.name) } })
  }()

  static let names = listed.union(["xoshiro256x8"])

  @Test func theTableIsGSLsListAndOurs() {
    #expect(Self.listed.count >= 60)
    #expect(Set(generatorTable.map(\.name)) == Self.names)
    #expect(Generator.all.map(\.name) == Self.names.sorted())
    #expect(Generator.all.filter { $0.origin == .workbench }.map(\.name) == ["xoshiro256x8"])
  }

  @Test func namesFindGenerators() throws {
    for name in Self.names { #expect(Generator.named(name)?.name == name) }
    for name in ["", "MT19937", "mt19937 ", "mersenne", "default"] { #expect(Generator.named(name) == nil) }
    #expect(Generator.standardName == "mt19937")
    let standard = try #require(Generator.named(Generator.standardName))
    #expect(standard.range == 0...4_294_967_295)
  }

  /// Seeds are never 0, which stands for another seed in GSL, nor wider than the 32 bits that most of its generators
  /// read, and different streams have different seeds and outputs: at both ends of the range, evenly spaced, and side by side.
  @Test(arguments: Generator.all) func streamsAreDifferent(_ generator: Generator) throws {
    let last = generator.streamCount - 1, few = min(100, generator.streamCount)
    let spaced = (0..<200).map { last / 199 * $0 + last % 199 * $0 / 199 }
    let middle = (0..<few).map { (last / 2 + $0) % generator.streamCount }
    let indices = Set((0..<few).map { $0 } + (0..<few).map { last - $0 } + spaced + middle)

    let seeds = indices.map(generator.seed)
    #expect(Set(seeds).count == indices.count)
    let widest = generator.origin == .workbench ? UInt.max : UInt(UInt32.max)
    #expect(seeds.allSatisfy { 1...widest ~= $0 })
    var starts: Set<[UInt]> = []
    for index in indices {
      var stream = try RandomStream(generator, index: index)
      starts.insert((0..<8).map { _ in stream.next() })
    }
    #expect(starts.count == indices.count)
    #expect(generator.seed(ofStream: generator.streamCount) == generator.seed(ofStream: 0))
    #expect(generator.seed(ofStream: generator.streamCount + last) == generator.seed(ofStream: last))
  }

  @Test(arguments: Generator.all) func outputsAreInRange(_ generator: Generator) throws {
    var stream = try RandomStream(generator, index: 1)
    #expect((0..<10_000).allSatisfy { _ in generator.range.contains(stream.next()) })
  }

  /// The ziggurat reads 24 bits; a generator with fewer must not be given it.
  @Test func theZigguratHasEnoughBits() {
    for generator in Generator.all where generator.normalMethod == .ziggurat {
      #expect(generator.range.upperBound - generator.range.lowerBound >= 1 << 24 - 1, "\(generator.name)")
    }
  }
}
