// Package opencl provides an engine.Engine on any device with an OpenCL driver:
// a GPU, or a CPU through PoCL. The library is opened at run time, so that it
// takes no cgo, build tag or toolkit to build; where there is none, [Devices] and
// [New] say what to install.
//
// # What was measured, and what was not
//
// No GPU was to be had when this was written. All kernels are tested, in both
// shapes and both precisions, on a CPU through PoCL, and the times of the shape
// for CPUs are measured. That of the shape for GPUs is not: it is correct as far
// as PoCL can say, and how fast it is on a GPU nobody has seen. `lacuna devices`
// measures it where there is one.
//
// PoCL takes half a minute to compile the kernels, once: it keeps what it compiled,
// as other drivers do, so that this package need not.
//
// # Contract
//
// As that of package engine. Tensors live on the device; what is called for is done
// as if in order, and only [engine.Engine.Write] and [engine.Engine.Read] move data;
// Write does not wait. The same call gives the same bits on the same device with the
// same driver, however many cores it has: sums are taken in an order that depends on
// shapes only, atomics hand out work and order no sum, and what is tuned changes
// none. Results of other devices differ in the last bits, as compilers and their exp
// and erf do.
//
// With [Options].Half, blocked tensors are kept in half precision, which every
// OpenCL can load and store; sums, statistics, weights and plain tensors stay in
// single precision.
//
// # Kernels
//
// They are in the folder kernels, with the formulas beside them; prelude.cl says
// what they share. One text serves both shapes where a loop is all that differs:
// on a CPU a work-group is one item that takes a vector of 16 floats at a time, a
// whole block of channels; on a GPU a group has 128 items with a vector of 4.
// Convolutions and products of matrices are written twice.
//
// On a GPU each kernel is launched. On a CPU a launch puts threads to sleep and wakes
// them, which takes longer than most kernels of a small network: there a kernel is a
// job, and one launch does a list of up to 64, whose threads take groups of each and
// wait for no job but those whose results they need (kernels/jobs.cl). Jobs find their
// buffers by address, in shared virtual memory, which the CPU must offer; on one that
// does not the kernels for GPUs run.
package opencl
