import Foundation
internal import Randomness

/// Where trainings keep how far they are, so that one that was killed goes on: `DIR.checkpoints/`, a file each.
///
/// A checkpoint is of one spec and one build, and holds all that the next epoch needs: what goes on from it writes the bytes
/// that an uninterrupted training would have written.
package struct CheckpointStore: Sendable {
  private let directory: String
  /// What a checkpoint must be of.
  private let identity: String

  private struct File: Codable {
    var identity: String
    var contents: Data
  }

  /// - Parameters:
  ///   - path: of the results.
  ///   - identity: the spec, the build, the data.
  package init(beside path: String, identity: String) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    directory = path + ".checkpoints"
    self.identity = SHA256.hexDigest(identity.utf8)
  }

  private func path(_ job: String) -> String { "\(directory)/\(SHA256.hexDigest(job.utf8).prefix(16)).checkpoint" }

  /// The checkpoint of `job`; nil if there is none, or it is of something else.
  package func load<T: Decodable>(_ job: String, as type: T.Type) -> T? {
    guard let data = FileManager.default.contents(atPath: path(job)),
      let file = try? PropertyListDecoder().decode(File.self, from: data), file.identity == identity
    else { return nil }
    return try? PropertyListDecoder().decode(type, from: file.contents)
  }

  /// Keeps a checkpoint in place of an earlier one, whole or not at all.
  ///
  /// - Throws: `StagingError` if it cannot be written.
  package func save<T: Encodable>(_ checkpoint: T, of job: String) throws(StagingError) {
    do {
      let encoder = PropertyListEncoder()
      encoder.outputFormat = .binary
      let file = File(identity: identity, contents: try encoder.encode(checkpoint))
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try encoder.encode(file).write(to: URL(fileURLWithPath: path(job)), options: .atomic)
    } catch {
      throw StagingError(path: directory, reason: "cannot keep a checkpoint: \(error.localizedDescription)")
    }
  }

  /// Removes all checkpoints: the training is over.
  package func clear() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    for name in names where name.hasSuffix(".checkpoint") {
      try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
    }
    // Only if it is empty now.
    rmdir(directory)
  }
}
