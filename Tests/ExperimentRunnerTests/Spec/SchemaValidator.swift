import Foundation
import Testing

/// A JSON Schema validator that is not ours: Debian's python3-jsonschema, or check-jsonschema as Homebrew has it.
struct SchemaValidator {
  private enum Program {
    case python(String)
    case checkJSONSchema(String)
  }

  struct Missing: Error, CustomStringConvertible {
    let description = "no JSON Schema validator is installed: run 'make setup'"
  }

  private let program: Program

  init() throws {
    func succeeds(_ path: String, _ arguments: [String]) -> Bool {
      FileManager.default.isExecutableFile(atPath: path) && (try? Self.run(path, arguments).status) == 0
    }
    let homebrew = ["/opt/homebrew/bin/check-jsonschema", "/usr/local/bin/check-jsonschema"]
    if succeeds("/usr/bin/python3", ["-c", "import jsonschema; jsonschema.Draft202012Validator"]) {
      program = .python("/usr/bin/python3")
    } else if let path = homebrew.first(where: { succeeds($0, ["--version"]) }) {
      program = .checkJSONSchema(path)
    } else {
      throw Missing()
    }
  }

  /// For each document, whether it obeys `schema`.
  func accepts(_ documents: [String], schema: String) throws -> [Bool] {
    let root = NSTemporaryDirectory() + "schema-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    func file(_ name: String, _ text: String) throws -> String {
      try text.write(toFile: root + "/" + name, atomically: false, encoding: .utf8)
      return root + "/" + name
    }
    let schemaFile = try file("schema.json", schema)
    let files = try documents.enumerated().map { try file("\($0).json", $1) }
    switch program {
    case .python(let path):
      let script = """
        import json, sys
        from jsonschema import Draft202012Validator as Validator
        schema = json.load(open(sys.argv[1], encoding="utf-8"))
        Validator.check_schema(schema)
        validator = Validator(schema)
        for name in sys.argv[2:]:
            print("yes" if validator.is_valid(json.load(open(name, encoding="utf-8"))) else "no")
        """
      let (status, output) = try Self.run(path, ["-c", script, schemaFile] + files)
      let answers = output.split(separator: "\n")
      try #require(status == 0 && answers.count == documents.count, "\(output)")
      return answers.map { $0 == "yes" }
    case .checkJSONSchema(let path):
      return try files.map { try Self.run(path, ["--schemafile", schemaFile, $0]).status == 0 }
    }
  }

  private static func run(_ path: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process(), pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
