package nifti

import (
	"encoding/binary"
	"errors"
	"io"
)

// errDeflate says that a DEFLATE stream is broken.
var errDeflate = errors.New("invalid DEFLATE data")

const (
	window   = 32 << 10 // how far back a match may reach
	fresh    = 96 << 10 // what next returns at most, or little more: with the window it fits the second-level cache
	longest  = 258      // the longest match
	slack    = 48       // what a turn of the fast loop may write besides its match
	readSize = 64 << 10 // size of reads
	keep     = 8        // bytes before ip that may be given back
	turn     = 16       // bytes of input that a turn of the fast loop may look at
)

// inflater decompresses DEFLATE (RFC 1951). On volumes it takes half the time of
// the flate packages: it keeps up to 63 bits of input in a register, so that a
// literal and a match need one look at memory, writes matches by words, clears
// zeros, which most of a volume is, and hands out what it wrote without a copy.
type inflater struct {
	src    io.Reader
	srcErr error // of src: io.EOF at its end

	// The input not used yet: the low n bits of b, then in[ip:ie]. Bits of b
	// above n are 0 or the first of in[ip:].
	b      uint64
	n      uint
	ip, ie int

	op, from int   // out[from:op] is being handed out; all before is history
	stop     int   // where to stop writing, about
	err      error // of the stream: io.EOF at its end

	blocks block
	final  bool
	stored int // bytes of a stored block that are left

	lit  [litSize]uint32
	dist [distSize]uint32
	in   [keep + readSize]byte
	out  [window + fresh + longest + slack]byte
}

// block says where in a block a stream is.
type block uint8

const (
	between block = iota
	inStored
	inCodes
)

// reset starts a stream at src.
func (z *inflater) reset(src io.Reader) {
	z.src, z.srcErr = src, nil
	z.ip, z.ie = keep, keep
	z.restart()
}

// restart begins another stream where the last one ended.
func (z *inflater) restart() {
	z.b, z.n = 0, 0
	z.op, z.from, z.err = 0, 0, nil
	z.blocks, z.final = between, false
}

// fill makes at least want bytes available at in[ip:], or as many as there are.
func (z *inflater) fill(want int) {
	if z.ie-z.ip >= want || z.srcErr != nil {
		return
	}
	z.ie = copy(z.in[:], z.in[z.ip-keep:z.ie])
	z.ip = keep
	for tries := 0; z.ie-z.ip < want && z.srcErr == nil; tries++ {
		if tries == 100 {
			z.srcErr = io.ErrNoProgress
			return
		}
		k, err := z.src.Read(z.in[z.ie:])
		if z.ie += k; k > 0 {
			tries = 0
		}
		z.srcErr = err
	}
}

// next returns the bytes that come next, at least one and at most about most,
// valid until the next call. Its error is io.EOF after the last byte, and comes after all bytes that
// precede it.
func (z *inflater) next(most int) ([]byte, error) {
	if z.op >= window+fresh {
		copy(z.out[:window], z.out[z.op-window:z.op])
		z.op = window
	}
	z.from = z.op
	z.stop = min(z.op+most, window+fresh)
	for z.op < z.stop && z.err == nil {
		switch z.blocks {
		case between:
			z.err = z.header()
		case inStored:
			z.err = z.copyStored()
		case inCodes:
			if z.fill(turn); z.ie-z.ip >= turn {
				z.err = z.fast()
			} else {
				z.err = z.symbol()
			}
		}
	}
	if z.op > z.from {
		return z.out[z.from:z.op], nil
	}
	return nil, z.err
}

// need makes n at least k, which is up to 32.
func (z *inflater) need(k uint) error {
	if z.n >= k {
		return nil
	}
	z.fill(turn)
	for z.n <= 56 && z.ip < z.ie {
		z.b |= uint64(z.in[z.ip]) << z.n
		z.n += 8
		z.ip++
	}
	if z.n < k {
		return z.short()
	}
	return nil
}

// short is the error of input that ends too early.
func (z *inflater) short() error {
	if !errors.Is(z.srcErr, io.EOF) {
		return z.srcErr
	}
	return io.ErrUnexpectedEOF
}

// take returns the next k bits; need has made sure that they are there.
func (z *inflater) take(k uint) uint {
	v := uint(z.b & (1<<k - 1))
	z.b >>= k
	z.n -= k
	return v
}

// align drops the bits up to the next whole byte, and gives whole ones back.
func (z *inflater) align() {
	z.ip -= int(z.n / 8)
	z.b, z.n = 0, 0
}

// header reads what stands before a block's contents.
func (z *inflater) header() error {
	if z.final {
		z.align()
		return io.EOF
	}
	if err := z.need(3); err != nil {
		return err
	}
	z.final = z.take(1) == 1
	switch z.take(2) {
	case 0:
		z.align()
		if err := z.need(32); err != nil {
			return err
		}
		size, check := z.take(16), z.take(16)
		if size != check^0xffff {
			return errDeflate
		}
		z.align()
		z.stored, z.blocks = int(size), inStored
		return nil
	case 1:
		var lengths [numLit + numDist]uint8
		for i := range lengths {
			switch {
			case i < 144, i >= 280 && i < numLit:
				lengths[i] = 8
			case i < 256:
				lengths[i] = 9
			case i < 280:
				lengths[i] = 7
			default:
				lengths[i] = 5
			}
		}
		return z.tables(lengths[:numLit], lengths[numLit:])
	case 2:
		return z.dynamic()
	}
	return errDeflate
}

