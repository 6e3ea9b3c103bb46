package enginetest

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
	"pgregory.net/rapid"
)

// A kernel is a name of a method of engine.Engine and how to draw a call of it.
type kernel struct {
	name string
	draw func(d draw) call
}

// check draws a call of k and holds the device to everything that the package's
// comment says.
func (b *bench) check(t *rapid.T, k kernel) {
	d := newDraw(t)
	c := k.draw(d)
	c.spec = strings.TrimSpace(k.name + " " + c.spec)
	guarded := d.bool("slices")

	in, got := c.on(t, b.device, c.data(), guarded)
	_, want := c.on(t, b.reference, in, false)
	tolerance := b.tolerances(t, c, in, want)
	c.compare(t, got, want, tolerance)

	for _, e := range append([]engine.Engine{b.device}, b.same...) {
		if _, again := c.on(t, e, c.data(), guarded); !slices.EqualFunc(got, again, sameBits) {
			t.Fatalf("%v: %s does not give the same bits as %s did", c, e.Name(), b.device.Name())
		}
	}
	for _, p := range c.inPlace {
		_, placed := c.on(t, b.device, c.data(), guarded, p)
		placed[p[1]] = want[p[1]]
		where := c
		where.spec += fmt.Sprintf(" with %s in place of %s", c.args[p[0]].name, c.args[p[1]].name)
		where.compare(t, placed, want, tolerance)
	}
	b.checkNaN(t, d, c)
	b.checkShapes(t, d, k, c)
	if m := b.device.Memory(); m.InUse != 0 {
		t.Fatalf("%v: %d bytes are in use after all was freed", c, m.InUse)
	}
}

// tolerances returns how far each output may be off.
func (b *bench) tolerances(t rapid.TB, c call, in, want [][]float32) [][]float64 {
	unit := max(c.units, 1) * epsilon * (4 + math.Sqrt(float64(c.terms)))
	size := c.size
	if size == nil {
		_, large := c.on(t, b.reference, absolute(in), false)
		size = func(i int, _, _ [][]float32) []float64 { return wide(large[i]) }
	}
	out := make([][]float64, len(c.args))
	for i, a := range c.args {
		if a.shape == nil || !a.written {
			continue
		}
		out[i] = size(i, in, want)
		for j := range out[i] {
			out[i][j] = out[i][j]*unit + smallest
			if b.o.Half && a.layout == tensor.Blocked {
				out[i][j] += math.Abs(float64(want[i][j]))*halfEpsilon + halfSmallest
			}
		}
	}
	return out
}

const (
	epsilon      = 1.0 / (1 << 24) // the largest relative error of a rounding to float32
	smallest     = 0x1p-126        // float32, not subnormal
	halfEpsilon  = 1.0 / (1 << 10)
	halfSmallest = 0x1p-24 // the unit of subnormal halves
)

func absolute(in [][]float32) [][]float32 {
	out := make([][]float32, len(in))
	for i, v := range in {
		for _, x := range v {
			out[i] = append(out[i], float32(math.Abs(float64(x))))
		}
	}
	return out
}

func wide(in []float32) []float64 {
	out := make([]float64, len(in))
	for i, v := range in {
		out[i] = float64(v)
	}
	return out
}

// compare fails where an output is not as it should be.
func (c call) compare(t rapid.TB, got, want [][]float32, tolerance [][]float64) {
	t.Helper()
	for i, a := range c.args {
		if !a.written || a.shape == nil {
			continue
		}
		for j, w := range want[i] {
			g := got[i][j]
			off := math.Abs(float64(g) - float64(w))
			if isNaN(g) != isNaN(w) || !isNaN(w) && g != w && !(off <= tolerance[i][j]) {
				t.Fatalf("%v: %s%v is %v, want %v, within %.3g", c, a.name, index(a.shape, j), g, w, tolerance[i][j])
			}
		}
	}
}

// index returns the indices of value i in plain order.
func index(s tensor.Shape, i int) []int {
	at := make([]int, len(s))
	for a := len(s) - 1; a >= 0; a-- {
		at[a], i = i%s[a], i/s[a]
	}
	return at
}

// checkNaN sets a value that the call reads to NaN, and fails where that does
// not come out as it does of the reference.
func (b *bench) checkNaN(t rapid.TB, d draw, c call) {
	var inputs []int
	for i, a := range c.args {
		if a.data != nil && !a.noNaN {
			inputs = append(inputs, i)
		}
	}
	if len(inputs) == 0 {
		return
	}
	k := inputs[d.below("input with a NaN", len(inputs))]
	data := c.data()
	data[k] = slices.Clone(data[k])
	at := d.below("place of the NaN", len(data[k]))
	data[k][at] = nan
	_, got := c.on(t, b.device, data, false)
	_, want := c.on(t, b.reference, data, false)
	for i, a := range c.args {
		if a.shape == nil || !a.written {
			continue
		}
		for j, w := range want[i] {
			spread := k != 0 && k == c.spreads && index(a.shape, j)[0] == index(c.args[k].shape, at)[1]
			if isNaN(got[i][j]) == isNaN(w) || spread && !isNaN(w) {
				continue
			}
			t.Fatalf("%v: with a NaN at %s%v, %s%v is %v, want %v", c,
				c.args[k].name, index(c.args[k].shape, at), a.name, index(a.shape, j), got[i][j], w)
		}
	}
}

// checkShapes makes one size of one tensor larger, and fails where the device
// takes what the reference refuses.
func (b *bench) checkShapes(t rapid.TB, d draw, k kernel, c call) {
	i := d.below("tensor with a bad shape", len(c.args))
	if len(c.args[i].shape) == 0 {
		return
	}
	bad := c
	bad.args = slices.Clone(c.args)
	bad.args[i].shape = slices.Clone(c.args[i].shape)
	bad.args[i].shape[d.below("size that is bad", len(c.args[i].shape))]++
	if !strings.HasPrefix(refusal(b.reference, bad), "engine: "+k.name) {
		return // the shapes fit; values may not
	}
	got := refusal(b.device, bad)
	switch {
	case got == "":
		t.Fatalf("%v: shapes that do not fit were taken", bad)
	case !strings.Contains(got, k.name) || len(described.FindAllString(got, -1)) < 2:
		t.Fatalf("%v: the panic says %q; want the kernel's name and both shapes", bad, got)
	}
}

// described matches a tensor as engine.Tensor writes it.
var described = regexp.MustCompile(`(\d+(x\d+)*|scalar) (plain|blocked)`)

// refusal returns what the call panics with, "" where it does not.
func refusal(e engine.Engine, c call) (message string) {
	tensors := make([]*engine.Tensor, len(c.args))
	for i, a := range c.args {
		if a.shape != nil {
			tensors[i] = e.New(a.shape, a.layout)
			e.Fill(tensors[i], 1)
		}
	}
	defer func() {
		if r := recover(); r != nil {
			message = fmt.Sprint(r)
		}
		for _, x := range tensors {
			if x != nil {
				e.Free(x)
			}
		}
	}()
	c.run(e, tensors)
	return ""
}
