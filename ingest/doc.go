// Package ingest is the vocabulary that every other part speaks: what a data
// set lists ([Subject]), what it loads ([Sample], [Array], [Labels]), where a
// patch came from ([Location]) and what was wrong ([Problem], [SubjectError]);
// and, for sources of volumes that are mostly air, what is not unpacked yet
// ([Packed]).
//
// It is the waist of an hourglass. Files widen into data sets above it; below,
// shards store samples, a trainer learns from them, a validator judges it, and
// none of those three knows another.
//
// Volumes are indexed D x H x W, W fastest. For a NIfTI file that is z, y, x:
// the order of the bytes on disk, so nothing is moved. World coordinates and
// affines keep NIfTI's x, y, z.
package ingest
