// Command asmgen writes the assembly of train/engine/cpu: Go's own assembler,
// from a few lines that say the formula. The tree holds what it writes; a test
// here says when that is stale.
//
//	go run ./internal/asmgen -out train/engine/cpu/conv conv
//	go run ./internal/asmgen -out train/engine/cpu/vec vec
//
// Package conv, one function a tile size, and the scalar twins:
//
//   - outer (AVX-512 and AVX2): conv.outerPlain, the sum of outer products
//     that every pass is made of;
//   - pair (AVX-512): conv.pairPlain, outer for two vectors at a time;
//   - patch (AVX-512): conv.patchPlain, outer for pixels of several lines;
//   - sweep (AVX-512): conv.sweepPlain, a row of three taps at distance one;
//   - weave (AVX-512): conv.weavePlain, the gradient of three such taps;
//   - transpose (AVX2): conv.transposePlain, 8 x 8 floats.
//
// Package vec, all in both: the loops over vectors of loops.go, which say once
// what a vector becomes and are turned into either kind by vector.go (twin of
// package vec is the same in Go), and max pooling.
package main
