/// F of F Fᵀ = Xᵀ X, lower triangular with a diagonal that is not negative, `[d × d]` row by row, of X `[N × d]` by its d
/// columns: F = Rᵀ of X = Q R, by modified Gram–Schmidt. No square of X is lost to another, as in Cholesky's factor of Xᵀ X:
/// R is as accurate as by Householder's reflections, whatever the rank (Björck 1967).
///
/// - Cost: O(N d²)
func triangularFactor(ofColumns columns: consuming [[Double]]) -> [Double] {
  let d = columns.count
  var factor = [Double](repeating: 0, count: d * d)
  for j in 0..<d {
    let length = innerProduct(columns[j], columns[j]).squareRoot()
    guard length > 0 else { continue }
    let own = columns[j].map { $0 / length }
    factor[j * d + j] = length
    for i in j + 1..<d {
      let part = innerProduct(own, columns[i])
      factor[i * d + j] = part
      for row in own.indices { columns[i][row] -= part * own[row] }
    }
  }
  return factor
}

private func innerProduct(_ a: [Double], _ b: [Double]) -> Double {
  var sum = 0.0
  for i in a.indices { sum += a[i] * b[i] }
  return sum
}
