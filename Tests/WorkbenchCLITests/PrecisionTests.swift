import Foundation
import Testing

/// `--replicates auto`, `--dry-run`, and what it would take to settle a comparison.
@Suite struct PrecisionTests {
  static let auto = ["variance", "--estimator", "reparam", "exact", "--replicates", "auto"]

  @Test func whatIsReachedIsReachedInSilence() throws {
    let sandbox = try Sandbox()
    let outcome = try sandbox.run(Self.auto + ["--relative-error", "0.1", "--format", "csv", "--out", "d"])
    #expect(outcome.status == 0 && outcome.errors == "")
    let table = rows(outcome.output)
    #expect(table.count == 6 && table.allSatisfy { $0["replicates"] == "32768" })
    #expect(rows(try sandbox.text(of: "d/timing.csv")).map { $0["replicates"] } == ["32768"])
    let manifest = try sandbox.object(of: "d/manifest.json")
    #expect(manifest["replicates"] as? String == "auto")
    #expect(manifest["relative_error"] as? Double == 0.1)
    #expect(manifest["max_replicates"] as? Int == 1_000_000)
    #expect((manifest["checkpoints"] as? [Int])?.prefix(3) == [16_384, 32_768, 65_536])
    #expect((manifest["notes"] as? [String])?.isEmpty == true)
    let cell = try #require((manifest["cells"] as? [[String: Any]])?.first)
    #expect(cell["replicates"] as? Int == 32768)
    #expect((cell["precision"] as? [String: Any])?["reached"] as? Bool == true)

    // The same digits as when they are asked for.
    let fixed = try sandbox.run(
      "variance", "--estimator", "reparam", "exact", "--replicates", "32768", "--format", "csv")
    #expect(fixed.output == outcome.output)
  }

