import Foundation
import Testing

/// The same spec gives the same bytes, whatever it is run on and whatever else is asked.
@Suite struct ReproducibilityTests {
  func results(_ sandbox: Sandbox, _ text: String, threads: Int = 2) throws -> [String] {
    try sandbox.write(text, to: "t.json")
    let outcome = try sandbox.run("run", "t.json", "--out", "d", "--threads", "\(threads)")
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try ResultFilesTests.reproducible.map { try sandbox.text(of: "d/" + $0) }
  }

  static let learning = #"{"id": "score", "options": {"baseline": "moving-average"}}"#
  static let optimal = #"{"id": "score", "options": {"baseline": "optimal"}}"#
  static let raoBlackwell = #"{"id": "score", "options": {"baseline": "optimal", "rao_blackwell": true}}"#
  static let quadratic = #"{"id": "reparam", "options": {"control_variate": "quadratic", "coefficient": "regressed"}}"#
  static let minibatch = #"{"id": "logistic-regression", "options": {"minibatch": 20}}"#

  // Chunks of 1024 replicates, the last one smaller.
  @Test func threadsChangeNoByte() throws {
    let sandbox = try Sandbox()
    let text = spec(
      #""model": ["gaussian", \#(Self.minibatch)]"#, #""replicates": 5500"#, #""samples": [1, 2]"#,
      #""rng": ["mt19937", "taus"]"#,
      #""estimators": ["score", \#(Self.learning), \#(Self.optimal), "reparam", "stl", \#(Self.quadratic)]"#)
    let one = try results(sandbox, text, threads: 1)
    #expect(rows(one[2]).count == 8 * 6 * 3)
    for threads in [2, 3, 7] { #expect(try results(sandbox, text, threads: threads) == one, "\(threads) threads") }
  }

  /// The rows of `csv` that are of one of `estimators` in a cell of `model` and `samples`.
  func lines(_ csv: String, of estimators: Set<String>, model: String = "gaussian", samples: String = "1") -> [[String:
    String]]
  {
    rows(csv).filter { row in
      let named = [row["estimator"], row["estimator_a"], row["estimator_b"]].compactMap(\.self)
      return named.allSatisfy(estimators.contains) && row["model"] == model && row["samples"] == samples
    }
  }

  @Test func othersChangeNoDigit() throws {
    let sandbox = try Sandbox()
    let model = #"{"id": "gaussian", "options": {"dimension": 3}}"#
    let all: Set = [
      "score", "score:baseline=moving-average", "score:baseline=optimal,rao_blackwell=true", "reparam", "stl", "exact",
    ]
    let full = try results(
      sandbox,
      spec(
        #""model": ["cosine", "gaussian", \#(model)]"#, #""replicates": 3000"#, #""samples": [4, 1]"#,
        #""at": ["initial", {"mean": 1, "log_scale": -1}]"#, #""rng": ["taus", "mt19937"]"#,
        #""estimators": ["exact", \#(Self.raoBlackwell), "reparam", \#(Self.learning), "score"]"#))
    for name in all.subtracting(["stl"]).sorted() {
      let json =
        name == "score:baseline=moving-average"
        ? Self.learning : name.hasPrefix("score:") ? Self.raoBlackwell : "\"\(name)\""
      let alone = try results(
        sandbox, spec(#""model": \#(model)"#, #""replicates": 3000"#, #""estimators": [\#(json)]"#))
      for file in 1...2 {
        let mine = lines(alone[file], of: [name], model: "gaussian:dimension=3")
        let among = lines(full[file], of: [name], model: "gaussian:dimension=3").filter {
          $0["point"] == "initial" && $0["generator"] == "mt19937"
        }
        #expect(!mine.isEmpty && mine == among, "\(name)")
      }
    }
  }

  @Test func addingAnEstimatorChangesNoVerdictOfOthersButItsLevel() throws {
    let sandbox = try Sandbox()
    let two = try results(sandbox, spec(#""replicates": 3000"#, #""estimators": ["score", "reparam"]"#))
    let three = try results(sandbox, spec(#""replicates": 3000"#, #""estimators": ["score", "stl", "reparam"]"#))
    // Verdicts are adjusted for the number of pairs; ratios and their intervals are not.
    func withoutVerdict(_ csv: String) -> [[String: String]] {
      lines(csv, of: ["score", "reparam"]).map { $0.filter { $0.key != "verdict" } }
    }
    #expect(withoutVerdict(two[0]).count == 3)
    #expect(withoutVerdict(two[0]) == withoutVerdict(three[0]))
  }

  @Test func orderOfEstimatorsChangesNoDigit() throws {
    let sandbox = try Sandbox()
    let forward = try results(sandbox, spec(#""replicates": 3000"#, #""estimators": [\#(Self.learning), "reparam"]"#))
    let backward = try results(sandbox, spec(#""replicates": 3000"#, #""estimators": ["reparam", \#(Self.learning)]"#))
    for name in ["score:baseline=moving-average", "reparam"] {
      for file in 1...2 { #expect(lines(forward[file], of: [name]) == lines(backward[file], of: [name])) }
    }
  }
}
