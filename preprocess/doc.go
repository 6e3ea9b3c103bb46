// Package preprocess turns loaded subjects into the samples that shards store:
// a [Pipeline] of [Stage]s on several goroutines, whose output does not depend
// on how many.
//
// A stage takes one sample and emits none, one or several: the stages of
// packages volume, patch and audio reorient, crop and normalise volumes, cut
// them into patches, and turn waveforms into features. Which stages a subject
// goes through, and in what order, is the caller's choice, and may depend on its
// split. Every stage leaves its versioned name in Sample.Definitions, and draws
// from its own source of chance ([Rand]), which is a function of the run's seed,
// the sample's key and that name.
//
// A source that can ([ingest.PackedSource]) leaves volumes packed, and they stay
// so as long as the stages let them ([Repacker]): where patches are cut out of
// them ([Unpacker]), nothing but the patches is ever unpacked and normalised.
// The samples are the same to the bit as those of the plain way.
//
// What is wrong with a subject is a [ingest.SubjectError], which
// [Pipeline.OnError] may skip; any other error ends the run.
package preprocess
