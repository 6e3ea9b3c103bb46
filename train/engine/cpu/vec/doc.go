// Package vec provides the kernels that go over memory once: arithmetic on
// slices of float32, sums of them, and max pooling.
//
// Some kernels are flat: what they are given may be of any length. Others take
// lanes: vectors of 16 floats, 16 channels of a voxel beside each other, each
// lane with its own constants and its own sum, so that what one lane holds, a
// NaN too, stays there. Operands may be the same slice, unless said otherwise.
//
// Sums are taken in float32 over at most [Most] vectors and the lanes added in
// float64; callers cut longer ones and add in float64.
//
// The assembly is written by internal/asmgen; twin says in Go what each kernel
// computes, and is what runs where there is no assembly.
package vec
