// Package validate judges a model by what it predicts when modalities are
// missing: an [Evaluator] shows a [Predictor] every sample under every
// combination of modalities (3 of two, 15 of four), and makes a [Report].
//
// # What is promised
//
//   - A predictor sees only what the combination has: the other modalities, the
//     target and the class are taken away before it is called.
//   - A combination is narrowed to the modalities that a sample was recorded
//     with. Both names are in every row: the combination, and what was seen.
//     Names are made from the masks evaluated. Where nothing is left, the sample
//     is not evaluated for that combination, and counted.
//   - Classification: accuracy with Wilson's interval, precision, recall and F1 a
//     class, the confusion matrix, and the prediction for each sample.
//   - Segmentation: the patches of a subject, which come one after the other, are
//     put together by averaging probabilities; a voxel belongs to a region where
//     the mean is above 0.5. The regions are painted onto one label map, the
//     larger first, and it is that map which is judged and, if wanted, written
//     as NIfTI in the geometry of the input: the figures are those of the files.
//   - The same predictions give the same report, bit for bit. One case is in
//     memory at a time: its patches, and some 50 bytes a voxel of the box that
//     they cover (of three regions).
//   - Report.Protocol names every choice that changes a figure.
package validate
