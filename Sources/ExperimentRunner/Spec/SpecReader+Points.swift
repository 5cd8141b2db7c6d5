internal import GradientEstimation

extension SpecReader {
  /// The points, one for each step where a file's are named.
  package mutating func points(_ node: JSONNode?) -> [(point: Point, path: String, line: Int)] {
    guard let node else { return [(.initial, "at", 0)] }
    checkNotEmpty(node, "at", "point")
    let found = items(node).enumerated().compactMap { index, item -> (point: Point, path: String, line: Int)? in
      let path = itemPath(node, "at", index)
      return point(item, path).map { ($0, path, item.line) }
    }.flatMap { point, path, line in point.each.map { ($0, path, line) } }
    return unique(found.map { ($0, $0.point.text, $0.path, $0.line) })
  }

  private mutating func point(_ node: JSONNode, _ path: String) -> Point? {
    switch node.value {
    case .string("initial"): return .initial
    case .string("optimum"): return .optimum
    case .string(let text) where assignments(Substring(text)).contains { $0.key == "file" }:
      return savedPoint(assignments(Substring(text)).map { ($0.key, node.with(.string($0.value))) }, node, path)
    case .string(let text) where text.contains("="):
      var blocks: [Point.Block] = []
      for (name, value) in assignments(Substring(text)) {
        let numbers = value.split(separator: "x", omittingEmptySubsequences: false).map { Double($0) }
        guard !numbers.isEmpty, numbers.allSatisfy({ $0?.isFinite ?? false }) else {
          fault(path, node, "'\(name)=\(value)': expects a number or a list like 1x2x3")
          return nil
        }
        blocks.append(Point.Block(name: name, values: numbers.compactMap(\.self)))
      }
      return .values(blocks)
    case .string(let name): return .named(name)
    case .object(let members):
      guard let found = self.members(of: node, path: path, allowed: nil, what: "block") else { return nil }
      guard !found.isEmpty else {
        fault(path, node, "is empty: give a block of the family, such as \"mean\", its value")
        return nil
      }
      if found["file"] != nil { return savedPoint(members.map { ($0.key, $0.node) }, node, path) }
      var blocks: [Point.Block] = []
      for member in members {
        switch OptionReader.read(member.node, as: .reals(.any), isText: false) {
        case .success(.reals(let values)): blocks.append(Point.Block(name: member.key, values: values))
        case .failure(let message):
          fault("\(path).\(member.key)", member.node, message.text)
          return nil
        default: return nil
        }
      }
      return .values(blocks)
    default:
      fault(path, node, "expects initial, optimum, a name or blocks of values, found \(node.kind)")
      return nil
    }
  }

  /// A point of a file, from its members.
  private mutating func savedPoint(_ members: [(key: String, node: JSONNode)], _ node: JSONNode, _ path: String)
    -> Point?
  {
    var file = ""
    var selection: [String: String] = [:]
    var steps: [Int] = []
    let known = ["file"] + SavedPoint.selectors + ["step"]
    for (key, value) in members {
      let memberPath = isText ? path : "\(path).\(key)"
      switch key {
      case "file":
        guard let path = string(value, memberPath) else { return nil }
        file = path
      case "step":
        let texts: [JSONNode] =
          if case .string(let list) = value.value {
            list.split(separator: "x", omittingEmptySubsequences: false).map { value.with(.number(String($0))) }
          } else { items(value) }
        steps = texts.compactMap { item in
          if case .number(let text) = item.value, let step = OptionReader.integer(text), step >= 0 { return step }
          fault(memberPath, value, "step expects a whole number of at least 0, or several of them")
          return nil
        }
        if steps.count != texts.count || steps.isEmpty { return nil }
      case _ where SavedPoint.selectors.contains(key):
        switch value.value {
        case .string(let text): selection[key] = text
        case .number(let text): selection[key] = OptionReader.integer(text).map(String.init) ?? text
        default:
          fault(memberPath, value, "expects a text, found \(value.kind)")
          return nil
        }
      default:
        let hint =
          nearestName(to: key, among: known).map { "; did you mean '\($0)'?" }
          ?? "; known: \(known.joined(separator: ", "))"
        fault(memberPath, value, "unknown key '\(key)' of a point in a file\(hint)")
        return nil
      }
    }
    guard !file.isEmpty else {
      fault(path, node, "names no file")
      return nil
    }
    return .saved(SavedPoint(path: file, selection: selection, steps: steps))
  }
}
