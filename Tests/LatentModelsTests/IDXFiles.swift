import CZlib
import Foundation
@testable import LatentModels
import Testing

/// The bytes of an IDX file, written as its description says and not by the code under test.
func idx(_ type: UInt8, _ dimensions: [UInt32], _ numbers: [UInt8]) -> Data {
  var bytes: [UInt8] = [0, 0, type, UInt8(dimensions.count)]
  for size in dimensions { bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } }
  return Data(bytes + numbers)
}

/// Compressed as `gzip` does.
func gzip(_ data: Data) throws -> Data {
  let file = try TemporaryFile(Data())
  let handle = try #require(gzopen(file.path, "wb9"))
  let written = data.withUnsafeBytes { gzwrite(handle, $0.baseAddress, UInt32($0.count)) }
  #expect(Int(written) == data.count && gzclose_w(handle) == Z_OK)
  return try Data(contentsOf: URL(fileURLWithPath: file.path))
}
