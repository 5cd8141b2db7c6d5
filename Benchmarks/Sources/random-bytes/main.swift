import Foundation
import Randomness

// Writes a generator's integers as raw bytes, without end, for batteries of tests that read standard input:
//
//     swift run -c release --package-path Benchmarks random-bytes GENERATOR INDEX... | dieharder -a -g 200
//
// Streams of several indices are interleaved integer by integer. Integers are of 64 bits, the lowest byte first, where
// the generator has 64; else of 32 bits.

let arguments = CommandLine.arguments.dropFirst()
guard let generator = arguments.first.flatMap(Generator.named), arguments.count > 1,
  generator.range == 0...UInt.max || generator.range == 0...UInt(UInt32.max)
else { fatalError("usage: random-bytes GENERATOR INDEX... (generators of 32 or 64 bits)") }
let width = generator.range.upperBound == .max ? 8 : 4
let indices = arguments.dropFirst().compactMap { UInt($0) }
guard indices.count == arguments.count - 1 else { fatalError("random-bytes: an INDEX is a whole number") }

/// The next outputs of one stream.
final class Source {
  private var stream: RandomStream
  init(_ generator: Generator, _ index: UInt) throws { stream = try RandomStream(generator, index: index) }
  func next() -> UInt64 { UInt64(stream.next()) }
}

let sources = try indices.map { try Source(generator, $0) }
var bytes = [UInt8](repeating: 0, count: 8 * 1024 * sources.count)
while true {
  for place in 0..<bytes.count / width {
    let word = sources[place % sources.count].next().littleEndian
    bytes.withUnsafeMutableBytes { buffer in
      if width == 8 {
        buffer.storeBytes(of: word, toByteOffset: 8 * place, as: UInt64.self)
      } else {
        buffer.storeBytes(of: UInt32(word), toByteOffset: 4 * place, as: UInt32.self)
      }
    }
  }
  // The reader ends it by closing the pipe.
  try FileHandle.standardOutput.write(contentsOf: bytes)
}
