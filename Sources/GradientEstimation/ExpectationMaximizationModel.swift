/// A `LocalLatentModel` that expectation maximisation learns in closed form: both its steps are known.
///
/// The laws: with exact inference `logLikelihood` of the data to train on does not fall from one iteration to the next, and
/// the bound of an iteration is it; with factorised inference the bound does not fall, and is no greater than it. Dempster,
/// Laird and Rubin (1977); Neal and Hinton (1998).
public protocol ExpectationMaximizationModel: ExactLikelihoodModel {
  /// The E-step at θ and the M-step that follows it, of all data to train on.
  ///
  /// - Returns: the model at θ' = argmax Σ_n E_{q_n} log p_θ'(x_n, z_n), and the bound (1/N) Σ_n E_{q_n}[log p_θ(x_n, z_n) −
  ///   log q_n(z_n)] of the E-step, in nats; nil where floating point has no θ' (a component without data, a variance of 0).
  func maximized(_ inference: LocalInference) -> (model: Self, bound: Double)?
  /// The bound of an E-step at θ on a part of the data; nil where there are no data.
  func bound(_ inference: LocalInference, of part: DataPart) -> Double?
}

/// What an E-step takes for q_n.
public enum LocalInference: String, CaseIterable, Sendable {
  /// p_θ(z_n | x_n)
  case exact
  /// The best q_n that factorises over the coordinates of z_n, argmin KL(q_n ‖ p_θ(z_n | x_n)); of a one-hot z_n, which is one
  /// variable, the posterior itself.
  case factorized
}
