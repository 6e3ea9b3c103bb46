package nifti

import (
	"math/bits"
	"slices"
)

// An entry of a table, of 32 bits, by its top four:
//
//	literal    isLiteral | byte<<8 | bits
//	a base     value<<12 | bits of the code<<8 | bits with the extra ones
//	a table    isTable | place<<12 | bits of its index<<8, for longer codes
//	end        isEnd | bits
//	invalid    isInvalid
const (
	isLiteral = 1 << 31
	isTable   = 1 << 30
	isEnd     = 1 << 29
	isInvalid = 1 << 28
)

// Sizes of the alphabets, of a table's index, and of tables with the tables of
// longer codes: the most that any code of 15 bits needs is 2342 and 402 (zlib's
// enough.c), rounded up to a power of two to do without a check.
const (
	numLit   = 288
	numDist  = 32
	litBits  = 11
	distBits = 8
	litSize  = 4096
	distSize = 512
	maxCode  = 15

	maxLength = maxCode + 5  // bits of a length
	maxDist   = maxCode + 13 // and of a distance
)

// litEntries and distEntries have the entry of each symbol, for a code of no
// bits.
var litEntries, distEntries = func() (l [numLit]uint32, d [numDist]uint32) {
	for i := range 256 {
		l[i] = isLiteral | uint32(i)<<8
	}
	l[256] = isEnd
	value := uint32(3)
	for i := range uint32(28) {
		extra := max(i/4, 1) - 1
		l[257+i] = value<<12 | extra
		value += 1 << extra
	}
	l[285] = longest << 12
	l[286], l[287] = isInvalid, isInvalid
	value = 1
	for i := range uint32(30) {
		extra := max(i/2, 1) - 1
		d[i] = value<<12 | extra
		value += 1 << extra
	}
	d[30], d[31] = isInvalid, isInvalid
	return l, d
}()

// tables makes the tables of a block from the lengths of its codes.
func (z *inflater) tables(lit, dist []uint8) error {
	if !build(z.lit[:], litBits, lit, litEntries[:]) || !build(z.dist[:], distBits, dist, distEntries[:]) {
		return errDeflate
	}
	z.blocks = inCodes
	return nil
}

// codeOrder is in which order the lengths of the codes for lengths come.
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads a block's own codes.
func (z *inflater) dynamic() error {
	if err := z.need(14); err != nil {
		return err
	}
	nlit, ndist, ncode := int(z.take(5))+257, int(z.take(5))+1, int(z.take(4))+4
	if nlit > 286 || ndist > 30 {
		return errDeflate
	}
	var codes [19]uint8
	for _, at := range codeOrder[:ncode] {
		if err := z.need(3); err != nil {
			return err
		}
		codes[at] = uint8(z.take(3))
	}
	var entries [19]uint32
	for i := range entries {
		entries[i] = uint32(i) << 12
	}
	var table [1 << 7]uint32
	if !build(table[:], 7, codes[:], entries[:]) {
		return errDeflate
	}
	var lengths [numLit + numDist]uint8
	for i := 0; i < nlit+ndist; {
		e, err := z.code(table[:], 7)
		if err != nil {
			return err
		}
		v, times, extra := uint8(e>>12), 1, uint(0)
		switch v {
		case 16:
			if i == 0 {
				return errDeflate
			}
			v, times, extra = lengths[i-1], 3, 2
		case 17:
			v, times, extra = 0, 3, 3
		case 18:
			v, times, extra = 0, 11, 7
		}
		if err := z.need(extra); err != nil {
			return err
		}
		times += int(z.take(extra))
		if i+times > nlit+ndist {
			return errDeflate
		}
		for range times {
			lengths[i] = v
			i++
		}
	}
	return z.tables(lengths[:nlit], lengths[nlit:nlit+ndist])
}

// build fills a table, whose index has that many bits, for codes of the given
// lengths, 0 for a symbol without one. It reports whether they are a code: one
// that leaves no bits without a meaning, or has no symbol but one of one bit.
func build(table []uint32, index uint, lengths []uint8, entries []uint32) bool {
	var buf [numLit]uint16
	codes := buf[:len(lengths)]
	used := number(codes, lengths)
	if used != 1<<maxCode {
		if used != 0 && (used != 1<<(maxCode-1) || slices.Max(lengths) != 1) {
			return false
		}
		for i := range table[:1<<index] {
			table[i] = isInvalid
		}
	}
	subtables(table, index, codes, lengths)
	for s, l := range lengths {
		if l == 0 {
			continue
		}
		code, part := uint(codes[s]), table[:1<<index]
		if l > uint8(index) {
			t := part[code%(1<<index)]
			part = table[t>>12&0xffff:][:1<<(t>>8&15)]
			code >>= index
			l -= uint8(index)
		}
		e := entries[s] + uint32(l)
		if e>>28 == 0 {
			e += uint32(l) << 8
		}
		for ; code < uint(len(part)); code += 1 << l {
			part[code] = e
		}
	}
	return true
}

// number sets the canonical codes (RFC 1951, 3.2.2), the first bit lowest. It
// returns how much of the room for codes they take, of 1<<maxCode.
func number(codes []uint16, lengths []uint8) (used int) {
	var next [maxCode + 2]int // the next code of each length; of 0 it is of no use
	for _, l := range lengths {
		next[l+1]++
		if l > 0 {
			used += 1 << (maxCode - l)
		}
	}
	next[1] = 0
	for l := 1; l <= maxCode; l++ {
		next[l+1] = (next[l] + next[l+1]) << 1
	}
	for s, l := range lengths {
		codes[s] = bits.Reverse16(uint16(next[l] << (16 - l)))
		next[l]++
	}
	return used
}

// subtables makes room for the codes that are longer than the index. Those with
// the same first bits share a table, which the longest of them needs.
func subtables(table []uint32, index uint, codes []uint16, lengths []uint8) {
	if slices.Max(lengths) <= uint8(index) {
		return
	}
	var most [1 << litBits]uint8
	for s, l := range lengths {
		if l > uint8(index) {
			at := codes[s] % (1 << index)
			most[at] = max(most[at], l-uint8(index))
		}
	}
	place := uint32(1) << index
	for at, n := range most[:1<<index] {
		if n > 0 {
			table[at] = isTable | place<<12 | uint32(n)<<8
			place += 1 << n
		}
	}
}
