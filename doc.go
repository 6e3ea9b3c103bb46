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
//   - cmd/lacuna, cmd/shards: the programs. Only they see both halves.
//
// docs/architecture.md draws it, shards/docs/format.md specifies the shards.
package lacuna
