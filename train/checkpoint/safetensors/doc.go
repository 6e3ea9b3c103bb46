// Package safetensors reads and writes the safetensors format, version 0.x of
// https://github.com/huggingface/safetensors: named arrays and a few strings in
// one file, with no code in it.
//
//	8 bytes   N, the length of the header, little-endian
//	N bytes   JSON: {"__metadata__": {string: string},
//	          NAME: {"dtype": "F32", "shape": [2,3], "data_offsets": [0,24]}, ...}
//	the rest  the arrays, last index fastest, little-endian, without a hole
//
// The reader takes what the specification allows and no more: every byte after
// the header belongs to just one array, names are unique, the header begins with
// a brace and is at most [MaxHeader] bytes. Nothing is allocated before its size is checked against
// that of the file. The writer pads the header with spaces, so that the arrays
// begin at a multiple of 8, and writes the same bytes for the same [File].
package safetensors
