// Package split says which subjects train, which validate and which test.
//
// The unit is the group (the patient, the pair), never the subject: all of a
// group's subjects stand in one split. [Assign] turns a [Plan] and a list of
// subjects into an [Assignment], which depends on the subjects' names, groups
// and strata and on the plan's seed, never on the order of the list.
//
// Val is the held-out meta-validation split: training reads it for the meta
// step alone.
package split
