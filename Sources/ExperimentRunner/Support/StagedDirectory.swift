import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A directory of output files that appears whole or not at all.
///
/// The files are written to a hidden sibling of the final directory, which ``commit()`` renames
/// into place. A directory that is already there is replaced only if it holds nothing but regular
/// files whose names this tool uses. If the process dies, hidden siblings may stay behind:
/// `.name.partial-…` with the new files and, from the middle of a commit, `.name.previous-…` with
/// the earlier ones.
package struct StagedDirectory: Sendable {
  /// The directory to appear, without slashes at its end; a symbolic link is resolved.
  package let finalPath: String
  /// The hidden directory that takes the files until then.
  package let stagedPath: String
  /// The names of all files that this tool writes, or nil if it may write any.
  private let owned: Set<String>?
  /// The directories that had to be made above the final one, from the top.
  private let madeParents: [String]
  /// The number of hidden directories made, so that no two of this process share a name.
  private static let counter = Atomic<Int>(0)

  /// Makes a hidden directory next to `path`, and the parents that are missing.
  ///
  /// It is an error if `path` exists, unless as a directory with nothing but regular files named in
  /// `owned`. Only those can be written; without `owned`, any file can, but an existing directory
  /// must be empty.
  package init(replacing path: String, owned: Set<String>? = nil) throws(StagingError) {
    let target = try Self.target(path)
    _ = try Self.earlierFiles(in: target, owned: owned)
    var made: [String] = []
    do throws(StagingError) {
      for parent in try Self.missingParents(of: target) {
        if mkdir(parent, 0o777) == 0 {
          made.append(parent)
        } else if errno != EEXIST {
          throw FileSystem.failure(parent, "cannot make the directory")
        }
      }
      stagedPath = try Self.makeSibling(of: target, role: "partial")
    } catch {
      for parent in made.reversed() { rmdir(parent) }
      throw error
    }
    finalPath = target
    self.owned = owned
    madeParents = made
  }

  /// Writes the file `name` whole, in place of one written before.
  package func write(_ text: String, to name: String) throws(StagingError) {
    let path = "\(finalPath)/\(name)"
    if ["", ".", ".."].contains(name) || name.utf8.contains(where: { $0 == 0x2F || $0 == 0 }) {
      throw StagingError(path: path, reason: "'\(name)' is not the name of a file")
    }
    if let owned, !owned.contains(name) {
      throw StagingError(path: path, reason: "'\(name)' is not among the files of this tool")
    }
    let temporary = "\(stagedPath)/.writing-\(Self.counter.wrappingAdd(1, ordering: .relaxed).newValue)"
    guard let file = fopen(temporary, "w") else { throw FileSystem.failure(path) }
    var text = text
    let isWritten = text.withUTF8 { fwrite($0.baseAddress, 1, $0.count, file) == $0.count }
    let code = errno
    guard fclose(file) == 0, isWritten, rename(temporary, "\(stagedPath)/\(name)") == 0 else {
      let error = FileSystem.failure(path, code: isWritten ? errno : code)
      unlink(temporary)
      throw error
    }
  }

  /// Puts the directory in place.
  ///
  /// When this fails, the final path is as it was before and the new files are still at
  /// ``stagedPath``. The one exception is named by the error: earlier files which are out of the
  /// way already, but could not be removed or put back.
  package func commit() throws(StagingError) {
    let reason = "cannot put the new files in place"
    guard let earlier = try Self.earlierFiles(in: finalPath, owned: owned) else {
      guard rename(stagedPath, finalPath) == 0 else { throw FileSystem.failure(finalPath, reason) }
      return
    }
    // A directory may be renamed onto an empty one.
    let backup = try Self.makeSibling(of: finalPath, role: "previous")
    guard rename(finalPath, backup) == 0 else {
      let error = FileSystem.failure(finalPath, "cannot be moved out of the way")
      rmdir(backup)
      throw error
    }
    guard rename(stagedPath, finalPath) == 0 else {
      let error = FileSystem.failure(finalPath, reason)
      if rename(backup, finalPath) == 0 { throw error }
      throw StagingError(path: backup, reason: "holds the earlier files; \(error)")
    }
    for name in earlier { unlink("\(backup)/\(name)") }
    guard rmdir(backup) == 0 else {
      throw FileSystem.failure(backup, "cannot remove the earlier files, though the new ones are in place")
    }
  }

  /// Removes the hidden directory, and parents made for it that are still empty.
  ///
  /// Does nothing after a commit.
  package func discard() {
    for name in (try? FileSystem.entries(of: stagedPath)) ?? [] { unlink("\(stagedPath)/\(name)") }
    guard rmdir(stagedPath) == 0 else { return }
    for parent in madeParents.reversed() { rmdir(parent) }
  }
}

// MARK: - The file system

extension StagedDirectory {
  /// The path of the directory that `path` means to replace.
  private static func target(_ path: String) throws(StagingError) -> String {
    if path.isEmpty { throw StagingError(path: "''", reason: "the path is empty") }
    if path.utf8.contains(0) { throw StagingError(path: path, reason: "holds a NUL character") }
    var target = Substring(path)
    while target.utf8.count > 1, target.utf8.last == UInt8(ascii: "/") {
      target = target[..<target.utf8.index(before: target.endIndex)]
    }
    if ["", ".", ".."].contains(FileSystem.split(String(target)).name) {
      throw StagingError(path: path, reason: "does not end in the name of a directory")
    }
    guard try FileSystem.kind(of: String(target), followingLinks: false) == S_IFLNK else {
      return String(target)
    }
    guard let resolved = realpath(String(target), nil) else {
      throw FileSystem.failure(path, "the symbolic link leads nowhere")
    }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The names of the files that are at `path` from before, or nil if nothing is there.
  private static func earlierFiles(
    in path: String, owned: Set<String>?
  ) throws(StagingError) -> [String]? {
    guard let kind = try FileSystem.kind(of: path, followingLinks: false) else { return nil }
    guard kind == S_IFDIR else {
      throw StagingError(path: path, reason: "exists and is not a directory")
    }
    let names = try FileSystem.entries(of: path)
    for name in names.sorted() {
      let isOwned = owned?.contains(name) ?? false
      guard isOwned, try FileSystem.kind(of: "\(path)/\(name)", followingLinks: false) == S_IFREG else {
        throw StagingError(
          path: path, reason: "holds '\(name)', which is not a file of this tool; nothing is replaced")
      }
    }
    return names
  }

  /// The directories above `path` that do not exist, from the top.
  private static func missingParents(of path: String) throws(StagingError) -> [String] {
    var missing: [String] = []
    var parent = FileSystem.split(path).parent
    while true {
      if let kind = try FileSystem.kind(of: parent, followingLinks: true) {
        if kind == S_IFDIR { return missing.reversed() }
        throw StagingError(path: parent, reason: "is not a directory")
      }
      let above = FileSystem.split(parent).parent
      if above == parent { throw FileSystem.failure(parent, code: ENOENT) }
      missing.append(parent)
      parent = above
    }
  }

  /// Makes an empty hidden directory next to `path`.
  private static func makeSibling(of path: String, role: String) throws(StagingError) -> String {
    let (parent, name) = FileSystem.split(path)
    while true {
      let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
      let sibling = "\(parent)/.\(name.prefix(100)).\(role)-\(getpid())-\(number)"
      if mkdir(sibling, 0o777) == 0 { return sibling }
      if errno != EEXIST { throw FileSystem.failure(parent, "cannot make a directory here") }
    }
  }
}
