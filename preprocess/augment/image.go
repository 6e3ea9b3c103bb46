package augment

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// ImageOptions says how far a picture is moved. Each number is drawn uniformly
// between minus and plus its field; the zero value moves nothing.
type ImageOptions struct {
	RotateDeg float64 // about the middle, in degrees, 0 to 180
	Scale     float64 // part by which it grows or shrinks, along both axes alike, 0 to 0.9
	Shift     float64 // along each axis, in pixels, 0 to 10,000
	ShearDeg  float64 // by which uprights lean, in degrees, 0 to 60
	// Elastic bends the picture: the standard deviation of each axis' shift of a
	// place, in pixels, 0 to 100, of a smooth random field (a cubic B-spline) with
	// a knot every Knots pixels; 0 knots is 7.
	Elastic, Knots float64
	// Border is what lies around the picture. Where Hold is set it is the nearest
	// pixel's value instead, whatever that is.
	Border float32
	Hold   bool
	Pool   *Pool // lends the arrays; may be nil
}

func (o *ImageOptions) validate() error {
	if o.Knots == 0 {
		o.Knots = 7
	}
	for _, f := range []struct {
		what      string
		v, lo, hi float64
	}{
		{"rotation in degrees", o.RotateDeg, 0, 180}, {"scale", o.Scale, 0, 0.9}, {"shift in pixels", o.Shift, 0, 1e4},
		{"shear in degrees", o.ShearDeg, 0, 60}, {"elastic in pixels", o.Elastic, 0, 100}, {"pixels a knot", o.Knots, 2, 1e4},
		{"border", float64(o.Border), -math.MaxFloat32, math.MaxFloat32},
	} {
		if err := within(f.what, f.v, f.lo, f.hi); err != nil {
			return err
		}
	}
	return nil
}

func (o *ImageOptions) name() string {
	l := newLabel("image")
	l.num("rot", o.RotateDeg)
	l.num("scale", o.Scale)
	l.num("shift", o.Shift)
	l.num("shear", o.ShearDeg)
	if o.Elastic > 0 {
		l.num("elastic", o.Elastic, o.Knots)
	}
	if o.Hold {
		l.WriteString("-hold")
	} else {
		l.num("border", float64(o.Border))
	}
	return l.name()
}

// Image returns the stage that moves the picture of modality mod, an array of
// shape [H, W] or [channels, H, W], within 16,384 pixels a side: scaled, then
// sheared, turned and shifted, about its middle, and bent, all in one bilinear
// resampling. A place outside of the picture has the value of the border, and
// between it and the outermost pixels is interpolated as between two pixels.
func Image(mod int, o ImageOptions) (preprocess.Stage, error) {
	if err := checkModality(mod); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &image{mod: mod, o: o, name: o.name()}, nil
}

type image struct {
	mod     int
	o       ImageOptions
	name    string
	scratch sync.Pool // *imageScratch
}

// imageScratch is memory for one picture at a time.
type imageScratch struct {
	pad    []float32 // a plane with a border around it
	xs, ys []int64   // where a row's pixels come from
	bend   bend
}

const maxSide = 1 << 14

func (st *image) Name() string { return st.name }

func (st *image) Apply(_ context.Context, rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	in, there, err := inputOf(s, st.mod)
	if err != nil {
		return err
	}
	if there {
		d := len(in.Shape)
		if d < 2 || d > 3 || in.Shape[d-2] > maxSide || in.Shape[d-1] > maxSide {
			return fault(s, "modality %d has the shape %v, a picture has H x W, each at most %d", st.mod, in.Shape, maxSide)
		}
		out := ingest.Array{Shape: in.Shape, Data: st.o.Pool.array(len(in.Data))}
		st.move(rng, out.Data, in.Data, in.Shape[d-2], in.Shape[d-1])
		s.Inputs[st.mod] = out
	}
	s.Definitions = append(s.Definitions, st.name)
	emit(s)
	return nil
}

// move draws a movement and writes the planes of src, h x w each, moved to dst.
func (st *image) move(rng *rand.Rand, dst, src []float32, h, w int) {
	sc, _ := st.scratch.Get().(*imageScratch)
	if sc == nil {
		sc = &imageScratch{}
	}
	defer st.scratch.Put(sc)
	a := st.o.draw(rng, h, w)
	if st.o.Elastic > 0 {
		sc.bend.draw(rng, st.o.Elastic, st.o.Knots, h, w)
	}
	sc.xs, sc.ys = resize(sc.xs, w), resize(sc.ys, w)
	for plane := h * w; len(src) > 0; src, dst = src[plane:], dst[plane:] {
		sc.surround(src[:plane], h, w, st.o.Border, st.o.Hold)
		for y := range h {
			a.row(sc.xs, sc.ys, y)
			if st.o.Elastic > 0 {
				sc.bend.add(sc.xs, sc.ys, y)
			}
			clamp(sc.xs, -one, int64(w)*one) // beyond the first pixel of the border is border too
			clamp(sc.ys, -one, int64(h)*one)
			sample(dst[y*w:][:w], sc.pad, w+3, sc.xs, sc.ys)
		}
	}
}

