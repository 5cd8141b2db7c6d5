internal import Foundation
internal import GradientEstimation
internal import Optimization
internal import Randomness

/// Where the exact ELBO is greatest, as far as a search found.
package struct Optimum: Hashable, Sendable {
  package let parameters: [Double]
  package let value: Double
  /// What remains of |∇ ELBO| there.
  package let gradientNorm: Double

  /// The maximum that BFGS finds from the family's start; nil if the exact ELBO is not known or none was found.
  init?(of problem: Problem) {
    let found = DeterministicMaximizer.maximize(from: problem.family.initialParameters) { parameters in
      problem.exact(at: parameters).map { ($0.value, $0.gradient) }
    }
    guard let found else { return nil }
    (parameters, value, gradientNorm) = (found.parameters, found.value, found.gradientNorm)
  }

  /// For a heading.
  var text: String { "ELBO \(significant(value, digits: 8)), |∇| \(significant(gradientNorm, digits: 1))" }
  var json: JSONOutput { ["value": .number(value), "gradient_norm": .number(gradientNorm)] }
}

/// λ of a point, `[P]`.
struct ResolvedPoint {
  let parameters: [Double]
  /// The point's canonical text.
  let text: String
  /// How good an optimum λ is, where it was found as one.
  var optimum: Optimum?
  /// What a reader should know of where it comes from.
  var note: String?
}

/// Finds the λ of points. Optima are searched once and files read once.
struct PointResolver {
  /// By model, family and objective: no sampling scheme changes an optimum.
  private var optima: [String: Optimum?] = [:]
  private var files: [String: SavedParameters] = [:]
  /// Digests of the files that models were made from.
  private var data: [String: String] = [:]

  /// The files that were read, by points and by models, with the SHA-256 of what they held; in order of their paths.
  var inputs: [(path: String, digest: String)] {
    data.merging(files.mapValues(\.digest)) { mine, _ in mine }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Takes down what a model was made from.
  ///
  /// - Throws: `ComponentError` where a file is no longer there.
  mutating func add(filesOf model: any IntegrandSpecification) throws(ComponentError) {
    for path in model.inputFiles where data[path] == nil {
      guard let bytes = try? Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe) else {
        throw ComponentError("\(path): it can no longer be read")
      }
      data[path] = bytes.withUnsafeBytes { SHA256.hexDigest($0) }
    }
  }

  /// - Throws: `PointError` if there is no such point.
  mutating func resolve(
    _ point: Point, of problem: Problem, _ model: String, _ family: String, _ objective: String
  ) throws(PointError) -> ResolvedPoint {
    switch point {
    case .initial: return ResolvedPoint(parameters: problem.family.initialParameters, text: point.text)
    case .optimum:
      let found = try optimum(of: problem, model, key: "\(model) \(family) \(objective)")
      return ResolvedPoint(parameters: found.parameters, text: point.text, optimum: found)
    case .named(let name):
      return ResolvedPoint(parameters: try named(name, problem, model), text: point.text)
    case .values(let blocks):
      return ResolvedPoint(
        parameters: try parameters(blocks, of: problem.family), text: Self.canonical(blocks, problem.family).text)
    case .saved(let wanted):
      let file: SavedParameters
      if let known = files[wanted.path] { file = known } else { file = try read(wanted.path) }
      let (blocks, found, origin) = try file.resolve(wanted)
      try check(blocks, of: wanted.path, fit: problem.family.parameterBlocks)
      return ResolvedPoint(
        parameters: try parameters(blocks, of: problem.family), text: found.text,
        note: origin == model ? nil : "\(wanted.path) was saved for model '\(origin)', and is used for '\(model)'")
    }
  }

  /// φ and the model at θ, of a model of data with a latent variable each: where the first run of a training starts, or what
  /// one has saved.
  ///
  /// - Parameter isModelAlone: whether θ is all that is asked of a file: of algorithms that have no q.
  /// - Throws: `PointError` if there is no such point.
  mutating func resolve(
    _ point: Point, _ model: any LocalLatentModel, _ network: any InferenceNetwork, _ name: String,
    start: (parameters: [Double], model: any LocalLatentModel), isModelAlone: Bool = false
  ) throws(PointError) -> (point: ResolvedPoint, model: any LocalLatentModel) {
    switch point {
    case .initial: return (ResolvedPoint(parameters: start.parameters, text: point.text), start.model)
    case .saved(let wanted):
      let file: SavedParameters
      if let known = files[wanted.path] { file = known } else { file = try read(wanted.path) }
      let (blocks, found, origin) = try file.resolve(wanted)
      func values(_ targets: [ParameterBlock]) throws(PointError) -> [Double] {
        try check(blocks, of: wanted.path, fit: targets)
        return targets.flatMap { target in blocks.first { $0.name == target.name }?.values ?? [] }
      }
      let note = origin == name ? nil : "\(wanted.path) was saved for model '\(origin)', and is used for '\(name)'"
      return (
        ResolvedPoint(
          parameters: isModelAlone ? start.parameters : try values(network.parameterBlocks), text: found.text,
          note: note),
        moved(start.model, try values(model.modelParameterBlocks))
      )
    default:
      throw PointError(
        "'\(point.text)' is no point of '\(name)'; it has initial, and file=… for what a training has saved")
    }
  }

