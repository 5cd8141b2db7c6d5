import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

/// A file that is gone when the test is over.
final class TemporaryFile {
  let path: String

  init(_ contents: Data) throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "workbench-\(UUID().uuidString).csv")
    try contents.write(to: url)
    path = url.path
  }

  convenience init(_ text: String) throws { try self.init(Data(text.utf8)) }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// The fault in a file of this text, its path left out.
func fault(in text: String) throws -> String? {
  let file = try TemporaryFile(text)
  let error = #expect(throws: ComponentError.self) { try NumericTable.load(file.path) }
  #expect(error?.option == "data" && error?.description.hasPrefix(file.path) == true)
  return error.map { String($0.description.dropFirst(file.path.count)) }
}
