internal import Randomness

/// Data that a latent-variable model is fitted to: N vectors of dimension d, with a label each or none.
struct Dataset: Hashable, Sendable {
  /// The name of a shipped data set, or a path.
  let source: String
  /// d
  let dimension: Int
  /// x, `[N × d]`, datum by datum.
  var values: [Double]
  /// `[N]`, or nil.
  var labels: [Int]?
  /// Nil for data that are no images.
  var image: ImageSize?
  /// Names of the d columns; empty where the file names none.
  var columns: [String] = []
  /// Whether a value is the probability of a 1, drawn anew each time that it is used (dynamic binarisation).
  var isDynamic = false
  /// N
  var count: Int { values.count / dimension }

  /// Rows and columns of an image; pixels are stored row by row.
  struct ImageSize: Hashable, Sendable {
    let rows: Int
    let columns: Int
  }
}

extension Dataset {
  /// Where value i of a datum is, for messages: `column 'ash'`, or `pixel (3, 5)` from (1, 1).
  func place(ofColumn i: Int) -> String {
    if i < columns.count { return "column '\(columns[i])'" }
    guard let image else { return "column \(i + 1)" }
    return "pixel (\(i / image.columns + 1), \(i % image.columns + 1))"
  }

  /// Stores the data of the given indices, `[d × B]`, lane (datum) fastest. Allocates nothing.
  ///
  /// - Parameters:
  ///   - indices: B of `0..<count`, any number of times each.
  ///   - random: d B uniforms are drawn from it if the data are dynamic: a value p is stored as 1 with probability p, else
  ///     as 0. Otherwise nothing is drawn.
  func storeObservations(
    _ indices: Span<Int32>, random: inout RandomStream, into observations: inout MutableSpan<Double>
  ) {
    let lanes = indices.count
    precondition(observations.count == dimension * lanes, "storeObservations: buffer of the wrong shape")
    for lane in 0..<lanes {
      precondition(0 <= indices[lane] && Int(indices[lane]) < count, "storeObservations: no such datum")
    }
    if isDynamic { random.fillUniforms(&observations) }
    let isDynamic = isDynamic, d = dimension
    values.withUnsafeBufferPointer { values in
      indices.withUnsafeBufferPointer { indices in
        observations.withUnsafeMutableBufferPointer { out in
          for i in 0..<d {
            let row = i * lanes
            if isDynamic {
              for lane in 0..<lanes { out[row + lane] = out[row + lane] < values[Int(indices[lane]) * d + i] ? 1 : 0 }
            } else {
              for lane in 0..<lanes { out[row + lane] = values[Int(indices[lane]) * d + i] }
            }
          }
        }
      }
    }
  }

  /// Takes the data of the given rows out. What remains keeps its order, and its storage: no second copy is made.
  ///
  /// - Parameter rows: different members of `0..<count`, ascending.
  mutating func remove(_ rows: [Int]) -> Dataset {
    var removed = self
    removed.values = []
    removed.labels = labels.map { labels in rows.map { labels[$0] } }
    removed.values.reserveCapacity(rows.count * dimension)
    for row in rows { removed.values.append(contentsOf: values[row * dimension..<(row + 1) * dimension]) }

    let d = dimension, total = count
    var next = 0, kept = 0
    for row in 0..<total {
      if next < rows.count, rows[next] == row {
        next += 1
        continue
      }
      if kept < row {
        for i in 0..<d { values[kept * d + i] = values[row * d + i] }
        if let label = labels?[row] { labels?[kept] = label }
      }
      kept += 1
    }
    values.removeLast((total - kept) * d)
    labels?.removeLast(total - kept)
    return removed
  }
}
