import Foundation
import ExperimentRunner
import Testing

@Suite struct StagedDirectoryTests {
  let root: String
  let owned: Set = ["manifest.json", "variance.csv"]

  init() throws {
    root = NSTemporaryDirectory() + "staged-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
  }

  func names(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

  func reason(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)".replacing(root, with: "") }
    return "no error"
  }

  /// Runs `body` and removes the root after it.
  func cleanly(_ body: () throws -> Void) rethrows {
    defer { try? FileManager.default.removeItem(atPath: root) }
    try body()
  }

  @Test func appearsWholeWithItsParents() throws {
    try cleanly {
      let staged = try StagedDirectory(replacing: root + "/a/b/out//", owned: owned)
      #expect(staged.finalPath == root + "/a/b/out")
      try staged.write("first", to: "manifest.json")
      try staged.write("{}", to: "manifest.json")
      try staged.write("", to: "variance.csv")
      #expect(!FileManager.default.fileExists(atPath: root + "/a/b/out"))
      #expect(names(root + "/a/b").allSatisfy { $0.hasPrefix(".out.partial-\(getpid())-") })
      try staged.commit()
      #expect(names(root + "/a/b") == ["out"])
      #expect(names(root + "/a/b/out") == ["manifest.json", "variance.csv"])
      #expect(text(root + "/a/b/out/manifest.json") == "{}")
      #expect(text(root + "/a/b/out/variance.csv") == "")
      staged.discard()
      #expect(names(root + "/a/b/out").count == 2)
    }
  }

  @Test func replacesItsOwnFilesOnly() throws {
    try cleanly {
      for round in 1...3 {
        let staged = try StagedDirectory(replacing: root + "/out", owned: owned)
        if round == 2 { try staged.write("x", to: "variance.csv") }
        try staged.write("\(round)", to: "manifest.json")
        try staged.commit()
        #expect(text(root + "/out/manifest.json") == "\(round)")
      }
      #expect(names(root + "/out") == ["manifest.json"])
      #expect(names(root) == ["out"])
      try "mine".write(toFile: root + "/out/thesis.txt", atomically: false, encoding: .utf8)
      let text = reason { _ = try StagedDirectory(replacing: root + "/out", owned: owned) }
      #expect(text == "/out: holds 'thesis.txt', which is not a file of this tool; nothing is replaced")
      #expect(names(root + "/out") == ["manifest.json", "thesis.txt"])
      #expect(names(root) == ["out"])
    }
  }

