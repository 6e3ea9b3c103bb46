package nifti

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// DataType is the code of how a voxel is stored.
type DataType int16

// The data types that are decoded. [Encode] writes Uint8, Int16 and Float32.
const (
	Uint8   DataType = 2
	Int16   DataType = 4
	Int32   DataType = 8
	Float32 DataType = 16
	Float64 DataType = 64
	Int8    DataType = 256
	Uint16  DataType = 512
	Uint32  DataType = 768
	Int64   DataType = 1024
	Uint64  DataType = 1280
)

// String returns the type's usual name: "int16", "complex64", "rgb24".
func (t DataType) String() string {
	switch t {
	case Uint8:
		return "uint8"
	case Int16:
		return "int16"
	case Int32:
		return "int32"
	case Float32:
		return "float32"
	case Float64:
		return "float64"
	case Int8:
		return "int8"
	case Uint16:
		return "uint16"
	case Uint32:
		return "uint32"
	case Int64:
		return "int64"
	case Uint64:
		return "uint64"
	case 1:
		return "binary"
	case 32:
		return "complex64"
	case 128:
		return "rgb24"
	case 1536:
		return "float128"
	case 1792:
		return "complex128"
	case 2048:
		return "complex256"
	case 2304:
		return "rgba32"
	}
	return t.number()
}

// defined reports whether the standard has the code with a size of its own; 0
// (unknown) and 255 (all) it has without.
func (t DataType) defined() bool { return t.String() != t.number() }

func (t DataType) number() string { return fmt.Sprintf("datatype(%d)", int16(t)) }

// Size returns the bytes that a voxel takes in the file, 0 for a type that is
// not decoded.
func (t DataType) Size() int {
	switch t {
	case Uint8, Int8:
		return 1
	case Int16, Uint16:
		return 2
	case Int32, Uint32, Float32:
		return 4
	case Float64, Int64, Uint64:
		return 8
	}
	return 0
}

// Header is what a file says about its voxels. It has none of the file's free
// texts (descrip, aux_file, db_name, intent_name), which can name a patient.
type Header struct {
	Version   int  // 1 or 2
	BigEndian bool // byte order of header and voxels
	Pair      bool // the voxels are in a file of their own (.img)

	Dim    []int      // 1 to 7 sizes, x first; each at least 1
	Type   DataType   // how a voxel is stored
	PixDim [8]float64 // as stored: [0] is the sign of the qform's z, [1] to [7] the spacing of x, y, z, t...

	VoxOffset int64   // where the voxels begin in their file, in bytes
	Slope     float64 // scl_slope as stored; see the package's doc for what counts
	Inter     float64 // scl_inter as stored
	CalMin    float64 // display range, lower end
	CalMax    float64 // display range, upper end

	Units      uint8 // xyzt_units: low 3 bits 1 m, 2 mm, 3 um; next 3 bits 8 s, 16 ms, 24 us...
	IntentCode int   // what the values mean; 0 nothing said

	QformCode int        // above 0: quaternion and offset are set
	SformCode int        // above 0: Srow is set, and is used
	Quatern   [3]float64 // b, c, d of the unit quaternion a, b, c, d with a >= 0
	QOffset   [3]float64 // world x, y, z of voxel 0, 0, 0
	Srow      [3][4]float64
}

// Sizes of the header proper; single files have 4 more bytes, the extender,
// before extensions or voxels.
const (
	size1    = 348
	size2    = 540
	extender = 4
)

// layout says where the fields of one version begin.
type layout struct {
	size, dim, datatype, pixdim, voxOffset, slope, cal int
	qform, quatern, srow, units, intent, magic         int
}

var (
	layout1 = layout{size: size1, dim: 40, datatype: 70, pixdim: 76, voxOffset: 108, slope: 112, cal: 124,
		qform: 252, quatern: 256, srow: 280, units: 123, intent: 68, magic: 344}
	layout2 = layout{size: size2, dim: 16, datatype: 12, pixdim: 104, voxOffset: 168, slope: 176, cal: 192,
		qform: 344, quatern: 352, srow: 400, units: 500, intent: 504, magic: 4}
)

