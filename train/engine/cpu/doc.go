// Package cpu provides the device that computes on the processor: package
// conv's kernels for convolutions, and its own for everything else.
//
// Work is cut into tasks by the sizes of tensors alone, and sums are taken in an
// order that depends on nothing else, so that results have the same bits for
// any number of workers. Machines with other instructions may differ in the
// last bits.
//
// Memory that is freed is kept, by size, and used again: a step of training
// after the first takes next to nothing from the Go heap.
package cpu
