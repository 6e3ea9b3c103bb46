package shards

import "math"

// halfMax is the largest finite value of IEEE 754 binary16; halfLimit and
// beyond round to infinity.
const (
	halfMax   = 65504
	halfLimit = 65520
)

// toHalf rounds to the nearest half, ties to even, as IEEE 754 has it. It
// reports false where a finite value would become infinite. NaN keeps no
// payload.
func toHalf(v float32) (uint16, bool) {
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	abs := b & 0x7fffffff
	switch {
	case abs > 0x7f800000:
		return sign | 0x7e00, true
	case abs == 0x7f800000:
		return sign | 0x7c00, true
	case math.Float32frombits(abs) >= halfLimit:
		return 0, false
	case abs < 0x38800000: // below 2^-14: subnormal, a multiple of 2^-24
		// Adding 2^-1 makes the unit in the last place 2^-24, so that the
		// addition itself rounds.
		r := math.Float32frombits(abs) + 0.5
		return sign | uint16(math.Float32bits(r)-math.Float32bits(0.5)), true
	}
	// Rebias the exponent by 112, and round the 13 bits that go.
	abs += 0xfff + (abs >> 13 & 1)
	return sign | uint16((abs-112<<23)>>13), true
}

// fromHalf is exact.
func fromHalf(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	abs := uint32(h & 0x7fff)
	if abs >= 0x7c00 { // infinity and NaN
		return math.Float32frombits(sign | 0x7f800000 | abs<<13&0x7fffff)
	}
	// As a float32 with the bias of a half this is 2^-112 too small.
	return math.Float32frombits(sign | math.Float32bits(math.Float32frombits(abs<<13)*0x1p112))
}
