internal import GradientEstimation

/// A file of the format that MNIST comes in: a magic number 0, 0, type, number of dimensions; the dimensions, 32 bits each; the
/// numbers, last dimension fastest. Most significant bytes come first. Plain or gzip.
struct IDXFile: Sendable {
  /// How the numbers are stored, by the third byte.
  enum Element: UInt8, Sendable {
    case unsignedByte = 0x08
    case signedByte = 0x09
    case short = 0x0B
    case int = 0x0C
    case float = 0x0D
    case double = 0x0E

    /// In bytes.
    var size: Int {
      switch self {
      case .unsignedByte, .signedByte: 1
      case .short: 2
      case .int, .float: 4
      case .double: 8
      }
    }
    var isInteger: Bool { self != .float && self != .double }
  }

  /// What the numbers are for.
  enum Content { case data, labels }

  /// No file may hold more numbers.
  static let limit = Int(Int32.max)

  let dimensions: [Int]
  /// Unsigned bytes of data divided by 255; else as stored.
  let values: [Double]

  /// Whether a file that begins so is meant to be one.
  static func begins(with bytes: [UInt8]) -> Bool { bytes.count >= 2 && bytes[0] == 0 && bytes[1] == 0 }

  /// Whether there is a file of that path that begins so.
  static func isFile(_ path: String) -> Bool {
    do throws(ComponentError) {
      var file = try InflatedFile(path, option: "data")
      return begins(with: try file.read(4))
    } catch {
      return false
    }
  }

  /// Reads the rest of a file, of which the first four bytes are given.
  ///
  /// - Throws: `ComponentError` with the byte where the file is no such file, has other dimensions than `content` needs,
  ///   declares nothing or too much, is shorter or longer than it declares, or holds what is not a finite number.
  init(_ file: inout InflatedFile, magic: [UInt8], content: Content) throws(ComponentError) {
    let element = try IDXFile.element(magic, content: content, of: file)
    var dimensions: [Int] = []
    for _ in 0..<magic[3] {
      let bytes = try file.read(4)
      guard bytes.count == 4 else { throw file.fault("the file ends within its header") }
      dimensions.append(Int(IDXFile.bigEndian(UInt32.self, bytes, at: 0)))
    }
    let shape = dimensions.map(String.init).joined(separator: " × ")
    var total = 1
    for size in dimensions {
      let (product, overflow) = total.multipliedReportingOverflow(by: size)
      total = overflow || product > IDXFile.limit ? IDXFile.limit + 1 : product
    }
    guard total > 0 else { throw file.fault("\(shape) numbers: there are no data", at: 4) }
    guard total <= IDXFile.limit else {
      throw file.fault("\(shape) numbers are declared; no more than \(IDXFile.limit) are read", at: 4)
    }
    self.dimensions = dimensions
    values = try IDXFile.numbers(total, element, shape: shape, content: content, of: &file)
    guard try file.read(1).isEmpty else {
      throw file.fault("more follows than the \(shape) numbers that the header declares", at: file.offset - 1)
    }
  }

  private static func element(
    _ magic: [UInt8], content: Content, of file: borrowing InflatedFile
  ) throws(ComponentError) -> Element {
    func hex(_ byte: UInt8) -> String { "0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    guard !magic.isEmpty else { throw file.fault("not an IDX file: it is empty") }
    guard begins(with: magic) else {
      throw file.fault(
        "not an IDX file: it begins with \(magic.prefix(2).map(hex).joined(separator: " ")), not 0x00 0x00", at: 0)
    }
    guard magic.count == 4 else { throw file.fault("the file ends within its header") }
    guard let element = Element(rawValue: magic[2]) else {
      throw file.fault("\(hex(magic[2])) is no type of numbers; 0x08 are unsigned bytes", at: 2)
    }
    let dimensions = magic[3]
    switch content {
    case .data where dimensions == 1: throw file.fault("one dimension, as labels have; images have 3", at: 3)
    case .data where !(2...4).contains(dimensions): throw file.fault("\(dimensions) dimensions; images have 3", at: 3)
    case .labels where dimensions != 1:
      throw file.fault("\(dimensions) dimensions, as images have; labels have 1", at: 3)
    case .labels where !element.isInteger: throw file.fault("\(hex(magic[2])): labels are to be integers", at: 2)
    default: return element
    }
  }

  private static func numbers(
    _ total: Int, _ element: Element, shape: String, content: Content, of file: inout InflatedFile
  ) throws(ComponentError) -> [Double] {
    var numbers: [Double] = []
    let scale = element == .unsignedByte && content == .data ? 255.0 : 1
    let start = file.offset, portion = 1 << 20
    // A header may lie: no storage for more than the file can hold.
    numbers.reserveCapacity(min(total, file.sizeBound / element.size))
    while numbers.count < total {
      let wanted = min(total - numbers.count, portion / element.size)
      let bytes = try file.read(wanted * element.size)
      guard bytes.count == wanted * element.size else {
        throw file.fault("the file ends; the header declares \(shape) numbers, \(start + total * element.size) bytes")
      }
      for k in 0..<wanted {
        let number = value(element, bytes, at: k * element.size) / scale
        guard number.isFinite else {
          throw file.fault("\(number) is not a finite number", at: file.offset - bytes.count + k * element.size)
        }
        numbers.append(number)
      }
    }
    return numbers
  }

  private static func value(_ element: Element, _ bytes: [UInt8], at place: Int) -> Double {
    switch element {
    case .unsignedByte: Double(bytes[place])
    case .signedByte: Double(Int8(bitPattern: bytes[place]))
    case .short: Double(Int16(bitPattern: bigEndian(UInt16.self, bytes, at: place)))
    case .int: Double(Int32(bitPattern: bigEndian(UInt32.self, bytes, at: place)))
    case .float: Double(Float(bitPattern: bigEndian(UInt32.self, bytes, at: place)))
    case .double: Double(bitPattern: bigEndian(UInt64.self, bytes, at: place))
    }
  }

  private static func bigEndian<I: FixedWidthInteger>(_: I.Type, _ bytes: [UInt8], at place: Int) -> I {
    var word: I = 0
    for byte in bytes[place..<place + I.bitWidth / 8] { word = word << 8 | I(byte) }
    return word
  }
}
