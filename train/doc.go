// Package train trains a model of several modalities that stays good when some
// are missing: MCKD, meta-learned cross-modal knowledge distillation.
//
// A [Trainer] is a struct of parts. It knows neither tasks nor data sets: the
// model, the objective and the feeds of samples are given to it. A step encodes
// each modality that a sample has, lets the features of important modalities
// teach the others (package distill), imputes what is missing, decodes, and
// descends; now and then samples of the held-out feed say which modalities are
// important (package meta).
//
// Everything random is a function of the seed and the step, so a run that is
// stopped after any step and restored from its [Trainer.Snapshot] goes on bit
// for bit as if it had not been.
package train
