// Package augment provides the stages that vary training samples: pictures,
// sounds and volumes as they might have come just as well.
//
// [Image] moves, turns and scales a picture in one resampling; [Wave] changes a
// recording and [Features] what an MFCC made of one; [Volume] flips, scales,
// turns and shifts all volumes of a sample together with its label map, and
// changes their intensities. Of every options struct the zero value changes
// nothing; [Preset] has good values by name.
//
// # Contract
//
// Stages draw from the rng they are given and from nothing else, are used by
// several goroutines at once and keep no state but scratch memory. The same rng
// gives the same bits on the same architecture (others may fuse multiplications
// and additions, and round otherwise). A rng made of seed, key and stage name
// alone would vary a sample the same way in each epoch: put the epoch into the
// seed.
//
// Arrays of samples may be parts of a mapped file, or be shared: no stage writes
// into them. What it changes is an array of its own, new or from a [Pool]; what
// it does not change stays where it is. An absent modality stays absent, and
// takes no draw from another: those of the modalities that are there do not
// depend on it.
//
// An array of a shape that the stage cannot treat is an [ingest.SubjectError].
// Values are taken to be finite, as stages before have made sure.
package augment
