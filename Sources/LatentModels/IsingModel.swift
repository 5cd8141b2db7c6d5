internal import CKernels
public import GradientEstimation

/// The Ising model on a grid, a Markov random field p(z) = p̃(z)/Z of bits:
///
///     log p̃(z) = coupling Σ_{i~j} s_i s_j + Σ_i field_i s_i,   s = 2z − 1
///
/// over neighbours i ~ j, along rows and columns. There are no data: the ELBO is a bound on log Z.
///
/// - Options: `rows`, `columns`; `coupling`; `field`, one number for all sites or one for each, row by row; `periodic`, whether
///   the last row and column are neighbours of the first.
/// - Exact: log Z up to 2^16 states, by enumeration, and with it everything under families of bits.
/// - Cost: O(D) an evaluation. Relaxed to z in [0, 1]^D by the same formula.
/// - Reference: Wainwright and Jordan (2008), example 3.1.
public struct IsingModel: LatentModel, RelaxableModel, MultilinearModel {
  public var rows = 3
  public var columns = 3
  public var coupling = 0.3
  public var field: [Double] = [0.1]
  public var isPeriodic = false

  /// Neighbours, each pair once.
  private var edges: [Edge] = []
  /// The neighbours of site i are `neighbors[starts[i]..<starts[i + 1]]`, one for each pair that it is of.
  private var neighbors: [Int] = []
  private var starts: [Int] = []
  private var fields: [Double] = []
  public private(set) var logEvidence: Double?

  private struct Edge: Hashable { let a, b: Int }

  public init() {}

  public var dimension: Int { fields.count }
  public var support: Support { .binary }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let lanes = draws.shape.lanes
    evaluation.store(.prior, needed, at: draws) { store(at: $0, $1, $2, lanes: lanes) }
    evaluation.store(.likelihood, needed, at: draws) { _, values, gradient in
      values?.update(repeating: 0, count: lanes)
      gradient?.update(repeating: 0, count: dimension * lanes)
    }
  }

  /// log p̃, `[B]`, and its gradient in z, `[D × B]`, at z of a draw.
  private func store(
    at z: UnsafePointer<Double>, _ values: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?,
    lanes: Int
  ) {
    values?.update(repeating: 0, count: lanes)
    for (i, field) in fields.enumerated() {
      for lane in 0..<lanes {
        if let values { values[lane] += field * (2 * z[i * lanes + lane] - 1) }
        if let gradient { gradient[i * lanes + lane] = 2 * field }
      }
    }
    for edge in edges {
      let (i, j) = (edge.a, edge.b)
      for lane in 0..<lanes {
        let (a, b) = (2 * z[i * lanes + lane] - 1, 2 * z[j * lanes + lane] - 1)
        if let values { values[lane] += coupling * (a * b) }
        if let gradient {
          gradient[i * lanes + lane] += 2 * coupling * b
          gradient[j * lanes + lane] += 2 * coupling * a
        }
      }
    }
  }

  public func logJoint(at z: [Double]) -> Double {
    var value = 0.0
    z.withUnsafeBufferPointer { z in
      withUnsafeMutablePointer(to: &value) { value in
        if let z = z.baseAddress { store(at: z, value, nil, lanes: 1) }
      }
    }
    return value
  }

  public func slope(_ d: Int, at z: [Double]) -> Double {
    neighbors[starts[d]..<starts[d + 1]].reduce(2 * fields[d]) { $0 + 2 * coupling * (2 * z[$1] - 1) }
  }

  private mutating func listNeighbors() {
    var places = [Int](repeating: 0, count: fields.count + 1)
    for edge in edges { for site in [edge.a, edge.b] { places[site + 1] += 1 } }
    for site in fields.indices { places[site + 1] += places[site] }
    (starts, neighbors) = (places, Array(repeating: 0, count: 2 * edges.count))
    for edge in edges {
      for (site, other) in [(edge.a, edge.b), (edge.b, edge.a)] {
        neighbors[places[site]] = other
        places[site] += 1
      }
    }
  }

  /// Each pair of neighbours once; two sites that are neighbours on both sides are two pairs.
  private func neighbours() -> [Edge] {
    (0..<rows).flatMap { row in
      (0..<columns).flatMap { column -> [Edge] in
        let site = row * columns + column
        var pairs: [Edge] = []
        if column + 1 < columns || isPeriodic && columns > 1 {
          pairs.append(Edge(a: site, b: row * columns + (column + 1) % columns))
        }
        if row + 1 < rows || isPeriodic && rows > 1 {
          pairs.append(Edge(a: site, b: (row + 1) % rows * columns + column))
        }
        return pairs
      }
    }
  }

  /// log Σ_z p̃(z), or nil beyond the limit: one block of states after the other.
  private func logPartition() -> Double? {
    guard let states = Enumeration.stateCount(base: 2, exponent: dimension) else { return nil }
    let d = dimension, lanes = min(states, 256)
    var z = [Double](repeating: 0, count: d * lanes), values = [Double](repeating: 0, count: lanes)
    var greatest = -Double.infinity, sum = CompensatedSum()
    for pass in 0..<2 {
      for first in stride(from: 0, to: states, by: lanes) {
        for lane in 0..<lanes { for i in 0..<d { z[i * lanes + lane] = Double((first + lane) >> i & 1) } }
        values.withUnsafeMutableBufferPointer { store(at: z, $0.baseAddress, nil, lanes: lanes) }
        for value in values {
          if pass == 0 { greatest = max(greatest, value) } else { sum.add(wb_exp(value - greatest)) }
        }
      }
    }
    return greatest + wb_log(sum.total)
  }
}

extension IsingModel: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "ising", summary: "the Ising model on a grid of bits, whose ELBO bounds log Z",
    equation: "log p̃(z) = coupling Σ_{i~j} s_i s_j + Σ_i field_i s_i,  s = 2z − 1",
    notes: [
      Note("Exact", "up to 16 sites: log Z, ELBO and gradient under families of bits, by enumeration."),
      Note("Support", "z of 0 and 1; relaxed to [0, 1] by the same formula."),
      Note("Data", "none: log_evidence is log Z."),
    ],
    references: [Reference("wainwright2008", "example 3.1")],
    options: [
      .integer("rows", \.rows, in: 1...1000, "rows of the grid"),
      .integer("columns", \.columns, in: 1...1000, "columns of the grid"),
      .real("coupling", \.coupling, in: RealBounds(lower: -100, upper: 100), "of neighbours; above 0 they agree"),
      .reals(
        "field", \.field, in: RealBounds(lower: -100, upper: 100), "at all sites, or one number for each, row by row"),
      .flag("periodic", \.isPeriodic, "whether the last row and column are neighbours of the first"),
    ],
    examples: [
      Example(options: ["rows": "2", "columns": "2", "coupling": "0.4", "field": "0.2x-0.3x0.1x0.4"])
    ])

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let sites = rows * columns
    guard field.count == 1 || field.count == sites else {
      throw ComponentError(option: "field", "holds \(field.count) numbers for \(sites) sites; give one or \(sites)")
    }
    var model = self
    model.fields = field.count == 1 ? Array(repeating: field[0], count: sites) : field
    model.edges = neighbours()
    model.listNeighbors()
    model.logEvidence = model.logPartition()
    return model
  }
}
