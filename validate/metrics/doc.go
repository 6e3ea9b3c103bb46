// Package metrics provides the scores by which predictions are judged, and the
// tests by which two sets of scores are compared: [Dice] and [HD95] of boolean
// masks; [Confusion] with accuracy, precision, recall and F1, and [Wilson]'s
// interval; [TTest], [Wilcoxon] and [Bootstrap] for paired samples.
//
// A score that is not defined is NaN, never 0: the precision of a class that
// was never predicted, the distance to an empty mask. [Summarise] leaves NaNs
// out of the mean and counts them. What Dice and HD95 are where a mask is empty
// is a convention with a name: see [Empty].
//
// All functions are pure, and safe for concurrent use.
package metrics
