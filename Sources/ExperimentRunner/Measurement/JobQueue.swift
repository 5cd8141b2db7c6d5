internal import Synchronization

/// Hands out jobs in order and takes what came of them, whichever ends first.
final class JobQueue<Job: Sendable, Result: Sendable>: Sendable {
  let jobs: [Job]
  private let contents = Mutex<(next: Int, finished: [Result])>((0, []))

  init(_ jobs: [Job]) { self.jobs = jobs }

  func next() -> Job? {
    contents.withLock {
      guard $0.next < jobs.count else { return nil }
      $0.next += 1
      return jobs[$0.next - 1]
    }
  }

  func finish(_ result: Result) { contents.withLock { $0.finished.append(result) } }
  var finished: [Result] { contents.withLock { $0.finished } }
}
