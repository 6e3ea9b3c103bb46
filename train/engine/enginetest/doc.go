// Package enginetest proves a device: an [engine.Engine] whose author writes
//
//	func TestEngine(t *testing.T) {
//		enginetest.Run(t, func() engine.Engine { return mine.New() }, enginetest.Options{})
//		enginetest.Golden(t, func() engine.Engine { return mine.New() }, enginetest.Options{})
//	}
//
// # What Run checks
//
// A subtest a kernel draws shapes and values by rapid: batches of 1 to 5, odd
// sizes, one voxel, one channel, 5, 16, 17 and 33 channels, images (D = 1), and
// for a convolution kernels of 1, 2, 3, 5 and 7 with stride, padding and
// dilation. For each draw:
//
//   - outputs begin as NaN, and as far as the kit can reach it so does what
//     fills up the last block of a blocked tensor, of inputs as well;
//   - results are near those of package reference, see below, what is read is
//     not changed, and what lies around a [engine.Engine.Slice] is not written;
//   - a NaN among what is read comes out where it does of the reference, and
//     nowhere else;
//   - a second run gives the same bits, and so do the engines of Options.Same;
//   - elementwise kernels give the same in place;
//   - shapes that do not fit panic, with the kernel's name and both shapes;
//   - no memory is in use when all is freed.
//
// # Tolerances
//
// A result is right within 2^-24 (4 + sqrt n) m of the reference, which sums in
// float64. n is the number of terms of the sum, whose roundings are about
// random: they add up to sqrt n of them, wherever the sum is cut into parts. m
// is the size of what is rounded: the kernel's own result for the absolute
// values of its inputs where it is linear, and else what is written beside its
// row in this package. 4 stands for the roundings after the sum. Functions
// (exp, erf) may be wrong by several units more, by the factor of their rows.
// Below 2^-126, where a device may round to 0, all are equal. With Options.Half
// blocked results may also differ by 2^-10 of themselves, which is one unit of
// half precision; and since the reference is given what the device has stored,
// that is all.
package enginetest
