/// What `--dry-run` prints: for each cell what its estimators would spend, and a guess at the time.
package struct ForecastTable {
  private let forecasts: [CostForecast]
  private let threads: Int
  private let style: TextTable.Style

  package init(_ forecasts: [CostForecast], threads: Int, isColored: Bool) {
    self.forecasts = forecasts
    self.threads = threads
    style = TextTable.Style(isColored: isColored)
  }

  package func rendered() -> String { (forecasts.map(part) + [total]).joined(separator: "\n\n") + "\n" }

  private func part(_ forecast: CostForecast) -> String {
    var table = TextTable(columns: [
      .init("estimator"), .init("evaluations", alignment: .right), .init("gradient evaluations", alignment: .right),
    ])
    table.rows = forecast.entries.map {
      [.init($0.text), .init(count($0.evaluations)), .init(count($0.gradientEvaluations))]
    }
    let lines = table.rendered(style: style).split(separator: "\n").map { "  " + $0 }
    let time = forecast.seconds.map { "about \(duration($0))" } ?? "not tried, for want of time"
    return """
      \(forecast.cell)
      \(forecast.isAtMost ? "at most " : "")\(forecast.count) \(forecast.unit), \(time)

      \(lines.joined(separator: "\n"))
      """
  }

  private var total: String {
    let known = forecasts.compactMap(\.seconds)
    let cells = forecasts.count == 1 ? "1 cell" : "\(forecasts.count) cells"
    let untried = forecasts.count - known.count
    return """
      \(cells): \(forecasts.contains(where: \.isAtMost) ? "at most " : "")about \(duration(known.reduce(0, +))) on \
      \(threads) \(threads == 1 ? "task" : "tasks")\(untried > 0 ? ", and \(untried) not tried" : "").
      Times are estimates from a short trial. Evaluations are of each estimator alone; what several need at the same
      draws is evaluated once. Nothing was measured or written.
      """
  }

  private func count(_ x: Double) -> String { x < 1e15 && x == x.rounded() ? numberText(x) : significant(x, digits: 6) }

  private func duration(_ seconds: Double) -> String {
    if seconds < 120 { return "\(significant(seconds, digits: 2)) s" }
    return seconds < 7200
      ? "\(significant(seconds / 60, digits: 2)) min" : "\(significant(seconds / 3600, digits: 2)) h"
  }
}
