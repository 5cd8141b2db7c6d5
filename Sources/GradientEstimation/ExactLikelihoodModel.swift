/// A `LocalLatentModel` whose log p_θ(x_n) is known: what bounds on it can be held to.
public protocol ExactLikelihoodModel: LocalLatentModel {
  /// (1/N) Σ_n log p_θ(x_n) of a part, in nats; nil where there are no data, or data that are drawn anew whenever they are used,
  /// or where θ is beyond what floating point can solve for.
  func logLikelihood(of part: DataPart) -> Double?
  /// The same model at θ of the greatest likelihood of the data to train on; nil where no closed form is known, or where the
  /// likelihood has no bound.
  var atMaximumLikelihood: Self? { get }
  /// What `logLikelihood` of the data to train on can reach; nil where `atMaximumLikelihood` is.
  var maximumLogLikelihood: Double? { get }
}
