package import Optimization

/// What a spec of kind `elbo` asks for beside the problem and the estimators.
package struct TrainingSpec: Sendable {
  package var optimizers: [Configured<any Optimizer>] = []
  /// T
  package var steps = 1000
  /// Steps between evaluations; nil for a fiftieth of the run.
  package var evaluateEvery: Int?
  /// Fresh draws of an evaluation.
  package var evaluationDraws = 1000
  /// Runs of each curve, with streams of their own.
  package var runs = 5
  /// Steps whose λ is written.
  package var savedSteps: [Int] = []
  package var convergenceRule: ConvergenceRule?

  package init() {}

  /// Limits that are stated in the schema and in messages.
  package enum Limit {
    package static let steps = 1...100_000_000
    package static let runs = 1...10_000
    package static let evaluationDraws = 2...10_000_000
    package static let window = 1...1000
    package static let savedStep = 0...100_000_000
  }

  /// The ascent with K = `samples` draws a step.
  package func ascent(samples: Int) -> GradientAscent {
    GradientAscent(
      samples: samples, steps: steps, evaluateEvery: evaluateEvery ?? max(1, steps / 50),
      evaluationDraws: evaluationDraws, savedSteps: Set(savedSteps), convergenceRule: convergenceRule)
  }

  /// As the manifest gives it.
  var manifestMembers: [(key: String, value: JSONOutput)] {
    [(key: "optimizers", value: .array(optimizers.map { .string($0.text) }))] + members
  }

  /// The members of a spec, without the optimizers.
  var members: [(key: String, value: JSONOutput)] {
    let ascent = ascent(samples: 1)
    var members: [(key: String, value: JSONOutput)] = [
      (key: "steps", value: .integer(steps)), (key: "runs", value: .integer(runs)),
      (
        key: "evaluate",
        value: .object([
          (key: "every", value: .integer(ascent.evaluateEvery)), (key: "draws", value: .integer(evaluationDraws)),
        ])
      ),
    ]
    if !savedSteps.isEmpty {
      members.append((key: "save_parameters", value: .array(savedSteps.map { .integer($0) })))
    }
    if let convergenceRule {
      members.append(
        (
          key: "stop",
          value: .object([
            (key: "relative_change", value: .number(convergenceRule.relativeChange)),
            (key: "window", value: .integer(convergenceRule.window)),
          ])
        ))
    }
    return members
  }
}
