internal import GradientEstimation

extension Quadratic {
  /// The second-order Taylor polynomial of f about q's mean c, f(c) + ∇f(c)ᵀ(z − c) + ½ (z − c)ᵀ ∇²f(c) (z − c).
  ///
  /// Of a model that reads minibatches it is that of all data. −log q of a normal is its own polynomial.
  ///
  /// Nil where the model's second derivatives or the family's moments are not known.
  init?(expanding terms: Terms, of problem: Problem, parameters: [Double]) {
    guard let family = problem.family as? any IndependentNormalFamily,
      let model = problem.model as? any TwiceDifferentiableModel
    else { return nil }
    let d = model.dimension, own = terms.subtracting(.entropy)
    var block = DrawBlock(shape: problem.shape(samples: 1, lanes: 1), parameters: parameters)
    var center = [Double](repeating: 0, count: d), variance = center
    var means = center.mutableSpan, variances = variance.mutableSpan
    family.moments(at: block.draws, mean: &means, variance: &variances)
    // The noise of a normal's mean is zero.
    block.draws.z = center
    block.evaluate(Quantities(values: terms, gradients: own), of: problem.withAllData)
    var hessian = [Double](repeating: 0, count: d * d)
    for term in own.members { for (i, h) in model.hessian(of: term, at: center).enumerated() { hessian[i] += h } }
    if terms.contains(.entropy) { for i in 0..<d { hessian[i * d + i] += 1 / variance[i] } }
    self.init(
      center: center, value: terms.members.reduce(0) { $0 + block.evaluation.values(of: $1)[0] },
      slope: own.isEmpty ? Array(repeating: 0, count: d) : block.evaluation.gradient(of: own), curvature: hessian)
  }
}
