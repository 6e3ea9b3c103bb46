// Package nifti reads and writes NIfTI images, the format of MRI volumes.
//
// It reads NIfTI-1 and NIfTI-2 in both byte orders, as a single file (.nii,
// .nii.gz) or as a pair (.hdr and .img, each compressed or not), with 1 to 7
// dimensions and every real data type: signed and unsigned integers of 8 to 64
// bits, float32, float64. It writes NIfTI-1 single files of float32, int16 or
// uint8. Compression is seen from the bytes, never from a name.
//
// # Values
//
// Voxels come in the order of the file: x fastest, then y, z, t. A volume of
// shape (240, 240, 155) is therefore D x H x W = 155 x 240 x 240 with W fastest.
// A value is float64(raw)*slope + inter, rounded once after each operation,
// where scl_slope is finite and not zero; else it is the raw value. float32 is
// that value rounded to nearest even.
//
// # Limits
//
// Input is hostile until read. A reader takes the most bytes of voxel memory
// that it may use; a volume that needs more is refused before any is allocated
// ([ErrLimit]). Below that limit the header is still not believed: memory
// grows with what was read, to at most 16 times the inflated bytes so far and
// 256 KiB. Up to 64 MiB of extensions before the voxels are skipped, unread,
// and up to 1 MiB after the voxels is read and dropped, so that the checksum of
// a gzip stream is always verified; more of either is refused. A reader needs
// some 220 KiB besides.
//
// # Speed
//
// Inflating is most of the work, so the package does it itself, in half the time
// of the flate packages (whose writer it uses). [Reader.Sparse] keeps only what
// is not the air around a brain, and so converts and copies a quarter.
//
// # What is refused
//
// A [FormatError] says that the input is broken, where, and what to do; an
// [UnsupportedError] that it is sound but not read here (complex, RGB, float128
// and 1-bit voxels, ANALYZE 7.5). Errors of the underlying reader are passed
// through, wrapped. Where the standard leaves room, or writers break it:
//
//   - Refused: a gzip stream whose checksum, length or trailer is wrong or
//     missing, or that is gzip within gzip, or that has anything but zero bytes
//     or further members behind it; a wrong sizeof_hdr or magic; a magic that
//     says pair in a single file or the reverse; a dimension below 1;
//     vox_offset that is not a whole number or lies inside the header; a finite
//     slope with an intercept that is not; an affine in use that is not
//     finite; a quaternion in use whose length exceeds 1 by over 1e-5 (squared).
//   - Accepted: slope NaN or infinite (no scaling); vox_offset 0 in a single
//     file (352, for NIfTI-2 544); anything in the unused places of dim;
//     bitpix that disagrees with datatype (datatype counts, as in niftilib and
//     nibabel); spatial pixdim of 0 (taken as 1) or below (absolute value);
//     malformed extensions (they're skipped by vox_offset alone); an affine that
//     is singular, whose [Header.Orientation] has "?"; zero padding after gzip;
//     a file whose name says compressed or not, wrongly.
//
// # Geometry
//
// [Header.Affine] maps voxel i, j, k to world x, y, z, in the units of the header
// (millimetres as a rule), R, A and S positive. The sform is used where its
// code is above 0, else the qform where its code is, else nibabel's base
// affine: the zooms, x flipped, the centre of the volume at the origin.
package nifti
