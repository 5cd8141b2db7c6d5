internal import GradientEstimation
internal import Randomness

/// What the schemes on digital sequences in base 2 share.
enum DigitalNets {
  static let randomization = """
    scramble multiplies the binary digits of each coordinate by a random lower triangular matrix with ones on its diagonal, \
    and adds a random digital shift: elementary intervals keep their counts, and the variance is that of Owen's \
    scrambling. shift adds one uniform vector modulo 1: the intervals move, and the rate is lower.
    """
  static let rate = """
    at numbers of draws that are powers of 2 the variance under scramble falls as 1/K³ up to logarithms for smooth \
    integrands and as about 1/K² for the unbounded ones of normal draws, in few effective dimensions; never is it above a \
    constant, which depends on D, times that of independent draws. Other K are as unbiased, and less even.
    """

  /// Throws unless the sequence has that many dimensions.
  static func check(
    _ id: String, dimension: Int, limit: Int, alternatives: String
  ) throws(EstimatorError) {
    guard dimension <= limit else {
      throw EstimatorError(
        "'\(id)' has at most \(limit) dimensions, those of GSL's sequence, and a draw takes \(dimension);"
          + " take \(alternatives)")
    }
  }
}