// layout returns where the fields of h are, for the offsets of errors.
func (h *Header) layout() *layout {
	if h.Version == 2 {
		return &layout2
	}
	return &layout1
}

// sizeof tells version and byte order from the first four bytes, which hold
// the header's size.
func sizeof(b []byte) (version int, o binary.ByteOrder) {
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch o.Uint32(b) {
		case size1:
			return 1, o
		case size2:
			return 2, o
		}
	}
	return 0, nil
}

// parse reads and checks a header of either version from its 348 or 540 bytes.
func parse(b []byte, version int, o binary.ByteOrder) (*Header, error) {
	h := &Header{Version: version, BigEndian: o == binary.BigEndian}
	if err := h.setMagic(b); err != nil {
		return nil, err
	}
	l := h.layout()
	// Version 2 widened int16 to int32 or int64 and float32 to float64.
	short := func(at int) int64 { return int64(int16(o.Uint16(b[at:]))) }
	code, long, wide := short, short, 2
	float, fwide := func(at int) float64 { return float64(math.Float32frombits(o.Uint32(b[at:]))) }, 4
	if version == 2 {
		code = func(at int) int64 { return int64(int32(o.Uint32(b[at:]))) }
		long, wide = func(at int) int64 { return int64(o.Uint64(b[at:])) }, 8
		float, fwide = func(at int) float64 { return math.Float64frombits(o.Uint64(b[at:])) }, 8
	}

	n := long(l.dim)
	if n < 1 || n > 7 {
		return nil, h.bad(l.dim, "dim[0]", "is %d; a volume has 1 to 7 dimensions", n)
	}
	for i := 1; i <= int(n); i++ {
		d := long(l.dim + i*wide)
		if d < 1 || d > math.MaxInt {
			return nil, h.bad(l.dim+i*wide, fmt.Sprintf("dim[%d]", i), "is %d; a size is at least 1", d)
		}
		h.Dim = append(h.Dim, int(d))
	}
	h.Type = DataType(short(l.datatype))
	for i := range h.PixDim {
		h.PixDim[i] = float(l.pixdim + i*fwide)
	}
	h.Slope, h.Inter = float(l.slope), float(l.slope+fwide)
	h.CalMax, h.CalMin = float(l.cal), float(l.cal+fwide)
	h.Units = b[l.units]
	h.IntentCode = int(code(l.intent))
	offset, cwide := float, 2
	if version == 2 {
		h.Units = uint8(o.Uint32(b[l.units:]))
		offset, cwide = func(at int) float64 { return float64(long(at)) }, 4
	}
	if err := h.setOffset(offset(l.voxOffset)); err != nil {
		return nil, err
	}
	h.QformCode, h.SformCode = int(code(l.qform)), int(code(l.qform+cwide))
	for i := range 3 {
		h.Quatern[i] = float(l.quatern + i*fwide)
		h.QOffset[i] = float(l.quatern + (3+i)*fwide)
		for j := range 4 {
			h.Srow[i][j] = float(l.srow + (4*i+j)*fwide)
		}
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	return h, nil
}

// setMagic tells a single file from a pair. It comes before the other fields,
// which mean nothing in a foreign header.
func (h *Header) setMagic(b []byte) error {
	at := h.layout().magic
	magic := string(b[at : at+4])
	switch {
	case magic == fmt.Sprintf("n+%d\x00", h.Version):
	case magic == fmt.Sprintf("ni%d\x00", h.Version):
		h.Pair = true
	case h.Version == 1 && magic == "\x00\x00\x00\x00" && string(b[4:7]) != "n+2" && string(b[4:7]) != "ni2":
		return UnsupportedError("ANALYZE 7.5 header (the magic is empty): it has no orientation; convert the image to NIfTI")
	default:
		return h.bad(at, "magic", "is %q; NIfTI-%d has \"n+%[2]d\\x00\" or \"ni%[2]d\\x00\": the file is damaged or of another format", magic, h.Version)
	}
	if h.Version == 2 {
		if eol := string(b[8:12]); eol != "\r\n\x1a\n" && eol != "\x00\x00\x00\x00" {
			return h.bad(8, "magic", "its line ends are %q: the file was damaged by a transfer as text; copy it again as binary", eol)
		}
	}
	return nil
}

// setOffset takes vox_offset, which NIfTI-1 stores as float32, and puts the
// default where a single file has 0.
func (h *Header) setOffset(v float64) error {
	l := h.layout()
	first := int64(l.size + extender)
	// 2^53 is past any file, and below it float64 holds every integer.
	if !(math.Abs(v) < 1<<53) || v != math.Trunc(v) {
		return h.bad(l.voxOffset, "vox_offset", "is %g; it must be a whole number of bytes, and within a file", v)
	}
	h.VoxOffset = int64(v)
	switch {
	case h.VoxOffset < 0:
		return h.bad(l.voxOffset, "vox_offset", "is %d, below 0", h.VoxOffset)
	case h.Pair || h.VoxOffset >= first:
	case h.VoxOffset == 0:
		h.VoxOffset = first
	default:
		return h.bad(l.voxOffset, "vox_offset", "is %d, inside the header, which ends at %d", h.VoxOffset, first)
	}
	return nil
}

// check refuses what would make values or geometry meaningless.
func (h *Header) check() error {
	l := h.layout()
	if !h.Type.defined() {
		return h.bad(l.datatype, "datatype", "is %d, which no standard defines", int16(h.Type))
	}
	if h.scaled() && !finite(h.Inter) {
		return h.bad(l.slope, "scl_inter", "is %g while scl_slope is %g", h.Inter, h.Slope)
	}
	if h.SformCode <= 0 && h.QformCode > 0 {
		if over := h.quaternOver(); over > maxQuaternOver {
			return h.bad(l.quatern, "quatern", "b, c, d = %g: their squares exceed 1 by %g; no rotation", h.Quatern, over)
		}
	}
	for _, row := range h.Affine() {
		for _, v := range row {
			if !finite(v) {
				return h.bad(l.qform, "qform_code", "the affine that is in use (qform %d, sform %d) is not finite", h.QformCode, h.SformCode)
			}
		}
	}
	return nil
}

func (h *Header) bad(at int, field, format string, args ...any) error {
	return &FormatError{Offset: int64(at), Field: field, Msg: fmt.Sprintf(format, args...)}
}

// Shape returns the sizes x, y, z, t... The slice is the caller's.
func (h *Header) Shape() []int { return slices.Clone(h.Dim) }

// scaled reports whether slope and intercept change any value.
func (h *Header) scaled() bool {
	return finite(h.Slope) && h.Slope != 0 && (h.Slope != 1 || h.Inter != 0)
}

// count returns the number of voxels, or an error where they would need more
// than limit bytes at width bytes each.
func (h *Header) count(width int, limit int64) (int, error) {
	n := uint64(1)
	for _, d := range h.Dim {
		hi, lo := bits.Mul64(n, uint64(max(d, 0)))
		// A factor of 8 stays free for the bytes of a voxel.
		if hi != 0 || lo > math.MaxInt/8 {
			n = math.MaxUint64
			break
		}
		n = lo
	}
	if n > uint64(max(limit, 0))/uint64(width) {
		return 0, &FormatError{Offset: int64(h.layout().dim), Field: "dim", err: ErrLimit,
			Msg: fmt.Sprintf("%d voxels need more than the limit of %d bytes at %d bytes each; raise the limit if the file is known to be that large", h.Dim, limit, width)}
	}
	return int(n), nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
