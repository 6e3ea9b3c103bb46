// Package shards stores samples as Arrow files that can be trusted.
//
// A data set is a directory:
//
//	train-00000.arrow ...   record batches of samples, one split a file
//	val-00000.arrow ...
//	test-00000.arrow ...
//	splits.csv              who stands in which split
//	manifest.json           what the data set is; every checksum; written last
//
// docs/format.md describes it to the byte. pyarrow, polars and Hugging Face
// datasets open the files as they are.
//
// # Writing
//
// [Create], [Writer.Append], [Writer.Commit], and a deferred [Writer.Abort].
// The directory appears whole, under its name, at the end of Commit, and is on
// the disk by then; before that there is nothing, or the data set that was there
// before. A writer that fails, or is killed, publishes nothing. The same samples
// in the same order with the same Meta and Options give the same bytes.
//
// A Writer refuses a sample whose group stands in another split already, so a
// committed data set has no leak between splits; [Open] proves it again.
//
// # Reading
//
// [Open] and [Reader.Samples]. Files are mapped into memory, and the arrays of
// an uncompressed data set are the mapping itself: nothing is copied, and
// nothing may be written. The order of a shuffled epoch is a permutation that is
// computed place by place, so any reader goes on at any place at once.
//
// # What is checked
//
// Open reads manifest.json and splits.csv, and compares what stands around the
// batches of each shard with what the manifest implies; the XXH3 of a batch is
// compared when it is first read, before anything looks into it. Any byte that
// changed by accident is found: [Reader.Verify] looks for all of them at once.
//
// The checksums do not stop who means harm, since whoever can change a shard
// can change the manifest with it; keep the manifest's id somewhere else where
// that matters. But also a forged data set can only give wrong values or an
// error: schemas and footers are compared with our own and never parsed, record
// batches are taken apart by a decoder that knows the few types we have and
// checks every length, and no more than [MaxBatchBytes] is inflated at once.
// Only memory that is mapped can't be guarded: who truncates a shard while
// somebody reads the arrays of its samples makes that program crash.
package shards
