internal import GradientEstimation
internal import Optimization

/// The rows of the CSV files of kind `training`. What is not known stays empty.
package enum ModelTrainingFiles {
  static let key = [
    "model", "family", "objective", "sampling", "algorithm", "estimator", "optimizer", "samples", "run",
  ]
  package static let trainingColumns =
    key + [
      "epoch", "step", "data_seen", "minibatch_bound", "train_bound", "train_bound_mcse", "test_bound",
      "test_bound_mcse", "exact_train_bound", "log_evidence", "evaluations", "gradient_evaluations", "status",
    ]
  package static let latentColumns = key + ["epoch", "datum", "label", "index", "mean", "sd"]
  package static let parameterColumns = key + ["step", "block", "index", "value"]

  package static func trainingRows(_ results: ModelTrainingResults) -> [[CSVFiles.Field]] {
    results.trainings.flatMap { measured in
      measured.points.enumerated().map { index, point in
        let isLast = index == measured.points.count - 1
        return results.key(measured) + [
          .integer(point.epoch), .integer(point.step), .integer(point.dataSeen), .number(point.minibatchBound),
          .number(point.trainBound), .number(point.trainMCSE), .number(point.testBound), .number(point.testMCSE),
          .number(point.exactBound), .number(point.logEvidence), .number(point.evaluations),
          .number(point.gradientEvaluations),
          .text((isLast ? measured.status : RunStatus.running).rawValue),
        ]
      }
    }
  }

  package static func evidenceRows(_ results: ModelTrainingResults) -> [[CSVFiles.Field]] {
    results.trainings.flatMap { measured in
      measured.evidence.flatMap { judgement in
        judgement.evidence.map {
          results.key(measured) + [.integer(judgement.epoch)]
            + EvidenceFiles.fields($0, results.spec.modelTraining.evidence)
        }
      }
    }
  }

  package static func unitRows(_ results: ModelTrainingResults) -> [[CSVFiles.Field]] {
    results.trainings.flatMap { measured in
      measured.evidence.flatMap { judgement in
        judgement.units.flatMap { units in
          EvidenceFiles.unitFields(units).map { results.key(measured) + [.integer(judgement.epoch)] + $0 }
        }
      }
    }
  }

  package static func latentRows(_ results: ModelTrainingResults) -> [[CSVFiles.Field]] {
    results.trainings.flatMap { measured in
      measured.pictures.flatMap { pictures in
        pictures.latents.flatMap { latent in
          latent.mean.indices.map { d in
            results.key(measured) + [
              .integer(pictures.epoch), .integer(latent.datum), label(latent.label), .integer(d),
              .number(latent.mean[d]), .number(latent.deviation[d]),
            ]
          }
        }
      }
    }
  }

  package static func parameterRows(_ results: ModelTrainingResults) -> [[CSVFiles.Field]] {
    results.trainings.flatMap { measured in
      measured.kept.sorted { $0.key < $1.key }.flatMap { epoch, parameters in
        let step = measured.points.last { $0.epoch <= epoch }?.step ?? 0
        return measured.blocks.flatMap { block in
          block.range.enumerated().map { index, p in
            results.key(measured) + [
              .integer(step), .text(block.name), .integer(index), .number(parameters[p]),
            ]
          }
        }
      }
    }
  }

  /// Images of one kind, a row each, with as many columns of numbers as the largest has; shorter ones are filled up with empty
  /// fields.
  static func images(
    _ results: ModelTrainingResults, _ path: (TrainingPictures) -> [TrainingPictures.Image]
  ) -> String? {
    let all = results.trainings.flatMap { measured in measured.pictures.flatMap { path($0) } }
    guard let width = all.map(\.values.count).max(), let latents = all.map(\.z.count).max() else { return nil }
    let columns =
      key + ["epoch", "datum", "label", "kind"] + (0..<latents).map { "z_\($0 + 1)" }
      + (0..<width).map { "x_\($0 + 1)" }
    func filled(_ numbers: [Double], _ count: Int) -> [CSVFiles.Field] {
      (0..<count).map { .number($0 < numbers.count ? numbers[$0] : nil) }
    }
    let rows = results.trainings.flatMap { measured in
      measured.pictures.flatMap { pictures in
        path(pictures).map { image in
          results.key(measured) + [
            .integer(pictures.epoch), .integer(image.datum), label(image.label), .text(image.kind),
          ] + filled(image.z, latents) + filled(image.values, width)
        }
      }
    }
    return CSVFiles.text(columns, rows)
  }

  private static func label(_ label: Int?) -> CSVFiles.Field { label.map { .integer($0) } ?? .number(nil) }
}

