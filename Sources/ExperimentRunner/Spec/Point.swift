/// A point λ at which an estimator is measured, as a spec gives it.
package enum Point: Hashable, Sendable {
  /// Where the family starts.
  case initial
  /// Where the exact objective is greatest.
  case optimum
  /// A distribution that the model names, such as `prior` or `posterior`.
  case named(String)
  /// Values of blocks, one for all coordinates or one each; blocks left out are as at `initial`.
  case values([Block])
  /// λ that an `elbo` experiment saved.
  case saved(SavedPoint)

  package struct Block: Hashable, Sendable {
    package let name: String
    package let values: [Double]

    package init(name: String, values: [Double]) {
      self.name = name
      self.values = values
    }
  }

  /// `mean=0.5,log_scale=-1`; lists as `1x2x3`.
  package var text: String {
    switch self {
    case .initial: "initial"
    case .optimum: "optimum"
    case .named(let name): name
    case .values(let blocks):
      blocks.map { "\($0.name)=\($0.values.map(numberText).joined(separator: "x"))" }.joined(separator: ",")
    case .saved(let saved): saved.text
    }
  }

  /// One point for each step, where several steps of a file are named.
  var each: [Point] {
    guard case .saved(let saved) = self, saved.steps.count > 1 else { return [self] }
    return saved.steps.map { step in
      var one = saved
      one.steps = [step]
      return .saved(one)
    }
  }
}
