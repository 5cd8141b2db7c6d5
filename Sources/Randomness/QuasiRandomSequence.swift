internal import CGSL
internal import CKernels
internal import Synchronization

/// A digital sequence in base 2, by the direction numbers that GSL computes.
///
/// Point n is the exclusive or of the direction numbers of the digits of n's Gray code; point 0 is the origin, which GSL's
/// `sobol` leaves out: without it 2^m points are no net, and scrambling them loses its rate for smooth integrands (Owen 2020).
public struct DigitalSequence: Sendable {
  /// GSL's name of it.
  public let name: String
  /// The largest D that GSL has direction numbers for.
  public let maximumDimension: Int
  private let numbers: Numbers

  /// Sobol's, by Bratley and Fox (1988); 40 dimensions.
  public static let sobol = DigitalSequence(WB_SOBOL)
  /// Niederreiter's, by Bratley, Fox and Niederreiter (1992); 12 dimensions.
  public static let niederreiter = DigitalSequence(WB_NIEDERREITER)

  private init(_ sequence: wb_sequence) {
    let type = wb_sequence_type(sequence)
    name = type.map { String(cString: $0.pointee.name) } ?? ""
    maximumDimension = type.map { Int($0.pointee.max_dimension) } ?? 0
    numbers = Numbers(sequence, dimension: maximumDimension)
  }

  /// The direction numbers of the first 2^bits points: `[bits × maximumDimension]`, the highest bit stands for 1/2.
  func directions(bits: Int) -> [UInt64] { numbers.first(bits) }

  /// Reads direction numbers off GSL's points, as many as were asked for so far.
  private final class Numbers: Sendable {
    private let sequence: wb_sequence
    private let dimension: Int
    private let known = Mutex<[UInt64]>([])

    init(_ sequence: wb_sequence, dimension: Int) {
      self.sequence = sequence
      self.dimension = dimension
    }

    func first(_ bits: Int) -> [UInt64] {
      known.withLock { known in
        if known.count < bits * dimension { known = read(bits) }
        return known
      }
    }

    /// From point 2^j − 1 to point 2^j the Gray code changes digit j alone.
    private func read(_ bits: Int) -> [UInt64] {
      guard let type = wb_sequence_type(sequence), let state = gsl_qrng_alloc(type, UInt32(dimension)) else {
        return []
      }
      defer { gsl_qrng_free(state) }
      var directions: [UInt64] = []
      var point = [Double](repeating: 0, count: dimension), last = point
      gsl_qrng_get(state, &point)
      if point.contains(where: { $0 != 0 }) { gsl_qrng_init(state) }
      for n in 1...(1 << (bits - 1)) {
        gsl_qrng_get(state, &point)
        if n & (n - 1) == 0 {
          directions += zip(point, last).map { UInt64($0 * 0x1p52) << 12 ^ UInt64($1 * 0x1p52) << 12 }
        }
        swap(&point, &last)
      }
      return directions
    }
  }
}

/// The Halton sequence: coordinate d of point n is the radical inverse of n in the d-th prime.
public enum HaltonSequence {
  /// The largest D: GSL's.
  public static let maximumDimension = wb_sequence_type(WB_HALTON).map { Int($0.pointee.max_dimension) } ?? 0

  /// The first primes.
  static let bases: [UInt32] = {
    var primes: [UInt32] = [], number: UInt32 = 2
    while primes.count < maximumDimension {
      if primes.prefix(while: { $0 * $0 <= number }).allSatisfy({ number % $0 != 0 }) { primes.append(number) }
      number += 1
    }
    return primes
  }()
}

/// How a set of points becomes random: every point uniform, and the set as even as it was.
public enum PointRandomization: String, CaseIterable, Sendable {
  /// The digits of each coordinate are scrambled; see `RandomStream.fillDigitalNet` and `fillHalton`.
  case scramble
  /// One uniform vector is added to all points, modulo 1 (Cranley and Patterson 1976).
  case shift
}
