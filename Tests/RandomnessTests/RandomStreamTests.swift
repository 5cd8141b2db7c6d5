import Foundation
import Randomness
import Testing

@Suite struct RandomStreamTests {
  static func normals(_ generator: Generator, index: UInt, count: Int) throws -> [Double] {
    var stream = try RandomStream(generator, index: index)
    var numbers = [Double](repeating: .nan, count: count)
    var span = numbers.mutableSpan
    stream.fillNormals(&span)
    return numbers
  }

  static func uniforms(_ generator: Generator, index: UInt, count: Int) throws -> [Double] {
    var stream = try RandomStream(generator, index: index)
    var numbers = [Double](repeating: .nan, count: count)
    var span = numbers.mutableSpan
    stream.fillUniforms(&span)
    return numbers
  }

  /// Results are promised to repeat: a change of any of these numbers is a change that users must be told of.
  ///
  /// GSL's normals go through the C library's logarithm, whose last digit may depend on the processor: they are held to
  /// 4 units in the last place, the rest to every bit.
  @Test(arguments: GoldenStreams.starts) func startsArePinned(_ golden: GoldenStreams.Start) throws {
    let generator = try #require(Generator.named(golden.generator))
    var stream = try RandomStream(generator, index: golden.index)
    #expect((0..<3).map { _ in stream.next() } == golden.outputs)
    #expect(try Self.uniforms(generator, index: golden.index, count: 3) == golden.uniforms)
    let normals = try Self.normals(generator, index: golden.index, count: 3)
    if generator.origin == .workbench { #expect(normals == golden.normals) }
    for (found, wanted) in zip(normals, golden.normals) {
      #expect(abs(found - wanted) <= 4 * wanted.ulp, "\(found) instead of \(wanted)")
    }
  }

  /// SHA-256 of the first 1000 normals of stream 7 of every generator, each rounded to single precision, so that the
  /// last digits of the C library's logarithm do not show.
  @Test func normalsOfEveryGeneratorArePinned() throws {
    var found: [String: String] = [:]
    for generator in Generator.all {
      let bytes = try Self.normals(generator, index: 7, count: 1000).flatMap { number in
        withUnsafeBytes(of: Float(number).bitPattern.littleEndian, Array.init)
      }
      found[generator.name] = String(SHA256.hexDigest(bytes).prefix(16))
    }
    for (name, digest) in found { #expect(digest == GoldenStreams.normals[name], "\(name): \(digest)") }
    #expect(Set(found.keys) == Set(GoldenStreams.normals.keys))
  }

  /// Known not to be random enough: their remarks say not to use them.
  static let unusable: Set<String> = ["randu", "slatec"]

  @Test func onlyTheseAreNotForUse() {
    #expect(Set(Generator.all.filter { $0.remark.hasPrefix("not for use") }.map(\.name)) == Self.unusable)
  }

  static let usable = Generator.all.filter { !unusable.contains($0.name) }

  /// Means of the Hermite polynomials He₁…He₄ (mean, variance, skewness, kurtosis) of 100 000 normals: their expectation
  /// is 0 and their variance j!/n. The chance that any of all these fails on true normals is 10⁻⁴.
  @Test(arguments: usable) func normalMoments(_ generator: Generator) throws {
    let numbers = try Self.normals(generator, index: 1, count: 100_000)
    var sums = [0.0, 0, 0, 0]
    for x in numbers {
      let square = x * x
      sums[0] += x
      sums[1] += square - 1
      sums[2] += x * (square - 3)
      sums[3] += square * (square - 6) + 3
    }
    for (sum, factorial) in zip(sums, [1.0, 2, 6, 24]) {
      let z = sum / (Double(numbers.count) * factorial).squareRoot()
      let p = erfc(abs(z) / 2.0.squareRoot())
      #expect(p > 1e-4 / Double(4 * Generator.all.count), "\(generator.name): z \(z) of \(sums)")
    }
  }

  /// Mean and variance of uniforms, and that they are in their interval.
  @Test(arguments: usable) func uniformMoments(_ generator: Generator) throws {
    let numbers = try Self.uniforms(generator, index: 1, count: 100_000), n = Double(numbers.count)
    #expect(numbers.allSatisfy { 0 <= $0 && $0 < 1 })
    let first = numbers.reduce(0) { $0 + ($1 - 0.5) } / n
    let second = numbers.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) - 1 / 12 } / n
    for z in [first * (12 * n).squareRoot(), second * (180 * n).squareRoot()] {
      #expect(erfc(abs(z) / 2.0.squareRoot()) > 1e-4 / Double(2 * Generator.all.count), "\(generator.name): z \(z)")
    }
  }

  @Test(arguments: ["mt19937", "xoshiro256x8"]) func aStreamIsItsGeneratorAndIndex(_ name: String) throws {
    let generator = try #require(Generator.named(name))
    #expect(try Self.normals(generator, index: 5, count: 100) == Self.normals(generator, index: 5, count: 100))
    #expect(try Self.normals(generator, index: 5, count: 100) != Self.normals(generator, index: 6, count: 100))
    // Indices wrap around; numbers drawn in two portions are the numbers drawn in one.
    #expect(
      try Self.normals(generator, index: 5 + generator.streamCount, count: 9)
        == Self.normals(generator, index: 5, count: 9))
    var stream = try RandomStream(generator, index: 5)
    var parts = [[Double]](repeating: [Double](repeating: 0, count: 50), count: 2)
    for part in parts.indices {
      var span = parts[part].mutableSpan
      stream.fillNormals(&span)
    }
    #expect(try parts[0] + parts[1] == Self.normals(generator, index: 5, count: 100))
  }

  /// On every generator, however few its bits; `order` stays a permutation.
  @Test(arguments: Generator.all) func chosenIndicesAreDistinct(_ generator: Generator) throws {
    let (chosen, count, lanes) = (5, 11, 40)
    var stream = try RandomStream(generator, index: 3)
    var order = (0..<Int32(count)).map(\.self), indices = [Int32](repeating: -1, count: chosen * lanes)
    var span = indices.mutableSpan
    stream.choose(chosen, of: &order, lanes: lanes, into: &span)
    for lane in 0..<lanes {
      let members = Set((0..<chosen).map { indices[$0 * lanes + lane] })
      #expect(members.count == chosen && members.allSatisfy { 0..<Int32(count) ~= $0 })
    }
    #expect(order.sorted() == (0..<Int32(count)).map(\.self))
    #expect(Set(indices) == Set(0..<Int32(count)))
  }
}