  private func moved<M: LocalLatentModel>(_ model: M, _ parameters: [Double]) -> any LocalLatentModel {
    model.with(modelParameters: parameters)
  }

  /// The optimum, where it is known and not too many parameters make the search slow.
  mutating func greatest(of problem: Problem, _ model: String, _ family: String, _ objective: String) -> Optimum? {
    guard problem.family.parameterCount <= 1000 else { return nil }
    return try? optimum(of: problem, model, key: "\(model) \(family) \(objective)")
  }

  /// The block of a family that has the name of `block`.
  static func target(_ block: Point.Block, of family: any VariationalFamily) throws(PointError) -> ParameterBlock {
    if let target = family.parameterBlocks.first(where: { $0.name == block.name }) { return target }
    let names = family.parameterBlocks.map(\.name)
    let hint = nearestName(to: block.name, among: names).map { "; did you mean '\($0)'?" } ?? ""
    throw PointError("unknown block '\(block.name)'; the family has \(names.joined(separator: ", "))\(hint)")
  }

  /// The optimum of the exact ELBO.
  private mutating func optimum(of problem: Problem, _ model: String, key: String) throws(PointError) -> Optimum {
    guard problem.terms.contains(.entropy), problem.exact(at: problem.family.initialParameters) != nil else {
      throw PointError("the optimum is found where the exact ELBO is known, which it is not for '\(model)'")
    }
    let found = optima[key] ?? Optimum(of: problem)
    optima[key] = .some(found)
    guard let found else { throw PointError("no optimum of the ELBO was found from the initial point") }
    return found
  }

  private func named(_ name: String, _ problem: Problem, _ model: String) throws(PointError) -> [Double] {
    let offered = (problem.model as? any LatentModel)?.namedDistributions ?? [:]
    guard let distribution = offered[name] else {
      let names = ["initial", "optimum"] + offered.keys.sorted()
      let hint =
        nearestName(to: name, among: names).map { "; did you mean '\($0)'?" }
        ?? "; '\(model)' has \(names.joined(separator: ", "))"
      throw PointError("unknown point '\(name)'\(hint)")
    }
    guard let parameters = problem.family.parameters(of: distribution) else {
      throw PointError("the family has no member that is the \(name)")
    }
    return parameters
  }

  /// λ with the blocks that are given, one number for all coordinates or one each; the others as at the start.
  private func parameters(
    _ blocks: [Point.Block], of family: any VariationalFamily
  ) throws(PointError) -> [Double] {
    var parameters = family.initialParameters
    for (index, block) in blocks.enumerated() {
      if blocks[..<index].contains(where: { $0.name == block.name }) {
        throw PointError("block '\(block.name)' is given twice")
      }
      let target = try Self.target(block, of: family)
      guard block.values.count == 1 || block.values.count == target.range.count else {
        throw PointError(
          "block '\(block.name)' has \(Self.coordinates(target.range.count)), and is given \(block.values.count) numbers"
        )
      }
      for (offset, p) in target.range.enumerated() {
        parameters[p] = block.values[block.values.count == 1 ? 0 : offset]
      }
    }
    return parameters
  }

  private mutating func read(_ path: String) throws(PointError) -> SavedParameters {
    let file = try SavedParameters(path: path)
    files[path] = file
    return file
  }

  /// λ of a file is taken whole.
  private func check(
    _ blocks: [Point.Block], of path: String, fit targets: [ParameterBlock]
  ) throws(PointError) {
    for target in targets {
      guard let block = blocks.first(where: { $0.name == target.name }) else {
        throw PointError("\(path) holds no block '\(target.name)', which the family has")
      }
      guard block.values.count == target.range.count else {
        throw PointError(
          "\(path): block '\(block.name)' has \(Self.coordinates(block.values.count)), and the family \(target.range.count)"
        )
      }
    }
  }

  private static func coordinates(_ count: Int) -> String { "\(count) \(count == 1 ? "coordinate" : "coordinates")" }

  /// Blocks in the family's order, one number where all are equal.
  private static func canonical(_ blocks: [Point.Block], _ family: any VariationalFamily) -> Point {
    .values(
      family.parameterBlocks.compactMap { target in
        blocks.first { $0.name == target.name }.map { block in
          let isConstant = block.values.allSatisfy { $0 == block.values[0] }
          return Point.Block(name: block.name, values: isConstant ? [block.values[0]] : block.values)
        }
      })
  }
}
