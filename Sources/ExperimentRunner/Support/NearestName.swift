/// The candidate that was probably meant by `name`, or nil if none is close.
///
/// Closeness is the Damerau-Levenshtein distance in its restricted form (optimal string alignment):
/// insertions, deletions, substitutions and swaps of neighbours cost one each. Letters that differ
/// in case only, and `_` against `-`, cost a quarter. At most a third of the length of `name` may
/// differ, though always one character, and something must remain in common. Of equally near
/// candidates the alphabetically first is chosen, whatever their order.
package func nearestName(to name: String, among candidates: [String]) -> String? {
  let wanted = Array(name)
  let cutoff = NameDistance.unit * max(1, wanted.count / 3)
  var best: (distance: Int, name: String)?
  for candidate in candidates {
    let letters = Array(candidate)
    let (shorter, longer) = (min(wanted.count, letters.count), max(wanted.count, letters.count))
    guard (longer - shorter) * NameDistance.unit <= cutoff else { continue }
    let distance = NameDistance.between(wanted, letters)
    guard distance <= cutoff, distance < longer * NameDistance.unit else { continue }
    if let best, best < (distance, candidate) { continue }
    best = (distance, candidate)
  }
  return best?.name
}

/// The distance of ``nearestName(to:among:)`` in quarters of a change.
private enum NameDistance {
  static let unit = 4

  static func between(_ a: [Character], _ b: [Character]) -> Int {
    var (beforeLast, last) = ([Int](), Array(0...b.count).map { $0 * unit })
    for i in a.indices {
      var row = [(i + 1) * unit]
      for j in b.indices {
        var distance = min(last[j] + cost(a[i], b[j]), last[j + 1] + unit, row[j] + unit)
        if i > 0, j > 0 {
          let swap = cost(a[i], b[j - 1]) + cost(a[i - 1], b[j])
          if swap < unit { distance = min(distance, beforeLast[j - 1] + unit + swap) }
        }
        row.append(distance)
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }

  /// The cost of writing `b` in place of `a`.
  private static func cost(_ a: Character, _ b: Character) -> Int {
    if a == b { return 0 }
    return folded(a) == folded(b) ? 1 : unit
  }

  private static func folded(_ character: Character) -> String {
    character == "-" ? "_" : character.lowercased()
  }
}