extension ModelTrainingResults {
  fileprivate func key(_ measured: MeasuredTraining) -> [CSVFiles.Field] {
    let texts = measured.job.texts(plan, spec)
    func text(_ text: String?) -> CSVFiles.Field { .text(text ?? "") }
    return [
      .text(texts.model), text(texts.family), text(texts.objective), text(texts.sampling), .text(texts.algorithm),
      text(texts.estimator), text(texts.optimizer), texts.samples.map { .integer($0) } ?? .number(nil),
      .integer(measured.job.run),
    ]
  }
}

extension ModelTrainingResults: ExperimentOutcome {
  package var isEmpty: Bool { trainings.allSatisfy { $0.points.count <= 1 } }

  package var notes: [String] {
    trainings.compactMap { training in
      training.resumedFrom.map { epoch in
        let texts = training.job.texts(plan, spec)
        return
          "\(texts.algorithm)\(texts.estimator.map { " " + $0 } ?? ""), run \(training.job.run): went on from epoch \(epoch)"
      }
    }
  }

  package var files: [(name: String, text: String)] {
    var files = [
      ("training.csv", CSVFiles.text(ModelTrainingFiles.trainingColumns, ModelTrainingFiles.trainingRows(self))),
      ("timing.csv", timing),
    ]
    let latents = ModelTrainingFiles.latentRows(self)
    if !latents.isEmpty { files.append(("latent.csv", CSVFiles.text(ModelTrainingFiles.latentColumns, latents))) }
    let images: [(String, (TrainingPictures) -> [TrainingPictures.Image])] = [
      ("manifold.csv", \.manifold), ("reconstruction.csv", \.reconstructions), ("samples.csv", \.samples),
      ("imputation.csv", \.imputations),
    ]
    for (name, path) in images {
      if let text = ModelTrainingFiles.images(self, path) { files.append((name, text)) }
    }
    let judged = ModelTrainingFiles.evidenceRows(self), units = ModelTrainingFiles.unitRows(self)
    let place = ModelTrainingFiles.key + ["epoch"]
    if !judged.isEmpty { files.append(("evidence.csv", CSVFiles.text(place + EvidenceFiles.figures, judged))) }
    if !units.isEmpty { files.append(("units.csv", CSVFiles.text(place + EvidenceFiles.unitFigures, units))) }
    let parameters = ModelTrainingFiles.parameterRows(self)
    if !parameters.isEmpty {
      files.append(("parameters.csv", CSVFiles.text(ModelTrainingFiles.parameterColumns, parameters)))
    }
    return files
  }

  package func manifest(ofCell index: Int) -> Manifest.Members? {
    let own = trainings.filter { $0.job.cell == index }
    guard !own.isEmpty else { return nil }
    return [RunStatus.finished, .diverged, .interrupted].map { status in
      (key: status.rawValue, value: .integer(own.count { $0.status == status }))
    } + [(key: "run_seconds", value: .number(own.reduce(0) { $0 + $1.seconds }))]
  }

  private var timing: String {
    let columns = ModelTrainingFiles.key + ["threads", "epochs", "steps", "wall_seconds", "milliseconds_per_epoch"]
    let rows = trainings.map { measured -> [CSVFiles.Field] in
      let last = measured.points.last, epochs = (last?.epoch ?? 0) - (measured.resumedFrom ?? 0)
      return key(measured) + [
        .integer(threads), .integer(epochs), .integer(last?.step ?? 0), .number(measured.seconds),
        .number(1e3 * measured.seconds / Double(max(1, epochs))),
      ]
    }
    return CSVFiles.text(columns, rows)
  }
}
