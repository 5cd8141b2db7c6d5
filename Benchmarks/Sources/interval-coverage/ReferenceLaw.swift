import Foundation
import Randomness

/// One coordinate drawn from a textbook law.
enum ReferenceLaw: String, CaseIterable, Sendable {
  case normal, laplace, t5, t3
  case lognormal = "lognormal-1"
  /// 0.99 N(0, 1) + 0.01 N(0, 100)
  case contaminated = "contaminated-0.01"
  /// 0.999 N(0, 1) + 0.001 N(0, 100): at R = 1000 one sample in three holds no such event at all.
  case rare = "contaminated-0.001"
  case bernoulliHalf = "bernoulli-0.5"
  case bernoulliRare = "bernoulli-0.01"

  var variance: Double {
    switch self {
    case .normal: 1
    case .laplace: 2
    case .t5: 5.0 / 3
    case .t3: 3
    case .lognormal: (M_E - 1) * M_E
    case .contaminated: 1.99
    case .rare: 1.099
    case .bernoulliHalf: 0.25
    case .bernoulliRare: 0.0099
    }
  }

  /// Normals that a draw needs; it needs a uniform besides.
  var normals: Int {
    switch self {
    case .t5: 6
    case .t3: 4
    case .laplace, .bernoulliHalf, .bernoulliRare: 0
    default: 1
    }
  }

  var usesUniforms: Bool {
    switch self {
    case .normal, .t5, .t3, .lognormal: false
    default: true
    }
  }

  /// Values on fresh numbers.
  func draw(_ lanes: Int, from random: inout RandomStream) -> [Double] {
    var values = [Double](repeating: 0, count: lanes)
    var z = [Double](repeating: 0, count: normals * lanes)
    var u = [Double](repeating: 0, count: usesUniforms ? lanes : 0)
    var span = z.mutableSpan
    random.fillNormals(&span)
    span = u.mutableSpan
    random.fillUniforms(&span)
    fill(&values, z, u)
    return values
  }

  /// Values from `z`, `[normals × lanes]`, and `u`, `[lanes]`.
  func fill(_ values: inout [Double], _ z: [Double], _ u: [Double]) {
    let lanes = values.count
    func student(_ degrees: Int, _ l: Int) -> Double {
      let squares = (1...degrees).reduce(0.0) { $0 + z[$1 * lanes + l] * z[$1 * lanes + l] }
      return z[l] / (squares / Double(degrees)).squareRoot()
    }
    for l in 0..<lanes {
      switch self {
      case .normal: values[l] = z[l]
      case .laplace: values[l] = u[l] < 0.5 ? log(max(2 * u[l], 1e-300)) : -log(2 - 2 * u[l])
      case .t5: values[l] = student(5, l)
      case .t3: values[l] = student(3, l)
      case .lognormal: values[l] = exp(z[l])
      case .contaminated: values[l] = u[l] < 0.01 ? 10 * z[l] : z[l]
      case .rare: values[l] = u[l] < 0.001 ? 10 * z[l] : z[l]
      case .bernoulliHalf: values[l] = u[l] < 0.5 ? 1 : 0
      case .bernoulliRare: values[l] = u[l] < 0.01 ? 1 : 0
      }
    }
  }
}