// one is a pixel in the fixed point of coordinates: 32 bits of fraction, so
// that a row of any length ends where it should to a millionth of a pixel.
const one = 1 << 32

// affine says where the pixel y, x of the result comes from: to
// (y0 + yy*y + yx*x, x0 + xy*y + xx*x) of the picture.
type affine struct{ y0, yy, yx, x0, xy, xx float64 }

// draw returns the inverse of a movement about the middle. It draws five
// numbers, whatever is off.
func (o *ImageOptions) draw(rng *rand.Rand, h, w int) affine {
	turn := either(rng, o.RotateDeg) * math.Pi / 180
	zoom := 1 + either(rng, o.Scale)
	lean := math.Tan(either(rng, o.ShearDeg) * math.Pi / 180)
	dy, dx := either(rng, o.Shift), either(rng, o.Shift)
	// Forward, for (x, y) with y downwards: turn * lean * zoom. The inverse of the
	// turn is its transpose; that of the lean, (x + l*y, y), is (x - l*y, y).
	sin, cos := math.Sincos(turn)
	a := affine{
		xx: (cos + lean*sin) / zoom, xy: (sin - lean*cos) / zoom,
		yx: -sin / zoom, yy: cos / zoom,
	}
	cy, cx := float64(h-1)/2, float64(w-1)/2
	a.x0 = cx - a.xx*(cx+dx) - a.xy*(cy+dy)
	a.y0 = cy - a.yx*(cx+dx) - a.yy*(cy+dy)
	return a
}

// row writes where the pixels of row y come from.
func (a affine) row(xs, ys []int64, y int) {
	x0, dx := int64(math.Round((a.x0+a.xy*float64(y))*one)), int64(math.Round(a.xx*one))
	y0, dy := int64(math.Round((a.y0+a.yy*float64(y))*one)), int64(math.Round(a.yx*one))
	ys = ys[:len(xs)]
	for i := range xs {
		xs[i], ys[i] = x0, y0
		x0 += dx
		y0 += dy
	}
}

// clamp brings coordinates to lo to hi.
func clamp(v []int64, lo, hi int64) {
	for i, c := range v {
		if c < lo {
			c = lo
		}
		if c > hi {
			c = hi
		}
		v[i] = c
	}
}

// surround fills pad with the plane, one pixel of border before it and two
// behind, in both directions: the second is read with weight 0.
func (sc *imageScratch) surround(src []float32, h, w int, border float32, hold bool) {
	stride := w + 3
	sc.pad = resize(sc.pad, (h+3)*stride)
	if !hold {
		for i := range sc.pad {
			sc.pad[i] = border
		}
	}
	for y := range h {
		copy(sc.pad[(y+1)*stride+1:][:w], src[y*w:])
	}
	if hold {
		for y := range h {
			row := sc.pad[(y+1)*stride:][:stride]
			row[0], row[w+1], row[w+2] = row[1], row[w], row[w]
		}
		copy(sc.pad[:stride], sc.pad[stride:])
		copy(sc.pad[(h+1)*stride:][:stride], sc.pad[h*stride:])
		copy(sc.pad[(h+2)*stride:][:stride], sc.pad[h*stride:])
	}
}

// sample writes the values of pad, of the given stride, at the places xs, ys,
// interpolated linearly between four pixels.
func sample(dst, pad []float32, stride int, xs, ys []int64) {
	xs, ys = xs[:len(dst)], ys[:len(dst)]
	for i := range dst {
		x, y := xs[i]+one, ys[i]+one // in the frame of surround
		at := int(y>>32)*stride + int(x>>32)
		fx, fy := part(x), part(y)
		top, below := pad[at:at+2], pad[at+stride:at+stride+2]
		t := top[0] + fx*(top[1]-top[0])
		b := below[0] + fx*(below[1]-below[0])
		dst[i] = t + fy*(b-t)
	}
}

// part returns the fraction of a coordinate, to 24 bits.
func part(c int64) float32 { return float32(int32(uint32(c)>>8)) * (1.0 / (1 << 24)) }

// resize returns v or another slice of n values, whatever they are.
func resize[T any](v []T, n int) []T {
	if cap(v) < n {
		return make([]T, n)
	}
	return v[:n]
}
