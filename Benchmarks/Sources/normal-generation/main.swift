import Foundation
import Randomness

// Measures generators of normals: what a number costs, and how many of very many fall in the tails.
//
//     swift run -c release --package-path Benchmarks normal-generation speed [GENERATOR...]
//     swift run -c release --package-path Benchmarks normal-generation tails [COUNT]

struct Usage: Error, CustomStringConvertible {
  let description: String
}

/// Nanoseconds of processor time that `body` takes.
func nanoseconds(_ body: () throws -> Void) rethrows -> Double {
  func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }
  let start = now()
  try body()
  return now() - start
}

/// A stream that may be kept in an array.
final class Source {
  let generator: Generator
  private var stream: RandomStream

  init(_ name: String, index: UInt = 1) throws {
    guard let generator = Generator.named(name) else { throw Usage(description: "unknown generator \(name)") }
    self.generator = generator
    stream = try RandomStream(generator, index: index)
  }

  func normals(_ numbers: inout [Double]) {
    var span = numbers.mutableSpan
    stream.fillNormals(&span)
  }

  func uniforms(_ numbers: inout [Double]) {
    var span = numbers.mutableSpan
    stream.fillUniforms(&span)
  }
}

/// Medians of 31 rounds in which the generators take turns.
func speed(_ names: [String]) throws {
  let sources = try names.map { try Source($0) }
  var numbers = [Double](repeating: 0, count: 8192)
  let repetitions = 50, streams = 200
  var costs = [[[Double]]](repeating: [[], [], []], count: sources.count)
  for _ in 0..<31 {
    for (place, source) in sources.enumerated() {
      let each = Double(repetitions * numbers.count)
      costs[place][0].append(nanoseconds { for _ in 0..<repetitions { source.normals(&numbers) } } / each)
      costs[place][1].append(nanoseconds { for _ in 0..<repetitions { source.uniforms(&numbers) } } / each)
      let spacing = source.generator.streamCount / UInt(streams)
      let making = try nanoseconds {
        for i in 0..<UInt(streams) { _ = try RandomStream(source.generator, index: i * spacing + i) }
      }
      costs[place][2].append(making / Double(streams) / 1000)
    }
  }
  print("generator,normals_by,ns_a_normal,ns_a_uniform,us_a_stream")
  for (place, source) in sources.enumerated() {
    let medians = costs[place].map { String(format: "%.3f", $0.sorted()[$0.count / 2]) }
    print(([source.generator.name, source.generator.normalMethod.rawValue] + medians).joined(separator: ","))
  }
}

/// The chance of a count so far from its expectation, on either side: Poisson, or normal where it is large.
func chance(of count: Int, expected: Double) -> Double {
  if expected > 1e5 { return erfc(abs(Double(count) - expected) / (2 * expected).squareRoot()) }
  func term(_ k: Int) -> Double { exp(Double(k) * log(expected) - expected - lgamma(Double(k) + 1)) }
  let below = (0..<count).reduce(0) { $0 + term($1) }
  return min(1, 2 * min(below + term(count), 1 - below))
}

/// How many of `count` normals of `xoshiro256x8` lie beyond each bound, a chunk of 10⁹ a stream, as a run of many chunks.
func tails(_ count: Int) throws {
  let bounds = [3, 4, 4.5, 5, 5.5, 6, 6.5]
  var above = [Int](repeating: 0, count: bounds.count), below = above, total = 0, index: UInt = 0
  var largest = 0.0
  var numbers = [Double](repeating: 0, count: 8192)
  while total < count {
    let source = try Source("xoshiro256x8", index: index)
    index += 1
    let end = min(count, total + 1_000_000_000)
    while total < end {
      source.normals(&numbers)
      for x in numbers where abs(x) > 3 {
        for place in bounds.indices where abs(x) > bounds[place] {
          if x > 0 { above[place] += 1 } else { below[place] += 1 }
        }
        largest = max(largest, abs(x))
      }
      total += numbers.count
    }
  }
  print("# xoshiro256x8, \(total) normals of streams 0 to \(index - 1); the largest is \(largest)")
  print("bound,above,below,expected,p_above,p_below")
  for (place, bound) in bounds.enumerated() {
    let expected = Double(total) * erfc(bound / 2.0.squareRoot()) / 2
    let p = [above[place], below[place]].map { String(format: "%.3f", chance(of: $0, expected: expected)) }
    print("\(bound),\(above[place]),\(below[place]),\(String(format: "%.2f", expected)),\(p[0]),\(p[1])")
  }
}

let arguments = Array(CommandLine.arguments.dropFirst())
switch arguments.first {
case "speed":
  try speed(arguments.count > 1 ? Array(arguments[1...]) : ["mt19937", "taus2", "xoshiro256x8"])
case "tails":
  try tails(arguments.count > 1 ? Int(arguments[1]) ?? 0 : 10_000_000_000)
default:
  throw Usage(description: "usage: normal-generation speed [GENERATOR...] | tails [COUNT]")
}
