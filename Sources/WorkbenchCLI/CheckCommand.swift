import ArgumentParser
internal import EstimatorConformance
internal import ExperimentRunner
internal import Foundation

struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Holds estimators to their laws, in every combination that they claim.",
    discussion: """
      Unbiased against the exact gradient at several points and K, lanes independent, streams undisturbed, refusals with \
      a reason, and more: the guide Conformance.md lists the laws. An ID is a component or a configuration such as \
      score:baseline=mean; of a kind that none names, all are taken.

      'power' is the smallest relative error of a whole gradient that would have been seen nine times in ten, 'of one' \
      that of a single coordinate, relative to the gradient's norm: where the combination shows it best, of the \
      combination that shows it worst. Errors of 2 % are aimed at; where everything is checked, with independent draws of \
      each model with its first family and each family with its first model, and errors of 10 % 'elsewhere'.
      """)

  @Argument(help: ArgumentHelp("What to check. (default: everything)", valueName: "id"))
  var ids: [String] = []
  @Option(help: ArgumentHelp("Seed.", valueName: "n"))
  var seed: UInt64 = 1
  @Option(help: ArgumentHelp("Parallel tasks. (default: the number of processors)", valueName: "t"))
  var threads: Int?
  @Option(help: ArgumentHelp("The most replicates that a cell takes; fewer are quicker and show less.", valueName: "r"))
  var maxReplicates = 1 << 20
  @Flag(help: "Print every outcome, a line each.")
  var verbose = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads expects an integer from 1 to 1024, found \(threads)")
    }
    if !(4096...1_000_000_000).contains(maxReplicates) {
      throw ValidationError("--max-replicates expects an integer from 4096 to 1000000000, found \(maxReplicates)")
    }
  }

  func run() async throws {
    var conformance = Conformance(Session.registry, of: ids)
    conformance.seed = seed
    conformance.maxReplicates = maxReplicates
    if let threads { conformance.threads = threads }
    Interruption.watch()
    let progress = ProgressBar(total: 1000, label: "check"), outcomes: [Outcome]
    do {
      outcomes = try await conformance.run { done, total in
        progress.advance(to: 1000 * done / max(1, total))
        return !Interruption.isRequested
      }
    } catch let error as ConformanceError {
      throw Failure(.content, error.lines)
    } catch is CancellationError {
      progress.finish()
      throw Failure(.interrupted, ["interrupted"])
    }
    progress.finish()
    if verbose { outcomes.forEach { print($0) } }
    let table = ConformanceTable(outcomes, level: conformance.level)
    print(table.rendered(isColored: Terminal.isColored), terminator: "")
    table.findings.forEach(Workbench.report)
    guard !outcomes.contains(where: \.isFailed) else { throw Failure(.failed, []) }
  }
}
