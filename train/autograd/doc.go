// Package autograd differentiates what is computed on an engine: a [Tape]
// records operations on [Var]s, and goes back through them.
//
// Operations check shapes when they are called. The first that does not fit is
// kept, with both shapes, and reported by [Tape.Err] and [Tape.Backward]; all
// later operations do nothing, so a network is written without a check a line.
//
// Gradients are of first order. A network ends in losses ([Tape.CrossEntropy],
// [Tape.Regions], [Tape.Distances]), whose sum is differentiated; there are no
// other scalars on the tape. The gradient to a leaf overwrites what its tensor
// held, unless [Tape.Accumulate] is set.
//
// The tape owns the values of its variables, and frees each as soon as Backward
// is past it; what is to be kept is read before. Nothing that a tape returned
// may be used after [Tape.Reset] or [Tape.Backward], which ends with one; the
// tape itself may be, for the next step.
package autograd
