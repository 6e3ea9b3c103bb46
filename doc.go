// Package lacuna holds the glossary and the map of the tree; it has no code.
//
// # Glossary
//
//   - Modality: one kind of measurement of a subject: an MRI contrast (flair,
//     t1, t1ce, t2), an image, a sound. Its place in [modality.Set] is part of
//     the data set.
//   - Subject: one unit of a data set as it is found in files: a BraTS case,
//     one pair of a spoken and a written digit.
//   - Group: what must never stand in two splits: the patient (whose two scans
//     are two subjects of one group), or the pair.
//   - Sample: what a row of a shard holds: a whole subject, or a patch of one.
//   - Patch: a box of D x H x W voxels cut from a volume, with its location.
//   - Mask: which modalities of a sample are present, one bit each.
//   - Split: train, val or test. val is the held-out meta-validation shard.
//   - Importance: a learned number a modality; softmax of them are the weights by
//     which modalities teach each other.
//   - Feature: what an encoder makes of one modality of one sample.
//   - Run: one training, in a folder of its own; a step is one change of the
//     model's parameters.
//   - Shard: one Arrow IPC file of samples of one split.
//   - Manifest: the manifest.json that makes a directory of shards a data set.
//
// # Map
//
//   - ingest: the vocabulary ([ingest.Sample] is the waist of the hourglass),
//     the codecs (ingest/nifti, ingest/wav, ingest/idx) and the data sets
//     (ingest/datasets/...).
//   - preprocess: ordered, bounded pipeline (preprocess/pipeline) and its
//     stages for volumes, patches and audio; mfcc: the features of sound.
//   - shards: Arrow files behind checksums, splits, masks, the inspection tool.
//   - train: the engine (train/engine, two devices), autograd, layers, models,
//     distillation, meta-learning, and the Trainer, a struct of these parts.
//   - validate: judges any model under any combination of modalities.
//   - internal/lab: where the halves meet: runs, experiments, their reports.
//   - cmd/lacuna, cmd/shards: the programs, a layer of flags.
//
// docs/architecture.md draws it, shards/docs/format.md specifies the shards.
package lacuna