  @Test func aDirectoryOrLinkUnderAnOwnedNameIsForeign() throws {
    try cleanly {
      try FileManager.default.createDirectory(
        atPath: root + "/out/manifest.json", withIntermediateDirectories: true)
      #expect(
        reason { _ = try StagedDirectory(replacing: root + "/out", owned: owned) }.contains("'manifest.json'")
      )
      try FileManager.default.createDirectory(atPath: root + "/two", withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        atPath: root + "/two/variance.csv", withDestinationPath: "/etc/hosts")
      #expect(
        reason { _ = try StagedDirectory(replacing: root + "/two", owned: owned) }.contains("'variance.csv'"))
    }
  }

  @Test func filesThatComeBetweenAreSafe() throws {
    try cleanly {
      let staged = try StagedDirectory(replacing: root + "/out", owned: owned)
      try staged.write("{}", to: "manifest.json")
      try FileManager.default.createDirectory(atPath: root + "/out", withIntermediateDirectories: true)
      try "mine".write(toFile: root + "/out/thesis.txt", atomically: false, encoding: .utf8)
      #expect(reason { try staged.commit() }.contains("'thesis.txt'"))
      #expect(names(root + "/out") == ["thesis.txt"])
      #expect(names(staged.stagedPath) == ["manifest.json"])
      staged.discard()
      #expect(names(root) == ["out"])
    }
  }

  @Test func theEarlierFilesComeBackWhenTheNewOnesCannot() throws {
    try cleanly {
      let first = try StagedDirectory(replacing: root + "/out", owned: owned)
      try first.write("1", to: "manifest.json")
      try first.commit()
      let second = try StagedDirectory(replacing: root + "/out", owned: owned)
      try FileManager.default.removeItem(atPath: second.stagedPath)
      #expect(
        reason { try second.commit() } == "/out: cannot put the new files in place: No such file or directory"
      )
      #expect(
        reason { try first.commit() } == "/out: cannot put the new files in place: No such file or directory")
      #expect(text(root + "/out/manifest.json") == "1")
      #expect(names(root) == ["out"])
      #expect(
        reason { try second.write("x", to: "manifest.json") }
          == "/out/manifest.json: No such file or directory")
    }
  }

  @Test func discardLeavesNothing() throws {
    try cleanly {
      let staged = try StagedDirectory(replacing: root + "/a/b/out")
      try staged.write("x", to: "any name.txt")
      staged.discard()
      staged.discard()
      #expect(names(root) == [])
      let other = try StagedDirectory(replacing: root + "/a/out")
      try "mine".write(toFile: root + "/a/kept", atomically: false, encoding: .utf8)
      other.discard()
      #expect(names(root + "/a") == ["kept"])
    }
  }

  @Test func anEmptyDirectoryNeedsNoOwnedNames() throws {
    try cleanly {
      try FileManager.default.createDirectory(atPath: root + "/out", withIntermediateDirectories: true)
      let staged = try StagedDirectory(replacing: root + "/out")
      try staged.write("x", to: "x")
      try staged.commit()
      #expect(names(root + "/out") == ["x"])
      #expect(reason { _ = try StagedDirectory(replacing: root + "/out") }.contains("holds 'x'"))
    }
  }

  @Test func symbolicLinksAreFollowed() throws {
    try cleanly {
      try FileManager.default.createDirectory(atPath: root + "/real", withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(atPath: root + "/link", withDestinationPath: "real")
      try FileManager.default.createSymbolicLink(atPath: root + "/broken", withDestinationPath: "nowhere")
      let staged = try StagedDirectory(replacing: root + "/link/", owned: owned)
      try staged.write("{}", to: "manifest.json")
      try staged.commit()
      #expect(names(root + "/real") == ["manifest.json"])
      #expect(names(root) == ["broken", "link", "real"])
      let text = reason { _ = try StagedDirectory(replacing: root + "/broken", owned: owned) }
      #expect(text == "/broken: the symbolic link leads nowhere: No such file or directory")
    }
  }

  @Test func unusablePathsAreRefused() throws {
    try cleanly {
      try "x".write(toFile: root + "/file", atomically: false, encoding: .utf8)
      func refusal(_ path: String) -> String {
        reason { _ = try StagedDirectory(replacing: path, owned: owned) }
      }
      #expect(refusal("") == "'': the path is empty")
      #expect(refusal("/") == "/: does not end in the name of a directory")
      #expect(refusal("///").hasSuffix("does not end in the name of a directory"))
      #expect(refusal(".") == ".: does not end in the name of a directory")
      #expect(refusal("a/../") == "a/../: does not end in the name of a directory")
      #expect(refusal("a\n\u{1B}[1m/.") == "a\\n\\u{1B}[1m/.: does not end in the name of a directory")
      #expect(refusal("a\0b") == "a\\0b: holds a NUL character")
      #expect(refusal(root + "/file") == "/file: exists and is not a directory")
      #expect(refusal(root + "/file/out") == "/file/out: Not a directory")
      #expect(refusal(root + "/file/a/out") == "/file/a/out: Not a directory")
      #expect(refusal(root + "/" + String(repeating: "x", count: 300)).hasSuffix("File name too long"))
      #expect(refusal(String(repeating: "a/", count: 100_000) + "b").hasSuffix("File name too long"))
      #if os(Linux)
        #expect(refusal("/proc/out").hasPrefix("/proc: cannot make a directory here: "))
        #expect(refusal("/proc/a/out").hasPrefix("/proc/a: cannot make the directory: "))
      #endif
      #expect(names(root) == ["file"])
    }
  }

  @Test func namesOfFilesAreChecked() throws {
    try cleanly {
      let free = try StagedDirectory(replacing: root + "/out")
      for name in ["", ".", "..", "a/b", "/", "../x", "a\0b", "/\u{301}"] {
        #expect(reason { try free.write("", to: name) }.contains("is not the name of a file"))
      }
      let bound = try StagedDirectory(replacing: root + "/out", owned: owned)
      #expect(reason { try bound.write("", to: "x") } == "/out/x: 'x' is not among the files of this tool")
      #expect(names(bound.stagedPath) == [])
      free.discard()
      bound.discard()
      #expect(names(root) == [])
    }
  }

  @Test func manyWritersAtOnce() async throws {
    defer { try? FileManager.default.removeItem(atPath: root) }
    let staged = try StagedDirectory(replacing: root + "/out")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for i in 0..<32 {
        group.addTask { try staged.write(String(repeating: "\(i % 4)", count: 10_000), to: "\(i % 8)") }
      }
      try await group.waitForAll()
    }
    try staged.commit()
    #expect(names(root + "/out").count == 8)
    #expect(text(root + "/out/5") == String(repeating: "1", count: 10_000))
  }
}
