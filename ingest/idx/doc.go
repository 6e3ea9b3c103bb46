// Package idx decodes and encodes the IDX files of MNIST: [Images] and labels.
//
// An IDX file is a magic number, a size for each dimension, and the values, the
// last dimension fastest. Every number is big-endian:
//
//	images  00 00 08 03  N:4 rows:4 columns:4  pixels: N x rows x columns, one byte each
//	labels  00 00 08 01  N:4                   labels: N, one byte each
//
// 08 is the type (unsigned bytes), 03 and 01 are the number of dimensions.
//
// Decoders take plain and gzip-compressed streams and tell them apart by their
// first two bytes, never by a name. They read to the end of the stream, so the
// checksum of a gzip file is checked, and allocate by the bytes that really
// come, never by what a header claims.
//
// Broken input is a [*FormatError] that says where and what; a well-made IDX
// file of another type or number of dimensions is an [UnsupportedError]; more
// than the caller's limit is [ErrLimit]. Refused as broken: any byte after the
// last value, a count of 0, a label that is not one of [Classes], images with a
// side of 0 or above [MaxSide]. Images need not be 28 x 28: a data set that
// wants that checks it.
package idx
