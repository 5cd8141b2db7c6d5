import ExperimentRunner
import Foundation
import Testing

/// Points of a file that an `elbo` experiment wrote.
@Suite struct SavedPointTests {
  /// A file of two estimators, two runs and two steps, two parameters each, whose values name their rows.
  static func file(_ change: (String) -> String = { $0 }) throws -> String {
    var text = "model,family,objective,sampling,estimator,optimizer,samples,run,step,block,index,value\n"
    for (e, estimator) in ["reparam", "\"score:baseline=moving-average,decay=0.5\""].enumerated() {
      for run in 1...2 {
        for step in [0, 100] {
          for (b, block) in ["mean", "log_scale"].enumerated() {
            let value = Double(e) + Double(run) / 8 + Double(step) / 12_800 + Double(b) / 1024
            text += "gaussian,mean-field-normal,elbo,iid,\(estimator),adam,4,\(run),\(step),\(block),0,\(value)\n"
          }
        }
      }
    }
    let path = NSTemporaryDirectory() + "parameters-\(UUID().uuidString).csv"
    try change(text).write(toFile: path, atomically: false, encoding: .utf8)
    return path
  }

  func reading(_ point: String) throws -> Reading { try Reading(members: #""at": \#(point)"#) }

  @Test func picksACurveARunAndAStep() throws {
    let path = try Self.file()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let cases: [(String, [[Double]])] = [
      (#"{"file": "\#(path)", "estimator": "reparam"}"#, [[0.1328125, 0.1337890625]]),
      (#"{"file": "\#(path)", "estimator": "reparam", "run": 2, "step": 0}"#, [[0.25, 0.2509765625]]),
      (#""file=\#(path),estimator=reparam,step=0x100""#, [[0.125, 0.1259765625], [0.1328125, 0.1337890625]]),
      (
        #"{"file": "\#(path)", "estimator": "score:baseline=moving-average,decay=0.5", "step": [100]}"#,
        [[1.1328125, 1.1337890625]]
      ),
      (
        #""file=\#(path),estimator=\"score:baseline=moving-average,decay=0.5\",run=2,step=0""#.replacing(
          "\\\"", with: "\\\""), [[1.25, 1.2509765625]]
      ),
    ]
    for (point, parameters) in cases {
      let plan = try #require(try reading(point).plan, "\(point)")
      #expect(plan.cells.map(\.parameters) == parameters, "\(point)")
    }
    let plan = try #require(try reading(cases[0].0).plan)
    #expect(plan.cells[0].point == "file=\(path),estimator=reparam,run=1,step=100", "what was chosen is named")
    // One step by two names is one point.
    let twice = try reading(#"["file=\#(path),estimator=reparam", "file=\#(path),estimator=reparam,step=100"]"#)
    #expect(twice.faults.count == 1 && twice.faults[0].contains("is given already"))
  }

  @Test func saysWhatIsWrong() throws {
    let path = try Self.file(), other = try Self.file { $0.replacing("log_scale", with: "log_rate") }
    let broken = try Self.file { $0.replacing(",0,0.125\n", with: ",0,x\n") }
    let header = try Self.file { $0.replacing("index,", with: "") }
    defer { for name in [path, other, broken, header] { try? FileManager.default.removeItem(atPath: name) } }
    let cases = [
      (
        #"{"file": "\#(path)"}"#,
        "holds more than one estimator: add estimator=…, of reparam, score:baseline=moving-average,decay=0.5"
      ),
      (#"{"file": "\#(path)", "estimator": "stl"}"#, "holds no estimator 'stl'; it holds reparam, score:baseline"),
      (#"{"file": "\#(path)", "estimator": "reparam", "run": 3}"#, "holds no run 3; it holds 1, 2"),
      (#"{"file": "\#(path)", "estimator": "reparam", "step": 7}"#, "holds no step 7 of this run; it holds 0, 100"),
      (#"{"file": "no.csv"}"#, "no.csv: no such file"), (#"{"file": 1}"#, "at.file: expects a text, found a number"),
      (#"{"file": "\#(path)", "stp": 1}"#, "unknown key 'stp' of a point in a file; did you mean 'step'?"),
      (#"{"file": "\#(path)", "step": -1}"#, "step expects a whole number of at least 0"),
      (#"{"file": "\#(other)", "estimator": "reparam"}"#, "holds no block 'log_scale', which the family has"),
      (
        #"{"file": "\#(broken)", "estimator": "reparam"}"#,
        ":2: expects 12 fields, a whole step and index, and a finite value"
      ),
      (#"{"file": "\#(header)"}"#, ":1: not a file of saved parameters"),
    ]
    for (point, message) in cases {
      let faults = try reading(point).faults
      #expect(faults.count == 1 && faults[0].contains(message), "\(faults)")
    }
    let wider = try Reading(
      members:
        #""at": {"file": "\#(path)", "estimator": "reparam"}, "model": {"id": "gaussian", "options": {"dimension": 2}}"#
    )
    #expect(wider.faults.count == 1 && wider.faults[0].contains("block 'mean' has 1 coordinate, and the family 2"))
  }
}
