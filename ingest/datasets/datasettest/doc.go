// Package datasettest is the conformance kit of data sets: what every
// [datasets.Dataset] promises, tried on a small copy of its files.
//
// A data set's test calls [Run] with two or three subjects of a few kilobytes:
//
//	func TestConformance(t *testing.T) {
//		in := map[string]fs.FS{"in": os.DirFS("testdata")}
//		datasettest.Run(t, heart.Dataset, in, nil)
//	}
//
// It checks that
//
//   - the description is whole: names valid and unique, kinds, shapes, regions
//     and options that fit each other, defaults that Open takes;
//   - Subjects gives the same twice, with unique keys and a group each, and Open
//     and Subjects read no byte of a file that is one subject's own, and at most
//     64 KiB of one that many share;
//   - Load returns what Sample promises: mask and inputs agree, shapes agree,
//     values are finite and in the range of their kind, labels are classes,
//     checksums are those of the files;
//   - LoadPacked, where the source is an [ingest.PackedSource], unpacks to what
//     Load gives, and goes on to do so once its memory is used again;
//   - Load from 8 goroutines gives the same as one after the other (run it under
//     -race);
//   - a cancelled context stops Subjects and Load, and is no *SubjectError;
//   - a truncated file is a *SubjectError that names subject and path;
//   - a modality whose file is gone is a cleared bit and not an error.
//
// At most 16 subjects are loaded, spread over the list. All of them must be
// good: broken ones belong in a test of their own.
package datasettest
