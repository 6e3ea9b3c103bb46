// Package tensor provides the shapes and memory layouts of arrays of float32.
// It is a leaf: the devices' kernels, and the tests that compare them, agree on
// what is here.
package tensor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Lanes is the number of channels in a block of the layout [Blocked].
const Lanes = 16

// Layout says in which order the values of an array lie in memory.
type Layout uint8

const (
	// Plain is the last index fastest: N C D H W for a batch of volumes.
	Plain Layout = iota
	// Blocked is [N][ceil(C/16)][D][H][W][16], of rank 5 only: 16 channels of a
	// voxel lie beside each other. What fills up the last block may be anything,
	// NaN included, and never reaches a result.
	Blocked
)

// String returns "plain" or "blocked".
func (l Layout) String() string {
	if l == Blocked {
		return "blocked"
	}
	return "plain"
}

// Shape is the sizes of an array by index. A batch of volumes is N, C, D, H, W;
// of images the same with D = 1; a matrix rows, columns.
type Shape []int

// Len returns the number of values, 1 for the empty shape.
func (s Shape) Len() int {
	n := 1
	for _, v := range s {
		n *= v
	}
	return n
}

// Equal reports whether both shapes have the same sizes.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// String returns "2x16x32x64x64", and "scalar" for the empty shape.
func (s Shape) String() string {
	if len(s) == 0 {
		return "scalar"
	}
	parts := make([]string, len(s))
	for i, v := range s {
		parts[i] = strconv.Itoa(v)
	}
	return strings.Join(parts, "x")
}

// Voxels returns D x H x W of a shape of rank 5.
func (s Shape) Voxels() int { return s[2] * s[3] * s[4] }

// Blocks returns how many blocks c channels take.
func Blocks(c int) int { return (c + Lanes - 1) / Lanes }

// Floats returns how many floats an array of the shape takes in the layout.
func Floats(s Shape, l Layout) int {
	if l == Plain {
		return s.Len()
	}
	mustBeVolumes(s)
	return s[0] * Blocks(s[1]) * Lanes * s.Voxels()
}

// Index returns where value n, c, voxel of volumes of the shape lies, voxel
// being (d H + h) W + w.
func Index(s Shape, l Layout, n, c, voxel int) int {
	if l == Plain {
		return (n*s[1]+c)*s.Voxels() + voxel
	}
	return ((n*Blocks(s[1])+c/Lanes)*s.Voxels()+voxel)*Lanes + c%Lanes
}

// Block writes plain volumes of the shape in blocks. What fills up the last
// block becomes zero.
func Block(dst, plain []float32, s Shape) {
	clear(dst[:Floats(s, Blocked)])
	each(s, func(blocked, p int) { dst[blocked] = plain[p] })
}

// Unblock is the inverse of [Block].
func Unblock(plain, src []float32, s Shape) {
	each(s, func(blocked, p int) { plain[p] = src[blocked] })
}

func each(s Shape, f func(blocked, plain int)) {
	mustBeVolumes(s)
	for n := range s[0] {
		for c := range s[1] {
			for v := range s.Voxels() {
				f(Index(s, Blocked, n, c, v), Index(s, Plain, n, c, v))
			}
		}
	}
}

func mustBeVolumes(s Shape) {
	if len(s) != 5 {
		panic(fmt.Sprintf("tensor: %v: blocks are for N x C x D x H x W", s))
	}
}
