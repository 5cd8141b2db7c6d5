import ArgumentParser
public import ExperimentRunner
@preconcurrency import Foundation

/// The command-line tool.
public enum Workbench {
  /// Runs the tool on this process's arguments and ends the process with the documented exit status.
  ///
  /// - Parameter plugins: registers components beside the standard ones.
  public static func main(plugins: (inout Registry) throws -> Void = { _ in }) async -> Never {
    let status: Int32
    do {
      let registry = try registry(plugins)
      status = await Session.$registry.withValue(registry) {
        await run(Array(CommandLine.arguments.dropFirst()))
      }
    } catch {
      report("\(error)")
      status = ExitStatus.internalError.rawValue
    }
    // A full disk shows when the last of the output is written, or had to be before.
    guard fflush(stdout) == 0, ferror(stdout) == 0 else {
      report("standard output: cannot be written")
      exit(ExitStatus.output.rawValue)
    }
    exit(status)
  }

  /// The standard components and, beside them, what `plugins` registers: for a plug-in's tests.
  ///
  /// - Throws: `RegistryError` if an id is malformed or taken.
  public static func registry(_ plugins: (inout Registry) throws -> Void = { _ in }) throws -> Registry {
    var registry = try StandardRegistry.make()
    try plugins(&registry)
    return registry
  }

  private static func run(_ arguments: [String]) async -> Int32 {
    var command: any ParsableCommand
    do {
      command = try WorkbenchCommand.parseAsRoot(arguments)
    } catch {
      return end(with: error, .usage)
    }
    do {
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      return 0
    } catch let failure as Failure {
      failure.lines.forEach(report)
      return failure.status.rawValue
    } catch {
      return end(with: error, .internalError)
    }
  }

  /// The status of an end by argument-parser, whose help and version are no errors, or of an unforeseen error.
  private static func end(with error: any Error, _ status: ExitStatus) -> Int32 {
    if WorkbenchCommand.exitCode(for: error) == .success {
      print(WorkbenchCommand.fullMessage(for: error))
      return 0
    }
    let message = oneLine(WorkbenchCommand.message(for: error))
    // The parser takes a value that begins with a hyphen for an option.
    let value = message.hasPrefix("Missing value for") ? "; one that begins with '-' is written --option=-1" : ""
    let hint = status == .usage ? " (see 'workbench --help')" : ""
    report(message + value + hint)
    return status.rawValue
  }

  private static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
  }

  /// One line on standard error.
  static func report(_ line: String) {
    let text = line.unicodeScalars.map { scalar in
      scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }.joined()
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }
}

/// What the running command works with.
enum Session {
  @TaskLocal static var registry = Registry()
}

/// The documented exit statuses.
enum ExitStatus: Int32 {
  case failed = 1
  case usage = 64
  case content = 65
  case internalError = 70
  case output = 73
  case interrupted = 130
}

/// An end of a command, with lines for standard error.
struct Failure: Error {
  let status: ExitStatus
  let lines: [String]

  init(_ status: ExitStatus, _ lines: [String]) {
    self.status = status
    self.lines = lines
  }
}

struct WorkbenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workbench",
    abstract: "Compares Monte Carlo gradient estimators for variational inference.",
    discussion: """
      A component is ID or ID:KEY=VALUE,KEY=VALUE, as in score:baseline=leave-one-out. 'workbench list' names them, \
      'workbench describe ID' says what they are.

      Exit status: 0 done; 1 a cell or a check failed; 2 a claim was refuted; 64 wrong syntax; 65 bad content, or a \
      missing input file; 70 internal; 73 output cannot be written; 130 interrupted.
      """,
    version: WorkbenchVersion.current,
    subcommands: [
      VarianceCommand.self, ElboCommand.self, EvaluateCommand.self, RunCommand.self, ValidateCommand.self,
      CheckCommand.self,
      SchemaCommand.self, ListCommand.self, DescribeCommand.self, CiteCommand.self,
    ])
}
