import Foundation
import Testing

/// How a run of the tool ended.
struct Outcome: Equatable {
  var status: Int32
  var output = ""
  var errors = ""

  /// An end with lines on standard error and nothing on standard output.
  static func refusal(_ status: Int32, _ lines: [String]) -> Outcome {
    Outcome(status: status, errors: lines.map { $0 + "\n" }.joined())
  }
}

/// An empty directory in which the built tool runs, with no standard input and nothing in the environment.
final class Sandbox {
  let path: String
  /// Where the streams of a run are kept: not in the sandbox, whose contents tests look at.
  private let streams: String

  init() throws {
    let root = NSTemporaryDirectory() + "workbench-\(UUID().uuidString)"
    (path, streams) = (root + "/work", root + "/streams")
    for directory in [path, streams] {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent) }

  /// The executable beside the tests' bundle.
  static let executable: URL = {
    #if os(macOS)
      let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") } ?? Bundle.main
      return bundle.bundleURL.deletingLastPathComponent().appendingPathComponent("workbench")
    #else
      let tests = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
      return tests.deletingLastPathComponent().appendingPathComponent("workbench")
    #endif
  }()

  /// The root of the package.
  static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

  func write(_ bytes: [UInt8], to name: String) throws {
    let url = URL(fileURLWithPath: path + "/" + name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  func text(of name: String) throws -> String {
    try String(contentsOf: URL(fileURLWithPath: path + "/" + name), encoding: .utf8)
  }

  func object(of name: String) throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(text(of: name).utf8))
    return try #require(value as? [String: Any])
  }

  /// All names below the sandbox or a directory of it, the hidden ones too.
  func names(in directory: String = "") -> [String] {
    let root = directory.isEmpty ? path : path + "/" + directory
    return (FileManager.default.enumerator(atPath: root)?.allObjects as? [String] ?? []).sorted()
  }

  /// Runs the tool, or another program, to its end.
  func run(
    _ arguments: [String], environment: [String: String] = [:], executable: URL = Sandbox.executable
  ) throws -> Outcome {
    try start(arguments, environment: environment, executable: executable).end()
  }

  func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
    try run(arguments, environment: environment)
  }

  func start(
    _ arguments: [String], environment: [String: String] = [:], executable: URL = Sandbox.executable
  ) throws -> Running {
    let process = Process(), number = UUID().uuidString
    let files = (streams + "/\(number).out", streams + "/\(number).err")
    for file in [files.0, files.1] { _ = FileManager.default.createFile(atPath: file, contents: nil) }
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: path)
    process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { mine, _ in mine }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: files.0))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: files.1))
    try process.run()
    return Running(process: process, output: files.0, errors: files.1)
  }

  struct Running {
    let process: Process
    fileprivate let output, errors: String

    /// Waits; a death by signal is a negative status.
    func end() throws -> Outcome {
      process.waitUntilExit()
      let status = process.terminationStatus
      return Outcome(
        status: process.terminationReason == .exit ? status : -status,
        output: try String(contentsOfFile: output, encoding: .utf8),
        errors: try String(contentsOfFile: errors, encoding: .utf8))
    }
  }
}

/// A spec whose lines 2 and 3 are its name, `t`, and kind, with `lines` from line 4 on; the estimator is `score`
/// unless they name others.
func spec(_ lines: String...) -> String { spec(lines) }

func spec(_ lines: [String]) -> String {
  let rest = lines.contains { $0.hasPrefix("\"estimators\"") } ? [] : [#""estimators": ["score"]"#]
  let all = [#""name": "t""#, #""kind": "variance""#] + lines + rest
  return "{\n" + all.joined(separator: ",\n") + "\n}\n"
}

/// The rows of a CSV text by column name. No field of the tool's holds a line break.
func rows(_ csv: String) -> [[String: String]] {
  func fields(_ line: Substring) -> [String] {
    var fields = [""], quoted = false
    for character in line {
      if character == "\"" {
        quoted.toggle()
      } else if character == ",", !quoted {
        fields.append("")
      } else {
        fields[fields.count - 1].append(character)
      }
    }
    return fields
  }
  let lines = csv.split(separator: "\n")
  guard let header = lines.first.map(fields) else { return [] }
  return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(header, fields($0))) }
}