  @Test func whatIsNotReachedIsNamed() throws {
    let sandbox = try Sandbox()
    let outcome = try sandbox.run(
      "variance", "--estimator", "stl", "exact", "--replicates", "auto", "--relative-error", "0.03",
      "--max-replicates", "40000", "--at", "initial", "posterior", "--out", "d")
    #expect(outcome.status == 0)
    let note = try #require(
      outcome.errors.wholeMatch(
        of:
          /note: (gaussian mean-field-normal elbo iid at=initial samples=1 rng=mt19937: 40000 replicates, the most allowed, do not reach a relative_error of 0.03: the variance of stl, log_scale, is known to ± ([0-9.]+) %)\n/
      ), "\(outcome.errors)")
    #expect(outcome.output.contains("at initial, K = 1 draw an estimate, R = 40000 replicates"))
    #expect(outcome.output.contains("at posterior, K = 1 draw an estimate, R = 32768 replicates"))
    let manifest = try sandbox.object(of: "d/manifest.json")
    #expect(manifest["notes"] as? [String] == [String(note.1)])
    let cells = try #require(manifest["cells"] as? [[String: Any]])
    #expect(cells.map { $0["replicates"] as? Int } == [40_000, 32_768])
    let precision = try #require(cells[0]["precision"] as? [String: Any])
    #expect(precision["reached"] as? Bool == false && precision["interval_mark"] as? String == "")
    #expect(precision["estimator"] as? String == "stl" && precision["block"] as? String == "log_scale")
    // As variance.csv has it.
    let row = try #require(
      rows(try sandbox.text(of: "d/variance.csv")).first {
        $0["estimator"] == "stl" && $0["block"] == "log_scale" && $0["point"] == "initial"
      })
    func number(_ key: String) throws -> Double { try #require(Double(row[key] ?? "")) }
    let width = try (number("variance_ci_high") - number("variance_ci_low")) / 2 / number("variance")
    #expect(abs(try #require(precision["relative_half_width"] as? Double) / width - 1) < 1e-12)
    #expect(abs(try #require(Double(note.2)) / (100 * width) - 1) < 0.05)

    // Replicates that are asked for come without.
    #expect(try sandbox.run("variance", "--estimator", "score", "--replicates", "20000").errors == "")
  }

  @Test func runNamesTheFile() throws {
    let sandbox = try Sandbox()
    try sandbox.write(spec(#""replicates": "auto""#, #""max_replicates": 200"#), to: "t.json")
    let errors = try sandbox.run("run", "t.json").errors
    #expect(
      errors.hasPrefix("note: t.json: gaussian mean-field-normal elbo iid at=initial samples=1 rng=mt19937: 200 "))
    #expect(errors.hasSuffix(", heavy-tail\nwrote results/t/\n") && errors.split(separator: "\n").count == 2)
  }

  @Test func theOptimumSaysHowGoodItIs() throws {
    let sandbox = try Sandbox()
    let outcome = try sandbox.run(
      "variance", "--estimator", "stl", "--at", "optimum", "initial", "--replicates", "100", "--out", "d")
    // log p(x) of the model, N(1; 0, 2).
    #expect(outcome.output.contains(/at optimum \(ELBO -1.5155121, \|∇\| [0-9]e-[0-9]+\), K = 1 draw/))
    #expect(outcome.output.contains("\nat initial, K = 1 draw"))
    let cells = try #require(try sandbox.object(of: "d/manifest.json")["cells"] as? [[String: Any]])
    let optimum = try #require(cells[0]["optimum"] as? [String: Double])
    #expect(abs(try #require(optimum["value"]) + 0.5 * log(4 * Double.pi) + 0.25) < 1e-12)
    #expect(try #require(optimum["gradient_norm"]) < 1e-6)
    #expect(cells[1]["optimum"] is NSNull)
  }

  @Test func whatIsUndecidedSaysWhatItWouldTake() throws {
    let outcome = try Sandbox().run(
      "variance", "--estimator", "score", "score:baseline=mean", "score:baseline=moving-average",
      "score:baseline=leave-one-out", "score:baseline=optimal", "reparam", "analytic-kl", "stl", "exact", "--samples",
      "2",
      "--model", "gaussian:dimension=3", "--replicates", "500", "--seed", "2")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    let first = try #require(lines.firstIndex { $0.hasSuffix("here they coincide.") })
    let more = lines[(first + 1)...].prefix { !$0.hasPrefix("*") && !$0.contains("the gradient's tail has index") }
    #expect(more.count == 7 && more.last == "and 1 more pair")
    #expect(
      more.first
        == "score / score:baseline=moving-average: ratio 4.9 [1.8, 5.9], undecided; about 7 more replicates would settle it, if the ratio is what was measured."
    )
    var last = 0
    for line in more.dropLast() {
      let match = try #require(
        line.wholeMatch(
          of:
            /\S+ \/ \S+: ratio \S+ \[\S+, \S+\], undecided; about ([0-9]+) more replicates would settle it, if the ratio is what was measured\./
        ), "\(line)")
      let count = try #require(Int(match.1))
      #expect(count >= last)
      last = count
    }
  }

  static let forecast =
    #"""
    gaussian · mean-field-normal · elbo · iid
    at initial, K = 4 draws an estimate, mt19937
    2000 replicates, about [0-9.e-]+ s

      estimator  evaluations  gradient evaluations
      ─+
      score             8000                     0
      reparam              0                  8000
      exact                0                     0

    gaussian · mean-field-normal · elbo · iid
    at optimum \(ELBO -1.5155121, \|∇\| [0-9]e-[0-9]+\), K = 4 draws an estimate, mt19937
    2000 replicates, about [0-9.e-]+ s

      estimator  evaluations  gradient evaluations
      ─+
      score             8000                     0
      reparam              0                  8000
      exact                0                     0

    2 cells: about [0-9.e-]+ s on 2 tasks.
    Times are estimates from a short trial. Evaluations are of each estimator alone; what several need at the same
    draws is evaluated once. Nothing was measured or written.

    """#

  @Test func aDryRunWritesNothing() throws {
    let sandbox = try Sandbox()
    let outcome = try sandbox.run(
      "variance", "--estimator", "score", "reparam", "exact", "--samples", "4", "--at", "initial", "optimum",
      "--replicates", "2000", "--threads", "2", "--dry-run", "--out", "d")
    #expect(outcome.status == 0 && outcome.errors == "")
    let forecast = try Regex(Self.forecast)
    #expect(outcome.output.wholeMatch(of: forecast) != nil, "\(outcome.output)")
    #expect(sandbox.names() == [])
  }

  @Test func aDryRunOfFiles() throws {
    let sandbox = try Sandbox()
    try sandbox.write(spec(#""replicates": "auto""#), to: "a.json")
    // The chunks of a run are more than the streams of so small a generator; a trial must not need more.
    try sandbox.write(
      spec(#""replicates": 1000"#, #""rng": "slatec""#).replacing("\"t\"", with: "\"u\""), to: "b.json")
    let outcome = try sandbox.run("run", "a.json", "b.json", "--dry-run")
    #expect(outcome.status == 0 && !outcome.errors.contains("wrote"))
    #expect(outcome.output.hasPrefix("a.json\n\ngaussian · "))
    #expect(outcome.output.contains("\nat most 1000000 replicates, about "))
    #expect(outcome.output.contains("\n1 cell: at most about ") && outcome.output.contains("\nb.json\n\ngaussian · "))
    #expect(sandbox.names() == ["a.json", "b.json"])
    #expect(try sandbox.run("run", "a.json", "c.json", "--dry-run").status == 65)
  }

  /// Within a factor of eight of the truth, for tests run beside each other, on a run of a second or so.

  /// That it is about right is for a benchmark to say.
  @Test func aTimeIsForecast() throws {
    let output = try Sandbox().run(
      "variance", "--estimator", "score", "stl", "--samples", "10", "--replicates", "20000", "--dry-run"
    ).output
    let match = try #require(output.firstMatch(of: /1 cell: about ([0-9.e-]+) s/))
    #expect(try #require(Double(match.1)) > 0)
  }
}
