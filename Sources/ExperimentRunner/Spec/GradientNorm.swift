internal import GradientEstimation

/// The norm that a gradient's variance is the trace in.
package enum GradientNorm: String, CaseIterable, Sendable {
  /// tr Cov
  case euclidean
  /// tr(F⁻¹ Cov), F the Fisher information of q_λ.
  case fisher

  /// w_p of Σ_p w_p Var(g_p) at λ `[P]`; nil for the Euclidean norm.
  ///
  /// - Throws: `EstimatorError` where the family's Fisher information is not known or not positive.
  func weights(for family: any VariationalFamily, at parameters: [Double]) throws(EstimatorError) -> [Double]? {
    guard self == .fisher else { return nil }
    guard let family = family as? any DiagonalFisherFamily else {
      throw EstimatorError("'fisher' needs a family with a diagonal Fisher information in closed form; use 'euclidean'")
    }
    let weights = family.fisherDiagonal(at: parameters).map { 1 / $0 }
    guard weights.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw EstimatorError("'fisher': the Fisher information at this point is beyond the range of a number")
    }
    return weights
  }
}

extension SpecReader {
  /// In what norm gradients are measured, and what beside their variance.
  mutating func readDiagnostics(_ members: [String: JSONNode], _ spec: inout ExperimentSpec) {
    func flag(_ key: String, _ target: inout Bool) {
      guard let node = members[key] else { return }
      switch OptionReader.read(node, as: .flag, isText: isText) {
      case .success(.flag(let value)): target = value
      case .failure(let message): fault(key, node, message.text)
      default: break
      }
    }
    flag("diagnostics", &spec.diagnostics.parts)
    flag("correlations", &spec.diagnostics.correlations)
    guard let node = members["norm"], let name = string(node, "norm") else { return }
    guard let norm = GradientNorm(rawValue: name) else {
      let names = GradientNorm.allCases.map { "'\($0.rawValue)'" }.joined(separator: " or ")
      return fault("norm", node, "expects \(names), found '\(name)'")
    }
    spec.norm = norm
  }
}
