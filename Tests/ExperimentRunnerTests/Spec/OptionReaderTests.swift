import ExperimentRunner
import Testing

/// Each kind of option, as JSON gives it and as the command line does.
@Suite struct OptionReaderTests {
  static let gaussian = "gaussian"
  static let logistic = "logistic-regression"

  @Test(arguments: [
    (gaussian, "dimension", "2", "gaussian:dimension=2"), (gaussian, "dimension", "2.0", "gaussian:dimension=2"),
    (gaussian, "dimension", "1e2", "gaussian:dimension=100"), (gaussian, "dimension", "1", "gaussian"),
    (gaussian, "noise", "0.50", "gaussian:noise=0.5"), (gaussian, "noise", "1e-3", "gaussian:noise=0.001"),
    (gaussian, "noise", "1E0", "gaussian"), (gaussian, "x", "-2", "gaussian:x=-2"),
    (gaussian, "x", "[2.50]", "gaussian:x=2.5"),
    (logistic, "intercept", "false", "logistic-regression:intercept=false"),
    (logistic, "intercept", "true", "logistic-regression"),
    (logistic, "minibatch", "7", "logistic-regression:minibatch=7"),
    (logistic, "minibatch", "null", "logistic-regression"), (logistic, "minibatch", "\"none\"", "logistic-regression"),
    (logistic, "target", "\"malignant\"", "logistic-regression:target=malignant"),
    (logistic, "target", #""a,b=\"c\"""#, #"logistic-regression:target="a,b=\"c\"""#),
  ])
  func readsJSON(_ id: String, option: String, value: String, text: String) throws {
    // The spec is read, whatever the plan then says of the data.
    let reading = try Reading(members: #""model": {"id": "\#(id)", "options": {"\#(option)": \#(value)}}"#)
    #expect(reading.spec.models.map(\.text) == [text])
  }

  @Test(arguments: [
    "gaussian:dimension=2", "gaussian:x=1.5,noise=0.25", "gaussian:dimension=2,x=1x-2.5",
    "logistic-regression:minibatch=7", #"logistic-regression:data="a,b.csv""#,
  ])
  func readsText(_ text: String) throws {
    #expect(try Reading(options: [("model", [text]), ("estimators", ["score"])]).spec.models.map(\.text) == [text])
  }

  @Test(arguments: [
    (gaussian, "dimension", "1.5", "an integer from 1 to 100000, found 1.5"),
    (gaussian, "dimension", "1e300", "an integer from 1 to 100000, found 1e300"),
    (gaussian, "dimension", "\"2\"", "an integer from 1 to 100000, found the text '2'"),
    (gaussian, "dimension", "null", "an integer from 1 to 100000, found null"),
    (gaussian, "dimension", "[2]", "an integer from 1 to 100000, found an array"),
    (gaussian, "noise", "true", "a number from 1e-06 to 1000000, found true"),
    (gaussian, "noise", "1e7", "a number from 1e-06 to 1000000, found 1e7"),
    (gaussian, "x", "[]", "a number or a list of numbers, found an array"),
    (gaussian, "x", "[1, 1e999]", "a number or a list of numbers, found an array"),
    (gaussian, "x", "{}", "a number or a list of numbers, found an object"),
    ("exp-quadratic", "k", "0", "a number above 0, found 0"),
    (logistic, "intercept", "1", "true or false, found 1"),
    (logistic, "intercept", "\"\"", "true or false, found the text ''"),
    (logistic, "minibatch", "\"all\"", "an integer from 1 to 1000000000, or none, found the text 'all'"),
    (logistic, "data", "3", "a text, found 3"),
  ])
  func refusesJSON(_ id: String, option: String, value: String, message: String) throws {
    #expect(
      try Reading(members: #""model": {"id": "\#(id)", "options": {"\#(option)": \#(value)}}"#).faults
        == ["t:1: model.options.\(option): expects \(message)"])
  }

  @Test(arguments: [
    ("gaussian:dimension=", "option 'dimension' of 'gaussian' expects an integer from 1 to 100000, found the text ''"),
    ("gaussian:dimension=x", "option 'dimension' of 'gaussian' expects an integer from 1 to 100000, found 'x'"),
    ("gaussian:x=1x", "option 'x' of 'gaussian' expects a number or a list of numbers, found '1x'"),
    ("gaussian:x=nan", "option 'x' of 'gaussian' expects a number or a list of numbers, found 'nan'"),
    ("gaussian:noise=inf", "option 'noise' of 'gaussian' expects a number from 1e-06 to 1000000, found 'inf'"),
    ("gaussian:", "unknown option '' of 'gaussian'; known: dimension, x, noise, correlation, prior_mean, learn"),
    ("gaussian:dimension=1,dimension=2", "option 'dimension' is given twice; keep one"),
    ("gaussian:3", "unknown option '3' of 'gaussian'; known: dimension, x, noise, correlation, prior_mean, learn"),
  ])
  func refusesText(_ text: String, message: String) throws {
    #expect(
      try Reading(options: [("model", [text]), ("estimators", ["score"])]).faults == ["--model: \(message)"])
  }
}
