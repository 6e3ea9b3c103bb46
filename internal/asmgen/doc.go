// Command asmgen writes the assembly of train/engine/cpu/conv: Go's own
// assembler, one function a tile size, from a few lines that say the formula.
// The tree holds what it writes; a test here says when that is stale.
//
//	go run ./internal/asmgen -out train/engine/cpu/conv
//
// The kernels and their scalar twins:
//
//   - outer (AVX-512 and AVX2): conv.outerPlain, the sum of outer products
//     that every pass is made of;
//   - patch (AVX-512): conv.patchPlain, outer for pixels of several lines;
//   - sweep (AVX-512): conv.sweepPlain, a row of three taps at distance one;
//   - weave (AVX-512): conv.weavePlain, the gradient of three such taps;
//   - transpose (AVX2): conv.transposePlain, 8 x 8 floats.
package main
