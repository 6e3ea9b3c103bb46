// Package isa names the sets of instructions that the kernels are written for.
package isa

// Level is a set of instructions. Sums are taken in an order that depends on
// it, and so do the last bits of results.
type Level uint8

// The levels, each with what the ones before it have.
const (
	Best   Level = iota // the highest that this machine has
	Plain               // what Go compiles to
	AVX2                // with FMA
	AVX512              // its foundation, besides AVX2
)

// String returns "AVX2" and the like.
func (l Level) String() string {
	return [...]string{"the best", "plain Go", "AVX2", "AVX-512"}[l]
}

// Found returns l, or for Best what that is here.
func (l Level) Found() Level {
	if l == Best {
		return best()
	}
	return l
}

// Levels lists those that this machine has.
func Levels() []Level { return []Level{Plain, AVX2, AVX512}[:best()] }
