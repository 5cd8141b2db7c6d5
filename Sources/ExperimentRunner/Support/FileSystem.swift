#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Why files could not be put in place.
package struct StagingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file or directory concerned.
  package var path: String
  /// What is wrong with it.
  package var reason: String

  /// The path and the reason on one line, with control characters escaped.
  package var description: String {
    "\(path): \(reason)".unicodeScalars.reduce(into: "") { line, scalar in
      let isControl = scalar.properties.generalCategory == .control
      line += isControl ? scalar.escaped(asASCII: true) : String(scalar)
    }
  }
}

/// What ``StagedDirectory`` asks the file system.
enum FileSystem {
  /// The error with the text of `code` after `context`.
  static func failure(
    _ path: String, _ context: String = "", code: Int32 = errno
  ) -> StagingError {
    let text = strerror(code).map { String(cString: $0) } ?? "error \(code)"
    return StagingError(path: path, reason: context.isEmpty ? text : "\(context): \(text)")
  }

  /// The parent and the name of the last component of `path`.
  static func split(_ path: String) -> (parent: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let name = String(path[path.utf8.index(after: slash)...])
    return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
  }

  /// The kind of file at `path`, such as `S_IFDIR`, or nil if there is none.
  static func kind(
    of path: String, followingLinks: Bool
  ) throws(StagingError) -> mode_t? {
    var status = stat()
    if (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 {
      return status.st_mode & S_IFMT
    }
    let code = errno
    if code == ENOENT { return nil }
    throw failure(path, code: code)
  }

  /// The names in the directory at `path`.
  static func entries(of path: String) throws(StagingError) -> [String] {
    guard let directory = opendir(path) else { throw failure(path) }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(directory) else { break }
      let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
        field.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: field.pointee)) {
          String(cString: $0)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    if errno != 0 { throw failure(path) }
    return names
  }
}
