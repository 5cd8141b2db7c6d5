import Foundation
import Testing

/// Ctrl-C: status 130, and everything as it was before.
@Suite struct InterruptionTests {
  /// Starts a run that would take an hour, interrupts it when its hidden directory is there, and waits.
  func interrupt(_ sandbox: Sandbox, _ arguments: [String]) throws -> Outcome {
    let running = try sandbox.start(arguments)
    let deadline = Date().addingTimeInterval(30)
    while !sandbox.names().contains(where: { $0.contains(".partial-") }), Date() < deadline {
      Thread.sleep(forTimeInterval: 0.05)
    }
    #expect(running.process.isRunning)
    Thread.sleep(forTimeInterval: 0.3)
    running.process.interrupt()
    return try running.end()
  }

  static let long = [
    "variance", "--estimator", "score", "reparam", "--replicates", "1000000000", "--threads", "2", "--out", "d",
  ]

  @Test func leavesNothing() throws {
    let sandbox = try Sandbox()
    #expect(try interrupt(sandbox, Self.long) == .refusal(130, ["interrupted"]))
    #expect(sandbox.names() == [])
  }

  @Test func leavesTheEarlierResult() throws {
    let sandbox = try Sandbox()
    #expect(try sandbox.run("variance", "--estimator", "score", "--replicates", "100", "--out", "d").status == 0)
    let before = try sandbox.text(of: "d/variance.csv")
    #expect(try interrupt(sandbox, Self.long) == .refusal(130, ["interrupted"]))
    #expect(sandbox.names() == ["d"] + ResultFilesTests.files.map { "d/" + $0 })
    #expect(try sandbox.text(of: "d/variance.csv") == before)
  }

  @Test func leavesNoParentThatItMade() throws {
    let sandbox = try Sandbox()
    try sandbox.write(spec(#""replicates": 1000000000"#), to: "t.json")
    #expect(try interrupt(sandbox, ["run", "t.json"]) == .refusal(130, ["interrupted"]))
    #expect(sandbox.names() == ["t.json"])
  }
}
