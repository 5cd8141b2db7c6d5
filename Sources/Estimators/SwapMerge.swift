internal import CKernels
public import GradientEstimation
public import Randomness

/// Augment-REINFORCE-swap-merge (ARSM): ARM for categories. A one-hot variable is z = argmin_i π_i e^{−φ_i} with π ~ Dirichlet(1), and
/// f is differenced between the draws that π makes with two of its numbers swapped, in all variables at once,
///
///     ĝ_vc = (1/K) Σ_k Σ_j [f(z_k^{c⇌j}) − (1/C) Σ_m f(z_k^{m⇌j})] (1/C − π_kvj)
///
/// with the gradient in the logits φ then pulled back to λ. Of an f that depends on λ by its log q nothing is lost: E ∇_λ log q = 0.
///
/// - Requires: values of the model, a family of independent one-hot variables.
/// - Bias: none.
/// - Cost: K (1 + C (C − 1)/2) evaluations, whatever the number of variables; K of them are of the block's own draws.
/// - Reference: Yin, Yue and Zhou (2019).
public struct SwapMerge: GradientEstimator {
  public var split = Split.monteCarlo

  public init() {}
  public init(split: Split) { self.split = split }

  public static let descriptor = Descriptor<Self>(
    id: "arsm",
    summary: "augment-REINFORCE-swap-merge: f of categories against those of swapped noise; arm is its form for bits",
    equation: "(1/K) Σ_k Σ_j [f(z_k^{c⇌j}) − (1/C) Σ_m f(z_k^{m⇌j})] (1/C − π_kj)",
    notes: [
      Note(
        "Requires",
        "values of the model; a family of independent one-hot variables. f is never taken between the states."),
      Note("Bias", "none. The λ in the log q of f adds nothing, E ∇ log q = 0, so that f is differenced at one λ."),
      Note(
        "Cost",
        "K (1 + C (C − 1)/2) evaluations an estimate, whatever the number of variables: those of the draws that others share, and one of its own for each pair of categories."
      ),
      Note("Variance", "with two categories that of arm, in each of the two logits."),
    ],
    references: [Reference("yin2019arsm")],
    options: [.choice("kl", \.split, "which part of the ELBO is taken in closed form")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard let family = problem.family as? any IndependentCategoricalFamily else {
      throw EstimatorError("needs a family of independent categories, such as 'categorical'; of bits it is arm")
    }
    let sampled = try problem.sampledTerms(split)
    let isConstant = problem.terms.contains(.entropy) && split == .monteCarlo
    let pairs = family.categories * (family.categories - 1) / 2
    return Requirements(
      quantities: Quantities(values: sampled), evaluations: Double(samples * (1 + pairs)) * problem.dataShare,
      claims: isConstant ? [.meanOfDraws, .zeroAtPosterior] : .meanOfDraws)
  }

  /// Scratch: the draws of swapped noise; 1/C − π, `[K × D × B]`; what f changes by, `[K × B]`; the logits' cotangents, `[D × B]`.
  public struct Workspace {
    let swapped: OwnDraws
    var factors, change, cotangents: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: count) }
    return Workspace(
      swapped: OwnDraws(problem, shape), factors: room(shape.elementCount), change: room(shape.drawCount),
      cotangents: room(shape.dimension * shape.lanes))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any IndependentCategoricalFamily else { return }
    let sampled = problem.terms.subtracting(split.closedForm), categories = family.categories
    workspace.prepare(block, categories)
    for c in 1..<categories {
      for j in 0..<c {
        workspace.swap(c, j, of: categories)
        family.transform(&workspace.swapped.block.draws)
        workspace.swapped.storeChange(of: sampled, problem, from: block, into: &workspace.change)
        workspace.addChange(c, j, of: categories)
        workspace.swap(c, j, of: categories)
      }
    }
    workspace.center(categories)
    family.addLogitPullback(workspace.cotangents.span, at: block.draws, into: &gradients)
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }
}

extension SwapMerge.Workspace {
  /// Takes over the draws, and stores 1/C − π: π is −log u, exponential, over its sum.
  fileprivate mutating func prepare(_ block: borrowing DrawBlock, _ categories: Int) {
    swapped.take(block.draws)
    swapped.takeParameters(block.draws)
    for i in cotangents.indices { cotangents[i] = 0 }
    for i in factors.indices { factors[i] = -wb_log(block.draws.noise[i]) }
    let lanes = swapped.block.shape.lanes
    forEachVariable(count: factors.count, categories, lanes) { first in
      var total = 0.0
      for c in 0..<categories { total += factors[first + c * lanes] }
      for c in 0..<categories {
        factors[first + c * lanes] = 1 / Double(categories) - factors[first + c * lanes] / total
      }
    }
  }

  /// Swaps the noise of two categories in every variable.
  fileprivate mutating func swap(_ c: Int, _ j: Int, of categories: Int) {
    let lanes = swapped.block.shape.lanes
    forEachVariable(count: factors.count, categories, lanes) { first in
      swapped.block.draws.noise.swapAt(first + c * lanes, first + j * lanes)
    }
  }

  /// What a pair of categories adds. f counts by how far it is from f of the draw, which changes nothing: Σ_c of the estimate is 0.
  fileprivate mutating func addChange(
    _ c: Int, _ j: Int, of categories: Int
  ) {
    let shape = swapped.block.shape, (d, b) = (shape.dimension, shape.lanes)
    for k in 0..<shape.samples {
      for first in stride(from: 0, to: d, by: categories) {
        for lane in 0..<b {
          let difference = change[k * b + lane] / Double(shape.samples)
          cotangents[(first + c) * b + lane] += difference * factors[(k * d + first + j) * b + lane]
          cotangents[(first + j) * b + lane] += difference * factors[(k * d + first + c) * b + lane]
        }
      }
    }
  }

  /// Subtracts from the cotangents of a variable their mean.
  fileprivate mutating func center(_ categories: Int) {
    let lanes = swapped.block.shape.lanes
    forEachVariable(count: cotangents.count, categories, lanes) { first in
      var total = 0.0
      for c in 0..<categories { total += cotangents[first + c * lanes] }
      for c in 0..<categories { cotangents[first + c * lanes] -= total / Double(categories) }
    }
  }
}

/// The place of the first coordinate of each variable in `[… × D × B]`, lane by lane.
private func forEachVariable(count: Int, _ categories: Int, _ lanes: Int, _ body: (Int) -> Void) {
  for start in stride(from: 0, to: count, by: categories * lanes) {
    for first in start..<start + lanes { body(first) }
  }
}
