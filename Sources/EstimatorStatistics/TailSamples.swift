internal import CGSL
internal import CKernels

/// The largest values of several streams, as many of each as are asked for.
///
/// What is kept depends on the values alone, not on the order or the parts that they came in.
public struct TailSamples: Sendable {
  /// How many of each stream are kept for certain.
  public let capacity: Int
  private struct Stream {
    /// No value up to this can be among the `capacity` largest.
    var threshold = -Double.infinity
    var used = 0
  }
  private var streams: [Stream]
  /// `[streams × room]`; the first `used` of a row hold what is kept: the `capacity` largest, and perhaps others.
  private var values: [Double] = []
  private var room = 0

  public init(count: Int, capacity: Int) {
    self.capacity = capacity
    streams = Array(repeating: Stream(), count: count)
  }

  public var count: Int { streams.count }
  /// No value up to this can be among the `capacity` largest of a stream; one for each.
  public var thresholds: [Double] { streams.map(\.threshold) }

  /// Takes no value up to these, of which it is known that `capacity` others of the stream are larger.
  public mutating func start(above thresholds: [Double]) {
    for (i, threshold) in zip(streams.indices, thresholds) { streams[i].threshold = threshold }
  }

  /// The largest of `count` values that may be added to a stream, and how many there are to keep.
  func survey(_ row: UnsafePointer<Double>, count: Int, of stream: Int) -> (largest: Double, above: Int) {
    var largest = 0.0
    let above = wb_count_above(row, streams[stream].threshold, &largest, count)
    return (largest, above)
  }

  /// Adds `count` values to a stream, of which `above` are to keep.
  mutating func add(_ row: UnsafePointer<Double>, count: Int, above: Int, to stream: Int) {
    guard above > 0 else { return }
    let (used, threshold) = (streams[stream].used, streams[stream].threshold)
    reserve(used + above)
    let (place, free) = (stream * room + used, room - used)
    streams[stream].used += values.withUnsafeMutableBufferPointer { kept -> Int in
      guard let base = kept.baseAddress else { return 0 }
      return wb_collect_above(row, threshold, base + place, free, count)
    }
    if streams[stream].used >= 2 * capacity { select(stream) }
  }

  /// Adds values to a stream.
  public mutating func add(_ row: [Double], to stream: Int) {
    row.withUnsafeBufferPointer {
      guard let base = $0.baseAddress else { return }
      add(base, count: row.count, above: survey(base, count: row.count, of: stream).above, to: stream)
    }
  }

  public mutating func merge(_ other: TailSamples) {
    other.values.withUnsafeBufferPointer {
      guard let base = $0.baseAddress else { return }
      for (i, stream) in other.streams.enumerated() {
        let row = base + i * other.room
        add(row, count: stream.used, above: survey(row, count: stream.used, of: i).above, to: i)
      }
    }
  }

  /// The `count` largest of a stream, descending; fewer if there were fewer. `count` is at most `capacity`.
  public func largest(_ count: Int, of stream: Int) -> [Double] {
    precondition(count <= capacity, "TailSamples: more than the capacity")
    let start = stream * room
    var ascending = Array(values[start..<start + streams[stream].used])
    gsl_sort(&ascending, 1, ascending.count)
    return ascending.suffix(count).reversed()
  }

  /// Room for `count` values of each stream, at least doubled where there is too little.
  private mutating func reserve(_ count: Int) {
    guard count > room else { return }
    let larger = max(count, 2 * room, 64)
    var moved = [Double](repeating: 0, count: larger * streams.count)
    for (i, stream) in streams.enumerated() {
      for j in 0..<stream.used { moved[i * larger + j] = values[i * room + j] }
    }
    (values, room) = (moved, larger)
  }

  /// Keeps the `capacity` largest of a stream, and raises its threshold to the least of them.
  private mutating func select(_ stream: Int) {
    let (start, count, kept) = (stream * room, streams[stream].used, capacity)
    let least = values.withUnsafeMutableBufferPointer { all -> Double in
      let row = UnsafeMutableBufferPointer(rebasing: all[start..<start + count])
      Self.partition(row, count: count, largest: kept)
      return row[..<kept].min() ?? -.infinity
    }
    streams[stream].used = kept
    streams[stream].threshold = max(streams[stream].threshold, least)
  }

  /// Moves the `largest` largest of the first `count` values to the front (Hoare 1961, algorithm 65).
  private static func partition(_ x: UnsafeMutableBufferPointer<Double>, count: Int, largest: Int) {
    var low = 0, high = count - 1
    while low < high {
      let a = x[low], b = x[(low + high) / 2], c = x[high]
      let pivot = max(min(a, b), min(max(a, b), c))
      var i = low, j = high
      while i <= j {
        while x[i] > pivot { i += 1 }
        while x[j] < pivot { j -= 1 }
        if i <= j {
          x.swapAt(i, j)
          i += 1
          j -= 1
        }
      }
      // Front ... j ≥ pivot ≥ i ... back.
      if largest - 1 <= j {
        high = j
      } else if largest - 1 >= i {
        low = i
      } else {
        return
      }
    }
  }
}
