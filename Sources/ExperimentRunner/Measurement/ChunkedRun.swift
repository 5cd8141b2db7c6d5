internal import Synchronization

/// Chunks of replicates on several tasks, what they give merged in the order of the chunks.
enum ChunkedRun {
  /// - Parameters:
  ///   - makeTask: what measures one chunk of so many replicates, made anew for each task.
  ///   - check: called before each chunk; an error it throws ends the run.
  static func reduce<Part: Sendable>(
    _ replicates: Int, threads: Int, from start: Part,
    makeTask: @escaping @Sendable () throws -> (_ chunk: Int, _ size: Int) throws -> Part,
    merge: @escaping @Sendable (inout Part, Part) -> Void, check: @escaping @Sendable () throws -> Void
  ) async throws -> Part {
    let size = CellMeasurement.chunkSize, chunks = (replicates + size - 1) / size
    let state = State(start)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<min(threads, chunks) {
        group.addTask {
          let measure = try makeTask()
          while let chunk = state.next(of: chunks) {
            try Task.checkCancellation()
            try check()
            state.finish(chunk, try measure(chunk, min(size, replicates - chunk * size)), merge)
          }
        }
      }
      try await group.waitForAll()
    }
    return state.total
  }

  private final class State<Part: Sendable>: Sendable {
    private struct Contents {
      var next = 0, merged = 0
      var waiting: [Int: Part] = [:]
      var total: Part
    }
    private let contents: Mutex<Contents>

    init(_ start: Part) { contents = Mutex(Contents(total: start)) }

    func next(of count: Int) -> Int? {
      contents.withLock {
        guard $0.next < count else { return nil }
        $0.next += 1
        return $0.next - 1
      }
    }

    func finish(_ chunk: Int, _ part: Part, _ merge: (inout Part, Part) -> Void) {
      contents.withLock {
        $0.waiting[chunk] = part
        while let ready = $0.waiting.removeValue(forKey: $0.merged) {
          merge(&$0.total, ready)
          $0.merged += 1
        }
      }
    }

    var total: Part { contents.withLock { $0.total } }
  }
}
