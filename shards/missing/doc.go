// Package missing says which modalities of a sample to hide, beyond those that
// its files lack.
//
// A [Policy] is a pure function of a sample's key: all patches of a subject
// keep the same modalities, in any order of work. It only takes away, and never
// takes all. [Parse] makes one from text; a [Table] is a fixed list of masks, in
// and out as CSV, with which others train on the same masks.
package missing
