import ExperimentRunner

/// What this package adds to the workbench.
public enum Plugin {
  public static func register(in registry: inout Registry) throws {
    try registry.register(estimator: FixedBaseline.self)
    try registry.register(model: ExponentialRate.self)
  }
}
