package shards

import "math/bits"

// order is a permutation of 0 to n-1 that is computed place by place: a Feistel
// network over the next even number of bits, walked until the result is below
// n (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). So it
// takes no memory, and place k costs the same wherever it is.
type order struct {
	n    uint64
	half uint // bits of each half
	keys [8]uint64
}

// newOrder returns the shuffled order of an epoch.
func newOrder(n int64, seed, epoch uint64) *order {
	o := &order{n: uint64(n), half: (uint(bits.Len64(uint64(max(n, 2)-1))) + 1) / 2}
	state := mix(seed) ^ mix(epoch+0x9e3779b97f4a7c15)
	for i := range o.keys {
		state += 0x9e3779b97f4a7c15
		o.keys[i] = mix(state)
	}
	return o
}

// at returns what stands at place k, 0 <= k < n.
func (o *order) at(k uint64) uint64 {
	for {
		k = o.step(k)
		if k < o.n {
			return k
		}
	}
}

func (o *order) step(k uint64) uint64 {
	mask := uint64(1)<<o.half - 1
	left, right := k>>o.half, k&mask
	for _, key := range o.keys {
		left, right = right, left^mix(right^key)&mask
	}
	return left<<o.half | right
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