func (z *inflater) copyStored() error {
	if z.stored == 0 {
		z.blocks = between
		return nil
	}
	z.fill(1)
	k := min(z.stored, z.ie-z.ip, z.stop-z.op)
	if k == 0 {
		return z.short()
	}
	copy(z.out[z.op:], z.in[z.ip:z.ip+k])
	z.op += k
	z.ip += k
	z.stored -= k
	return nil
}

// fast decodes symbols while there is input and room for any of them. A turn
// takes literals as long as a length still fits in b, up to 33 of one bit, and
// then one other symbol.
func (z *inflater) fast() error {
	lit, dist, in, out := &z.lit, &z.dist, &z.in, &z.out
	b, n, ip, op := z.b, z.n, z.ip, z.op
	last, stop := z.ie-turn, min(z.stop, window+fresh)
	var err error
	for ip <= last && op < stop {
		b |= binary.LittleEndian.Uint64(in[ip:]) << (n & 63)
		ip += int((63 - n) >> 3)
		n |= 56
		e := lit[b&(1<<litBits-1)]
		for e&isLiteral != 0 && n >= litBits+maxLength {
			out[op] = byte(e >> 8)
			op++
			b >>= e & 63
			n -= uint(e & 63)
			e = lit[b&(1<<litBits-1)]
		}
		if e>>28 != 0 {
			if e&isTable != 0 {
				b >>= litBits
				n -= litBits
				e = lit[(uint(e>>12)+uint(b&(1<<(e>>8&15)-1)))%litSize]
			}
			if e>>28 != 0 {
				b >>= e & 63
				n -= uint(e & 63)
				if e&isLiteral != 0 {
					out[op] = byte(e >> 8)
					op++
					continue
				}
				if e&isEnd == 0 {
					err = errDeflate
				}
				z.blocks = between
				break
			}
		}
		length := int(e>>12) + int(b&(1<<(e&63)-1)>>(e>>8&15))
		b >>= e & 63
		n -= uint(e & 63)

		if n < maxDist {
			b |= binary.LittleEndian.Uint64(in[ip:]) << (n & 63)
			ip += int((63 - n) >> 3)
			n |= 56
		}
		e = dist[b&(1<<distBits-1)]
		if e&isTable != 0 {
			b >>= distBits
			n -= distBits
			e = dist[(uint(e>>12)+uint(b&(1<<(e>>8&15)-1)))%distSize]
		}
		back := int(e>>12) + int(b&(1<<(e&63)-1)>>(e>>8&15))
		b >>= e & 63
		n -= uint(e & 63)
		if back > op || e>>28 != 0 {
			err = errDeflate
			break
		}
		if back >= 8 && length <= 16 {
			from := op - back
			binary.LittleEndian.PutUint64(out[op:], binary.LittleEndian.Uint64(out[from:]))
			binary.LittleEndian.PutUint64(out[op+8:], binary.LittleEndian.Uint64(out[from+8:]))
		} else {
			repeat(out, op, back, length)
		}
		op += length
	}
	z.b, z.n, z.ip, z.op = b, n, ip, op
	return err
}

// repeat writes length bytes at out[op:] that are those back bytes before, which
// may overlap. It may write up to 7 bytes more.
func repeat(out *[window + fresh + longest + slack]byte, op, back, length int) {
	end := op + length
	from := op - back
	if back >= 8 {
		if length > 32 && back >= length {
			copy(out[op:end], out[from:])
			return
		}
		for ; op < end; op, from = op+8, from+8 {
			binary.LittleEndian.PutUint64(out[op:], binary.LittleEndian.Uint64(out[from:]))
		}
		return
	}
	var w uint64
	switch back {
	case 1:
		w = uint64(out[from]) * 0x0101010101010101
	case 2:
		w = uint64(binary.LittleEndian.Uint16(out[from:])) * 0x0001000100010001
	case 4:
		w = uint64(binary.LittleEndian.Uint32(out[from:])) * 0x0000000100000001
	default:
		for ; op < end; op, from = op+1, from+1 {
			out[op] = out[from]
		}
		return
	}
	if w == 0 && length > 32 {
		clear(out[op:end])
		return
	}
	for ; op < end; op += 8 {
		binary.LittleEndian.PutUint64(out[op:], w)
	}
}

// symbol is fast for one symbol, near the end of the input.
func (z *inflater) symbol() error {
	e, err := z.code(z.lit[:], litBits)
	if err != nil {
		return err
	}
	switch {
	case e&isLiteral != 0:
		z.out[z.op] = byte(e >> 8)
		z.op++
		return nil
	case e&isEnd != 0:
		z.blocks = between
		return nil
	}
	length := int(e >> 12)
	if e, err = z.code(z.dist[:], distBits); err != nil {
		return err
	}
	back := int(e >> 12)
	if back > z.op {
		return errDeflate
	}
	repeat(&z.out, z.op, back, length)
	z.op += length
	return nil
}

// code reads one code of a table and its extra bits, which it adds to its base.
func (z *inflater) code(table []uint32, bits uint) (uint32, error) {
	short := z.need(32) // which the last codes need not have
	e := table[z.b&(1<<bits-1)]
	used := uint(0)
	if e&isTable != 0 {
		used = bits
		e = table[uint(e>>12&0xffff)+uint(z.b>>bits&(1<<(e>>8&15)-1))]
	}
	all := uint(e & 63)
	if used+all > z.n || e&isInvalid != 0 && short != nil {
		return 0, short
	}
	if e&isInvalid != 0 {
		return 0, errDeflate
	}
	z.take(used)
	extra := uint32(z.take(all))
	if e>>28 == 0 {
		e += extra >> (e >> 8 & 15) << 12
	}
	return e, nil
}
