package vec

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
)

//go:generate go run ../../../../internal/asmgen -out . vec

// Lanes is the number of floats of a vector.
const Lanes = 16

// Most is how many vectors a sum is of at most.
const Most = 128

// Vector is a float of each lane.
type Vector = [Lanes]float32

// Unit computes with a level of instructions.
type Unit struct{ level isa.Level }

// New returns the unit of a level.
func New(l isa.Level) Unit { return Unit{l.Found()} }

// kernel is a loop over vectors.
type kernel uint8

// args is what a loop is given; internal/asmgen knows its layout.
type args struct {
	n   int         // vectors
	p   [6]*float32 // operands, those that are written first
	_   int
	c   [12]Vector // constants
	sum [4]Vector  // what it sums
}

// all returns a vector of one value.
func all(v float32) (c Vector) {
	for i := range c {
		c[i] = v
	}
	return c
}

// flat runs a loop over n floats. Those that fill no vector are copied to one
// and back.
func (u Unit) flat(k kernel, a *args, n int) {
	a.n = n / Lanes
	if a.n > 0 {
		u.run(k, a)
	} else {
		a.sum = [4]Vector{}
	}
	if n%Lanes > 0 {
		u.rest(k, a, n/Lanes*Lanes, n%Lanes)
	}
}

// rest runs a loop over count floats from off on, fewer than a vector. Its sums
// have the other lanes' part in them.
func (u Unit) rest(k kernel, a *args, off, count int) {
	var s [6]Vector
	b := args{n: 1, c: a.c}
	operands, written := k.operands()
	for i := range operands {
		copy(s[i][:], floats(a.p[i], off, count))
		b.p[i] = &s[i][0]
	}
	u.run(k, &b)
	for i := range written {
		copy(floats(a.p[i], off, count), s[i][:])
	}
	for i := range a.sum {
		for j := range count {
			a.sum[i][j] += b.sum[i][j]
		}
	}
}

// fit panics unless all lists have n floats.
func fit(n int, lists ...int) {
	for _, l := range lists {
		if l != n {
			panic(fmt.Sprintf("vec: %d floats beside %d", l, n))
		}
	}
}

// total adds the lanes.
func total(v *Vector) float64 {
	s := 0.0
	for _, x := range v {
		s += float64(x)
	}
	return s
}
