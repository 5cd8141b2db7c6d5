import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

@Suite struct IDXFileTests {
  /// Three images of 2 × 3, and a label each.
  static let pixels: [UInt8] = (0..<18).map { UInt8(15 * $0) }
  static let images = idx(0x08, [3, 2, 3], pixels), labels = idx(0x08, [3], [7, 0, 255])

  /// The fault, path left out; the option that it is told under is checked.
  static func fault(_ data: Data, labels: Data? = nil) throws -> String {
    let file = try TemporaryFile(data), labelFile = try labels.map { try TemporaryFile($0) }
    let error = #expect(throws: ComponentError.self) {
      try Dataset.load(file.path, labels: labelFile?.path ?? "")
    }
    let text = try #require(error?.description), guilty = labelFile?.path ?? file.path
    #expect(error?.option == (labels == nil ? "data" : "labels"))
    #expect(text.hasPrefix(guilty + ": ") && !text.contains("\n"))
    return String(text.dropFirst(guilty.count + 2)).replacing(file.path, with: "DATA")
  }

  @Test(arguments: [(false, false), (true, false), (true, true)])
  func roundTrip(_ compressImages: Bool, _ compressLabels: Bool) throws {
    let file = try TemporaryFile(compressImages ? gzip(Self.images) : Self.images)
    let labelFile = try TemporaryFile(compressLabels ? gzip(Self.labels) : Self.labels)
    let data = try Dataset.load(file.path, labels: labelFile.path)
    #expect(data.source == file.path && data.count == 3 && data.dimension == 6)
    #expect(data.image == Dataset.ImageSize(rows: 2, columns: 3))
    #expect(data.values == Self.pixels.map { Double($0) / 255 })
    #expect(data.values.first == 0 && data.values.last == 1)
    #expect(data.labels == [7, 0, 255])
    #expect(try Dataset.load(file.path, labels: "").labels == nil)
  }

  /// More than one portion of reading, and compressed by the program `gzip`.
  @Test func manyNumbersByTheProgram() throws {
    let count = 3_000, pixels = (0..<count * 784).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    let file = try TemporaryFile(idx(0x08, [UInt32(count), 28, 28], pixels))
    let plain = try Dataset.load(file.path, labels: "")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-1", "-f", file.path]
    try process.run()
    process.waitUntilExit()
    let compressed = file.path + ".gz"
    defer { try? FileManager.default.removeItem(atPath: compressed) }
    let inflated = try Dataset.load(compressed, labels: "")
    #expect(plain.values == pixels.map { Double($0) / 255 } && inflated.values == plain.values)
  }

  /// Big-endian numbers of the other types, as they are; two dimensions are vectors, four images of several channels.
  @Test func otherTypes() throws {
    func values(_ type: UInt8, _ dimensions: [UInt32], _ bytes: [UInt8]) throws -> Dataset {
      let file = try TemporaryFile(idx(type, dimensions, bytes))
      return try Dataset.load(file.path, labels: "")
    }
    #expect(try values(0x09, [2, 1], [0xFF, 0x7F]).values == [-1, 127])
    #expect(try values(0x0B, [1, 2], [0x01, 0x02, 0xFF, 0xFE]).values == [258, -2])
    #expect(try values(0x0C, [1, 2], [0, 1, 0, 0, 0x80, 0, 0, 0]).values == [65536, -2_147_483_648])
    #expect(try values(0x0D, [1, 2], [0x3F, 0xC0, 0, 0, 0xC0, 0, 0, 0]).values == [1.5, -2])
    let tenth = withUnsafeBytes(of: 0.1.bitPattern.bigEndian) { Array($0) }
    #expect(try values(0x0E, [1, 1], tenth).values == [0.1])
    let vectors = try values(0x08, [2, 3], Array(0..<6)), channels = try values(0x08, [1, 2, 3, 2], Array(0..<12))
    #expect(vectors.dimension == 3 && vectors.image == nil && channels.dimension == 12 && channels.image == nil)
  }

  @Test func faultsOfData() throws {
    let images = Self.images
    #expect(try Self.fault(images.prefix(3)) == "byte 3: the file ends within its header")
    #expect(try Self.fault(images.prefix(9)) == "byte 9: the file ends within its header")
    #expect(
      try Self.fault(images.dropLast(5)) == "byte 29: the file ends; the header declares 3 × 2 × 3 numbers, 34 bytes")
    #expect(
      try Self.fault(images + [0]) == "byte 34: more follows than the 3 × 2 × 3 numbers that the header declares")
    #expect(try Self.fault(Self.labels) == "byte 3: one dimension, as labels have; images have 3")
    #expect(try Self.fault(idx(0x08, [], [])) == "byte 3: 0 dimensions; images have 3")
    #expect(try Self.fault(idx(0x08, [1, 1, 1, 1, 1], [0])) == "byte 3: 5 dimensions; images have 3")
    #expect(try Self.fault(idx(0x07, [1, 1, 1], [0])) == "byte 2: 0x07 is no type of numbers; 0x08 are unsigned bytes")
    #expect(try Self.fault(idx(0x08, [0, 28, 28], [])) == "byte 4: 0 × 28 × 28 numbers: there are no data")
    #expect(try Self.fault(idx(0x08, [5, 28, 0], [])) == "byte 4: 5 × 28 × 0 numbers: there are no data")
    #expect(
      try Self.fault(idx(0x0D, [2, 2], [0, 0, 0, 0, 0x7F, 0xC0, 0, 0] + [UInt8](repeating: 0, count: 8)))
        == "byte 16: nan is not a finite number")
  }

  /// Products that overflow 32 or 64 bits, and a header that declares gigabytes which are not there.
  @Test func oversizedFiles() throws {
    let most = UInt32.max, limit = "numbers are declared; no more than 2147483647 are read"
    #expect(try Self.fault(idx(0x08, [most, 28, 28], [])) == "byte 4: 4294967295 × 28 × 28 \(limit)")
    #expect(
      try Self.fault(idx(0x0E, [most, most, most, most], []))
        == "byte 4: 4294967295 × 4294967295 × 4294967295 × 4294967295 \(limit)")
    #expect(try Self.fault(idx(0x08, [1 << 31, 1], [])) == "byte 4: 2147483648 × 1 \(limit)")
    #expect(
      try Self.fault(idx(0x08, [most, most, 0], [])) == "byte 4: 4294967295 × 4294967295 × 0 numbers: there are no data"
    )
    #expect(
      try Self.fault(idx(0x08, [1 << 21, 1023], [0, 0]))
        == "byte 14: the file ends; the header declares 2097152 × 1023 numbers, 2145386508 bytes")
  }

  @Test func faultsOfGzip() throws {
    let images = Self.images, packed = try gzip(images)
    #expect(
      try Self.fault(gzip(images.dropLast(5)))
        == "inflated byte 29: the file ends; the header declares 3 × 2 × 3 numbers, 34 bytes")
    #expect(
      try Self.fault(gzip(images + [0]))
        == "inflated byte 34: more follows than the 3 × 2 × 3 numbers that the header declares")
    // All the data are there, their checksum is not.
    #expect(try Self.fault(packed.dropLast(6)) == "inflated byte 34: the gzip file ends before its data do")
    // Nothing but gzip's header of ten bytes.
    #expect(try Self.fault(packed.prefix(10)) == "inflated byte 0: the gzip file ends before its data do")
    var damaged = packed
    damaged[damaged.count - 8] ^= 1
    #expect(try Self.fault(damaged) == "the gzip file is damaged: incorrect data check")
    #expect(
      try Self.fault(gzip(Data("a,b\n1,2\n".utf8)))
        == "inflated byte 0: a gzip file that holds no IDX file; CSV files are read as they are")
  }

  /// A small file that inflates to 64 MB is left alone after the declared bytes and one more.
  @Test func aBombIsNotInflated() throws {
    let packed = try gzip(idx(0x08, [2, 2, 2], [UInt8](repeating: 0, count: 1 << 26)))
    #expect(packed.count < 100_000)
    #expect(
      try Self.fault(packed)
        == "inflated byte 24: more follows than the 2 × 2 × 2 numbers that the header declares")
    let temporary = try TemporaryFile(packed)
    var file = try InflatedFile(temporary.path, option: "data")
    let magic = try file.read(4)
    var failed = false
    do {
      _ = try IDXFile(&file, magic: magic, content: .data)
    } catch {
      failed = true
    }
    let offset = file.offset
    #expect(failed && offset == 25)
  }

  @Test func faultsOfLabels() throws {
    func fault(_ labels: Data) throws -> String { try Self.fault(Self.images, labels: labels) }
    #expect(try fault(idx(0x08, [2], [1, 2])) == "byte 4: 2 labels for the 3 data of DATA")
    #expect(try fault(Self.images) == "byte 3: 3 dimensions, as images have; labels have 1")
    #expect(try fault(Self.labels.dropLast()) == "byte 10: the file ends; the header declares 3 numbers, 11 bytes")
    #expect(try fault(Self.labels + [1]) == "byte 11: more follows than the 3 numbers that the header declares")
    #expect(try fault(idx(0x0E, [1], [UInt8](repeating: 0, count: 8))) == "byte 2: 0x0e: labels are to be integers")
    #expect(
      try fault(Data("digit\n1\n".utf8)) == "byte 0: not an IDX file: it begins with 0x64 0x69, not 0x00 0x00")
    #expect(try fault(Data()) == "byte 0: not an IDX file: it is empty")
  }

  @Test func filesThatCannotBeRead() throws {
    func error(_ data: String, labels: String = "") -> ComponentError? {
      #expect(throws: ComponentError.self) { try Dataset.load(data, labels: labels) }
    }
    let directory = FileManager.default.temporaryDirectory.path, images = try TemporaryFile(Self.images)
    #expect(error("/no/such-ubyte.gz") == ComponentError(option: "data", "/no/such-ubyte.gz: no such file"))
    #expect(error(directory) == ComponentError(option: "data", "\(directory): it is a directory"))
    #expect(
      error("digit")
        == ComponentError(
          option: "data",
          "digit: no such file; the shipped data sets are 'breast-cancer', 'diabetes', 'digits', 'iris', 'warpbreaks', 'wine'"
        ))
    #expect(error(images.path, labels: "digit") == ComponentError(option: "labels", "digit: no such file"))
    #expect(
      error(images.path, labels: directory) == ComponentError(option: "labels", "\(directory): it is a directory"))
  }
}
