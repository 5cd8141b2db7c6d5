import CGSL
import CKernels
import Foundation
import Testing

/// What must hold of point sets whatever the random numbers: a generator that always gives its smallest or its largest
/// integer shows the ends. The laws are tested in `PointSetTests` of Randomness.
@Suite struct PointSetsTests {
  /// Calls `body` with generators that are stuck.
  static func withStuckGenerators(_ body: (UnsafePointer<gsl_rng>, String) -> Void) {
    let ends:
      [(
        String, UInt, @convention(c) (UnsafeMutableRawPointer?) -> UInt,
        @convention(c) (UnsafeMutableRawPointer?) -> Double
      )] = [
        ("all 64 bits 0", UInt.max, { _ in 0 }, { _ in 0 }),
        ("all 64 bits 1", UInt.max, { _ in UInt.max }, { _ in 1 - 0x1p-53 }),
        ("all 32 bits 0", 0xffff_ffff, { _ in 0 }, { _ in 0 }),
        ("all 32 bits 1", 0xffff_ffff, { _ in 0xffff_ffff }, { _ in 1 - 0x1p-32 }),
        ("a uniform of 0", 0xff_ffff, { _ in 0 }, { _ in 0 }),
        ("a uniform of 1, as zuf's can be", 0xff_ffff, { _ in 0xff_ffff }, { _ in 1 }),
      ]
    for (name, largest, get, getDouble) in ends {
      name.withCString { text in
        var type = gsl_rng_type(
          name: text, max: largest, min: 0, size: 0, set: { _, _ in }, get: get, get_double: getDouble)
        withUnsafePointer(to: &type) {
          var rng = gsl_rng(type: $0, state: nil)
          body(&rng, name)
        }
      }
    }
  }

  @Test func nothingIsZeroOrOne() {
    let bases: [UInt32] = [2, 9973], directions = (0..<20).map { UInt64(1) << (63 - $0) }
    Self.withStuckGenerators { rng, name in
      for (samples, lanes) in [(1, 1), (2, 3), (1000, 40), (100_000, 1)] {
        var points = [Double](repeating: .nan, count: samples * lanes)
        func check(_ what: String) {
          #expect(points.allSatisfy { $0 > 0 && $0 < 1 }, "\(what), K = \(samples), \(name)")
          points = points.map { _ in .nan }
        }
        wb_fill_open_uniform(rng, &points, points.count)
        check("uniforms")
        wb_fill_latin_hypercube(rng, &points, samples, 1, lanes)
        check("latin hypercube")
        for scramble: Int32 in [0, 1] {
          wb_fill_digital_net(rng, directions, 1, scramble, &points, samples, 1, lanes)
          check("net, scramble \(scramble)")
          for base in bases {
            wb_fill_halton(rng, [base], scramble, &points, samples, 1, lanes)
            check("base \(base), scramble \(scramble)")
          }
        }
      }
    }
  }
}
