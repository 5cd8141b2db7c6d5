import Foundation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

/// A family with its density and its transform stated a second time, plainly, and a λ: what every family is held to.
struct FamilyCase: Sendable, CustomTestStringConvertible {
  let name: String
  let family: any ReparameterizableFamily
  /// λ in lane 0; other lanes have it moved by up to `spread` where they have their own.
  let lambda: [Double]
  var spread = 0.2
  /// log q_λ(z)
  let logDensity: @Sendable (_ z: [Double], _ lambda: [Double]) -> Double
  /// z = g(ε, λ); nil for a family whose draws move by their distribution alone.
  let transform: (@Sendable (_ noise: [Double], _ lambda: [Double]) -> [Double])?
  /// Steps of numerical differentiation, relative to its standard ones, and the error that they leave.
  var step = 0.5
  var tolerance = 1e-8

  var testDescription: String { name }
  var dimension: Int { family.dimension }
  var p: Int { lambda.count }

  static let samples = 2, lanes = 11

  /// The sizes of a block of this family.
  func shape(samples: Int = samples, lanes: Int = lanes) -> Shape {
    Shape(
      samples: samples, dimension: dimension, noiseDimension: family.noiseDimension, parameters: p, lanes: lanes)
  }

  /// Arbitrary numbers, other ones for every index.
  func numbers(_ index: UInt, _ count: Int) throws -> [Double] {
    var stream = try RandomStream(try #require(Generator.named("mt19937")), index: 100 + index)
    var numbers = [Double](repeating: 0, count: count)
    var span = numbers.mutableSpan
    stream.fillNormals(&span)
    return numbers
  }

  /// `[P]`, or `[P × B]` with lanes that differ.
  func parameters(perLane: Bool) throws -> [Double] {
    guard perLane else { return lambda }
    let moves = try numbers(0, p * Self.lanes)
    return moves.indices.map { i in
      lambda[i / Self.lanes] + (i % Self.lanes == 0 ? 0 : spread * tanh(moves[i]))
    }
  }

  func lambda(_ parameters: [Double], _ lane: Int) -> [Double] {
    parameters.count == p ? parameters : (0..<p).map { parameters[$0 * Self.lanes + lane] }
  }

  func sample(
    _ shape: Shape, _ parameters: [Double], scheme: any SamplingScheme = IndependentSampling(), seed: UInt = 99
  ) throws -> DrawBlock {
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: seed)
    var block = DrawBlock(shape: shape, parameters: parameters)
    family.sample(&block.draws, scheme: scheme, random: &random)
    return block
  }

  /// Row k of one lane of `[K × size × B]`.
  func row(_ array: [Double], _ k: Int, _ lane: Int, size: Int, lanes: Int = lanes) -> [Double] {
    (0..<size).map { array[(k * size + $0) * lanes + lane] }
  }

  func derivative(at x: [Double], _ f: ([Double]) -> Double) -> [Double] {
    // In units of the step, so that f is differentiated on a scale of its own.
    gradient(at: x.map { $0 / step }) { f($0.map { $0 * step }) }.map { $0 / step }
  }

  /// Holds what `add` adds to gradients that are not zero to `expected`, of each lane.
  func check(
    perLane: Bool, _ add: (_ block: borrowing DrawBlock, _ gradients: inout MutableSpan<Double>) throws -> Void,
    expected: (_ block: borrowing DrawBlock, _ lane: Int, _ lambda: [Double]) throws -> [Double],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let parameters = try parameters(perLane: perLane), lanes = Self.lanes
    let block = try sample(shape(), parameters), start = try numbers(9, p * lanes)
    var gradients = start, wanted = start
    var span = gradients.mutableSpan
    try add(block, &span)
    for lane in 0..<lanes {
      for (i, value) in try expected(block, lane, lambda(parameters, lane)).enumerated() {
        wanted[i * lanes + lane] += value
      }
    }
    let error = largestError(gradients, wanted)
    #expect(error < tolerance, "\(name)", sourceLocation: sourceLocation)
  }
}
