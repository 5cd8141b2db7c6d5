internal import CZlib
import Foundation
internal import GradientEstimation

/// The bytes of a file, inflated if it is gzip: its first bytes tell, not its name.
///
/// Read from front to back, so that no more is ever inflated than is asked for.
struct InflatedFile: ~Copyable {
  let path: String
  /// The option that named it.
  let option: String
  let isCompressed: Bool
  /// What it can hold at most, in bytes, as far as its size tells: deflate packs no more than 1032 into one.
  let sizeBound: Int
  /// Bytes read, after inflating.
  private(set) var offset = 0
  private let handle: gzFile

  /// - Throws: `ComponentError` if there is no such file, or none that can be read.
  init(_ path: String, option: String) throws(ComponentError) {
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    guard exists, !isDirectory.boolValue, let handle = gzopen(path, "rb") else {
      throw NumericTable.unreadable(path, option: option)
    }
    gzbuffer(handle, 1 << 17)
    self.path = path
    self.option = option
    self.handle = handle
    isCompressed = gzdirect(handle) == 0
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let size = (try? FileManager.default.attributesOfItem(atPath: target))?[.size] as? Int ?? 0
    sizeBound = isCompressed ? 1032 * size : size
  }

  deinit { gzclose_r(handle) }

  /// An error at a byte, of the inflated data if there are such.
  func fault(_ what: String, at byte: Int? = nil) -> ComponentError {
    ComponentError(option: option, "\(path): \(isCompressed ? "inflated " : "")byte \(byte ?? offset): \(what)")
  }

  /// The next bytes: `count`, or fewer at the end.
  ///
  /// - Throws: `ComponentError` if a gzip file is damaged or ends too early, or a disk fails.
  mutating func read(_ count: Int) throws(ComponentError) -> [UInt8] {
    let handle = handle
    var got: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      got = gzread(handle, buffer.baseAddress, UInt32(count))
      initialized = max(0, Int(got))
    }
    offset += bytes.count
    guard got < Int32(count) else { return bytes }
    var code: Int32 = 0
    let words = gzerror(handle, &code).map { String(cString: $0) } ?? ""
    switch code {
    case Z_OK, Z_STREAM_END: return bytes
    case Z_BUF_ERROR: throw fault("the gzip file ends before its data do")
    default:
      let reason = words.hasPrefix(path + ": ") ? String(words.dropFirst(path.count + 2)) : words
      // No byte: zlib inflates ahead of what is read.
      let what = isCompressed ? "the gzip file is damaged" : "it cannot be read"
      throw ComponentError(option: option, "\(path): \(what): \(reason)")
    }
  }
}
