import Testing

/// Bad specs: every fault of a file in one line with file, line and path, in the order of the file.
@Suite struct BadSpecTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let lines: [String]
    init(_ text: String, _ lines: String...) {
      self.text = text
      self.lines = lines
    }
    var testDescription: String { lines.joined(separator: " / ") }
  }

  static let cases = [
    Case(
      spec(#""estimators": ["scor"]"#), "t.json:4: estimators[0]: unknown estimator 'scor'; did you mean 'score'?"),
    Case(spec(#""model": "gausian""#), "t.json:4: model: unknown model 'gausian'; did you mean 'gaussian'?"),
    Case(
      spec(#""model": ["gaussian", {"id": "gausian"}]"#),
      "t.json:4: model[1]: unknown model 'gausian'; did you mean 'gaussian'?"),
    Case(
      spec(#""sampling": ["iid", {"id": "antithetic"}], "samples": [4, 5]"#),
      "t.json:4: sampling[1]: 'antithetic' makes pairs, and 5 draws are not even; take 6, or another sampling"),
    Case(spec(#""rng": "mt1993""#), "t.json:4: rng: unknown generator 'mt1993'; did you mean 'mt19937'?"),
    Case(
      spec(#""at": {"men": 1}"#),
      "t.json:4: at: unknown block 'men'; the family has mean, log_scale; did you mean 'mean'?"),
    Case(spec(#""at": ["pior"]"#), "t.json:4: at[0]: unknown point 'pior'; did you mean 'prior'?"),
    Case(
      spec(#""replicats": 100"#), "t.json:4: replicats: unknown key 'replicats'; did you mean 'replicates'?"),
    Case(
      spec(#""zzz": 100"#),
      "t.json:4: zzz: unknown key 'zzz'; known: $schema, name, kind, question, references, seed, rng, model, family, objective, sampling, at, samples, replicates, relative_error, max_replicates, norm, diagnostics, correlations, estimators"
    ),
    Case(
      spec(#""estimators": [{"id": "score", "options": {"basline": "mean"}}]"#),
      "t.json:4: estimators[0].options.basline: unknown option 'basline' of 'score'; did you mean 'baseline'?"),
    Case(
      spec(#""estimators": [{"id": "score", "option": {}}]"#),
      "t.json:4: estimators[0].option: unknown key 'option'; did you mean 'options'?"),
    Case(spec(#""estimators": [{"options": {}}]"#), #"t.json:4: estimators[0]: has no "id""#),
    Case(
      spec(#""estimators": ["score:baseline=mean"]"#),
      #"t.json:4: estimators[0]: unknown estimator 'score:baseline=mean'; options are written {"id": …, "options": {…}}"#
    ),
    Case(spec(#""estimators": "score""#), "t.json:4: estimators: expects an array, found a string"),
    Case(spec(#""estimators": []"#), "t.json:4: estimators: is empty: name at least one estimator"),
    Case(spec(#""model": []"#), "t.json:4: model: is empty: name at least one model"),
    Case(spec(#""samples": []"#), "t.json:4: samples: is empty: name at least one number of draws"),
    Case(spec(#""at": []"#), "t.json:4: at: is empty: name at least one point"),
    Case(spec(#""rng": []"#), "t.json:4: rng: is empty: name at least one generator"),
    Case(
      spec(#""at": {}"#), #"t.json:4: at: is empty: give a block of the family, such as "mean", its value"#),
    Case(
      spec(#""estimators": [7]"#),
      #"t.json:4: estimators[0]: expects an id or {"id": …, "options": {…}}, found a number"#),
    Case(
      spec(#""samples": "10""#), "t.json:4: samples: expects an integer from 1 to 100000, found the text '10'"),
    Case(spec(#""samples": [1, 0]"#), "t.json:4: samples[1]: expects an integer from 1 to 100000, found 0"),
    Case(spec(#""samples": 2.5"#), "t.json:4: samples: expects an integer from 1 to 100000, found 2.5"),
    Case(
      spec(#""replicates": 1e10"#),
      "t.json:4: replicates: expects an integer from 100 to 1000000000, or 'auto', found 1e10"),
    Case(
      spec(#""replicates": null"#),
      "t.json:4: replicates: expects an integer from 100 to 1000000000, or 'auto', found null"),
    Case(
      spec(#""replicates": "atuo""#),
      "t.json:4: replicates: expects an integer from 100 to 1000000000, or 'auto', found the text 'atuo'"),
    Case(
      spec(#""relative_error": 0.1"#), "t.json:4: relative_error: is for replicates that are 'auto'"),
    Case(
      spec(#""replicates": 1000"#, #""max_replicates": 5"#, #""relative_error": "x""#),
      "t.json:5: max_replicates: is for replicates that are 'auto'",
      "t.json:6: relative_error: is for replicates that are 'auto'"),
    Case(
      spec(#""replicates": 1"#, #""relative_error": 0.1"#),
      "t.json:4: replicates: expects an integer from 100 to 1000000000, or 'auto', found 1"),
    Case(
      spec(#""replicates": "auto""#, #""relative_error": 2"#, #""max_replicates": 99"#),
      "t.json:5: relative_error: expects a number from 0.0001 to 1, found 2",
      "t.json:6: max_replicates: expects an integer from 100 to 1000000000, found 99"),
    Case(
      spec(#""replicates": "auto""#, #""relative_error": "0.1""#, #""max_replicates": "auto""#),
      "t.json:5: relative_error: expects a number from 0.0001 to 1, found the text '0.1'",
      "t.json:6: max_replicates: expects an integer from 100 to 1000000000, found the text 'auto'"),
    Case(
      spec(#""rng": "slatec""#, #""replicates": "auto""#),
      "t.json:4: rng: generator 'slatec' has 8 different streams and this run needs 979; choose another generator or fewer replicates"
    ),
    Case(
      spec(#""seed": 18446744073709551616"#),
      "t.json:4: seed: expects an integer from 0 to 18446744073709551615, found 18446744073709551616"),
    Case(
      spec(#""seed": -1"#), "t.json:4: seed: expects an integer from 0 to 18446744073709551615, found -1"),
    Case(
      spec(#""model": {"id": "gaussian",\#n"options": {"dimension": 0}}"#),
      "t.json:5: model.options.dimension: expects an integer from 1 to 100000, found 0"),
    Case(
      spec(#""model": {"id": "gaussian", "options": {"noise": -1}}"#),
      "t.json:4: model.options.noise: expects a number from 1e-06 to 1000000, found -1"),
    Case(
      spec(#""model": {"id": "gaussian", "options": {"x": [1, "a"]}}"#),
      "t.json:4: model.options.x: expects a number or a list of numbers, found an array"),
    Case(
      spec(#""model": {"id": "gaussian", "options": {"noise": 1e999}}"#),
      "t.json:4: model.options.noise: expects a number from 1e-06 to 1000000, found 1e999"),
    Case(
      spec(#""model": {"id": "gaussian", "options": {"dimension": 3,\#n"x": [1, 2]}}"#),
      "t.json:5: model.options.x: holds 2 numbers for dimension 3; give one or 3"),
    Case(
      spec(#""estimators": [{"id": "score", "options": {"rao_blackwell": "true"}}]"#),
      "t.json:4: estimators[0].options.rao_blackwell: expects true or false, found the text 'true'"),
    Case(spec(#""question": 1"#), "t.json:4: question: expects a text, found a number"),
    Case(spec(#""references": "a""#), "t.json:4: references: expects an array of BibTeX keys, found a string"),
    Case(spec(#""seed": 1"#, #""seed": 1"#), "t.json:5: seed: is given twice; keep one"),
    Case(
      spec(#""estimators": [{"id": "score", "options": {"kl": "entropy", "kl": "entropy"}}]"#),
      "t.json:4: estimators[0].options.kl: is given twice; keep one"),
    Case(
      spec(#""estimators": ["reparam", "pathwise"]"#),
      "t.json:4: estimators[1]: 'reparam' is given already, in this or another spelling; keep one"),
    Case(
      spec(#""estimators": ["analytic-kl", {"id": "reparam", "options": {"kl": "analytic"}}]"#),
      "t.json:4: estimators[1]: 'analytic-kl' is given already, in this or another spelling; keep one"),
    Case(
      spec(#""estimators": ["reparam", {"id": "reparam", "options": {"kl": "entropy"}}]"#),
      "t.json:4: estimators[1]: 'reparam:kl=entropy', which is 'reparam' here, is given already, in this or another spelling; keep one"
    ),
    Case(
      spec(#""at": [{"mean": 1, "log_scale": 0}, {"log_scale": [0], "mean": 1.0}]"#),
      "t.json:4: at[1]: 'mean=1,log_scale=0' is given already, in this or another spelling; keep one"),
    Case(
      spec(#""samples": [1, 1e0]"#),
      "t.json:4: samples[1]: '1' is given already, in this or another spelling; keep one"),
    Case(
      spec(#""estimators": [{"id": "score", "options": {"baseline": "leave-one-out"}}]"#),
      "t.json:4: estimators[0]: score:baseline=leave-one-out needs samples of at least 2, and is given 1"),
    Case(
      spec(#""model": "cosine""#, #""estimators": ["score", "stl"]"#),
      "t.json:5: estimators[1]: stl needs an objective with log q in it, such as 'elbo': without it there is no score term to drop; these work here: score, nvil, reparam, bonnet-price, measure-valued, finite-differences, spsa, exact"
    ),
    Case(
      spec(#""objective": "expectation""#),
      "t.json:4: objective: objective 'expectation' needs a cost function, and this is a model p(x, z): use 'elbo'"),
    Case(
      spec(#""samples": 100000"#, #""model": {"id": "gaussian", "options": {"dimension": 100}}"#),
      "t.json:4: samples: 100000 draws of dimension 100 exceed the limit of 4000000 numbers an estimate"),
    Case(
      spec(#""rng": "slatec""#, #""replicates": 100000"#),
      "t.json:4: rng: generator 'slatec' has 8 different streams and this run needs 100; choose another generator or fewer replicates"
    ),
    Case(
      #"{"name": "../t", "kind": "variance", "estimators": ["score"]}"#,
      "t.json:1: name: '../t' cannot name a directory: use letters, digits, '-', '_' and '.', not first"),
    Case(
      "{\n\"kind\": \"elbow\"}", "t.json:1: name: is missing", "t.json:1: estimators: is missing",
      "t.json:2: kind: unknown kind 'elbow'; this version knows 'variance', 'elbo', 'training', 'evaluation'"),
    Case("[]", "t.json:1: expects an object, found an array"),
    Case("", "t.json:1: not valid JSON: the document is empty (column 1)"),
    Case("{\n\"name\": \"t\",\n}", "t.json:2: not valid JSON: trailing comma (column 12)"),
    Case("name: t", "t.json:1: not valid JSON: 'name' is not JSON (column 1)"),
    Case("{\"seed\": NaN}", "t.json:1: not valid JSON: 'NaN' is not JSON (column 10)"),
    Case(
      """
      {
        "name": "../t",
        "kind": "variance",
        "seed": 18446744073709551616,
        "replicates": 5,
        "replicates": 1000,
        "model": {"id": "gaussian",
          "options": {"dimension": 2,
            "x": [1, 2, 3]}},
        "at": ["initial", {"men": 1}],
        "estimaters": [],
        "estimators": [
          "scor",
          {"id": "score", "options": {"basline": "mean"}},
          {"id": "score", "options": {"decay": 2}},
          "reparam",
          "pathwise"
        ]
      }
      """,
      "t.json:2: name: '../t' cannot name a directory: use letters, digits, '-', '_' and '.', not first",
      "t.json:4: seed: expects an integer from 0 to 18446744073709551615, found 18446744073709551616",
      "t.json:5: replicates: expects an integer from 100 to 1000000000, or 'auto', found 5",
      "t.json:6: replicates: is given twice; keep one",
      "t.json:9: model.options.x: holds 3 numbers for dimension 2; give one or 2",
      "t.json:10: at[1]: unknown block 'men'; the family has mean, log_scale; did you mean 'mean'?",
      "t.json:11: estimaters: unknown key 'estimaters'; did you mean 'estimators'?",
      "t.json:13: estimators[0]: unknown estimator 'scor'; did you mean 'score'?",
      "t.json:14: estimators[1].options.basline: unknown option 'basline' of 'score'; did you mean 'baseline'?",
      "t.json:15: estimators[2].options.decay: expects a number from 0 to 0.999, found 2",
      "t.json:17: estimators[4]: 'reparam' is given already, in this or another spelling; keep one"),
    Case(
      spec(
        #""samples": [1]"#, #""model": "cosine""#, #""objective": "expectation""#, #""at": {"mean": [1, 2]}"#,
        #""seed": "1""#),
      "t.json:7: at: block 'mean' has 1 coordinate, and is given 2 numbers",
      "t.json:8: seed: expects an integer from 0 to 18446744073709551615, found the text '1'"),
    Case(
      spec(
        #""seed": true"#,
        #""estimators": ["stl", {"id": "score", "options": {"baseline": "leave-one-out"}}]"#, #""model": "cosine""#),
      "t.json:4: seed: expects an integer from 0 to 18446744073709551615, found true",
      "t.json:5: estimators[0]: stl needs an objective with log q in it, such as 'elbo': without it there is no score term to drop; these work here: score, nvil, reparam, bonnet-price, measure-valued, finite-differences, spsa, exact",
      "t.json:5: estimators[1]: score:baseline=leave-one-out needs samples of at least 2, and is given 1"),
  ]

  @Test(arguments: cases, ["validate", "run"]) func isRefused(_ test: Case, command: String) throws {
    let sandbox = try Sandbox()
    try sandbox.write(test.text, to: "t.json")
    let outcome = try sandbox.run(command, "t.json")
    #expect(outcome == .refusal(65, test.lines))
    #expect(sandbox.names() == ["t.json"])
  }

  @Test func allFilesAreCheckedBeforeAnyRuns() throws {
    let sandbox = try Sandbox()
    try sandbox.write(spec(#""replicates": 100"#), to: "good.json")
    try sandbox.write(spec(#""seed": -1"#).replacing("\"t\"", with: "\"u\""), to: "bad.json")
    #expect(
      try sandbox.run("run", "good.json", "bad.json", "none.json")
        == .refusal(
          65,
          [
            "bad.json:4: seed: expects an integer from 0 to 18446744073709551615, found -1",
            "none.json: no such file",
          ]))
    #expect(sandbox.names() == ["bad.json", "good.json"])
  }

  @Test func twoFilesOfOneNameAreRefused() throws {
    let sandbox = try Sandbox()
    try sandbox.write(spec(#""replicates": 100"#), to: "a.json")
    try sandbox.write(spec(#""replicates": 200"#), to: "b.json")
    let line = "b.json:2: name: 't' is the name of a.json too; results would be lost: rename one"
    #expect(try sandbox.run("run", "a.json", "b.json") == .refusal(65, [line]))
    #expect(sandbox.names() == ["a.json", "b.json"])
  }
}

/// Data files that cannot be used.
@Suite struct BadDataTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let bytes: [UInt8]?
    let fault: String
    let option: String
    init(_ text: String?, _ fault: String, option: String = "data") {
      bytes = text.map { Array($0.utf8) }
      self.fault = fault
      self.option = option
    }
    init(bytes: [UInt8], _ fault: String) {
      self.bytes = bytes
      self.fault = fault
      option = "data"
    }
    var testDescription: String { fault }
  }

  static let cases = [
    Case(nil, "d.csv: no such file"),
    Case("", "d.csv: the file is empty"),
    Case("a,y\n", "d.csv: there is a header and no data"),
    Case("1,0\n2,1\n", "d.csv:1: a header of column names is missing"),
    Case("a,a,y\n1,2,0\n", "d.csv:1: two columns are called 'a'"),
    Case("a,b,y\n1,2,0\n1,2\n", "d.csv:3: 2 fields under a header of 3"),
    Case("a,y\n1,0\n1,2,1\n", "d.csv:3: 3 fields under a header of 2"),
    Case("a,y\n1,0\nx,1\n", "d.csv:3: column 'a': 'x' is not a number"),
    Case("a,y\n1,0\n,1\n", "d.csv:3: column 'a' is empty"),
    Case("a,y\nnan,0\n1,1\n", "d.csv:2: column 'a': 'nan' is not a finite number"),
    Case("a,y\n1,0\n2,inf\n", "d.csv:3: column 'y': 'inf' is not a finite number"),
    Case("a,y\n1,0\n2,2\n", "d.csv:3: column 'y' is 2.0; the target must be 0 or 1", option: "target"),
    Case(
      "a,y\n1,0\n1,1\n",
      "d.csv: column 'a' is constant and cannot be standardised; drop it or use standardize=false",
      option: "standardize"),
    Case(bytes: [0x61, 0x2C, 0x79, 0x0A, 0xFF, 0x2C, 0x31, 0x0A], "d.csv: not UTF-8 text"),
  ]

  @Test(arguments: cases) func isRefused(_ test: Case) throws {
    let sandbox = try Sandbox()
    if let bytes = test.bytes { try sandbox.write(bytes, to: "d.csv") }
    try sandbox.write(
      spec(#""model": {"id": "logistic-regression",\#n"options": {"data": "d.csv"}}"#),
      to: "t.json")
    let before = sandbox.names()
    // An option that the spec leaves out has the line of its component.
    let line = test.option == "data" ? 5 : 4
    let ofSpec = try sandbox.run("run", "t.json")
    #expect(ofSpec == .refusal(65, ["t.json:\(line): model.options.\(test.option): \(test.fault)"]))
    let ofOption = try sandbox.run(
      "variance", "--estimator", "score", "--model", "logistic-regression:data=d.csv", "--out", "d")
    #expect(ofOption == .refusal(65, ["--model: option '\(test.option)': \(test.fault)"]))
    #expect(sandbox.names() == before)
  }

  @Test func directoriesColumnsAndMinibatches() throws {
    let sandbox = try Sandbox()
    try sandbox.write("a,y\n1,0\n2,1\n", to: "dir/d.csv")
    func fault(_ options: String) throws -> Outcome {
      try sandbox.run("variance", "--estimator", "score", "--model", "logistic-regression:\(options)")
    }
    #expect(
      try fault("data=dir")
        == .refusal(
          65,
          [
            "--model: option 'data': dir: it is a directory; the shipped data sets are 'breast-cancer', 'diabetes', 'digits', 'iris', 'warpbreaks', 'wine'"
          ]))
    #expect(
      try fault("data=dir/d.csv,target=z")
        == .refusal(65, ["--model: option 'target': dir/d.csv has no column 'z'; it has a, y"]))
    #expect(
      try fault("data=dir/d.csv,minibatch=3")
        == .refusal(65, ["--model: option 'minibatch': is 3, and the data have 2 rows"]))
    #expect(
      try fault("data=dir/d.csv,minibatch=0")
        == .refusal(
          65,
          [
            "--model: option 'minibatch' of 'logistic-regression' expects an integer from 1 to 1000000000, or none, found '0'"
          ]))
  }
}
