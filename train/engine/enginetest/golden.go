package enginetest

import (
	"bytes"
	_ "embed" // the goldens
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
	"pgregory.net/rapid"
)

// What bench/golden_torch.py wrote: its comment is the format.
var (
	//go:embed testdata/torch.json
	torchJSON []byte
	//go:embed testdata/torch.bin
	torchBin []byte
)

// Golden compares a device with PyTorch, layer by layer, forward and backward:
// convolutions and their transposed, norms with running statistics, pools,
// upsampling, linear layers, attention, functions, losses, optimisers.
//
// A value is right within 2^-20 of the largest of its tensor: 16 roundings, where
// sums of at most 350 products of about the same size, and their inputs exact,
// need about 3. With Options.Half it is 2^-6: blocked tensors on the way, such
// as the y that a gradient begins with, are rounded by 2^-11.
func Golden(t *testing.T, open func() engine.Engine, o Options) {
	layers, err := goldens()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		t.Run(l.Kind+"/"+l.Name, func(t *testing.T) {
			e := open()
			l.replay(t, e, o)
			if err := e.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// layer is a layer of the goldens.
type layer struct {
	Kind, Name string
	Spec       spec
	Tensors    map[string]struct {
		Shape tensor.Shape
		At    int // of the first value in torch.bin
	}
	values []float32 // all of torch.bin
}

// spec has the parameters of all kinds of layers, each its own.
type spec struct {
	engine.Window
	Eps, Slope, Momentum, Scale float32
	Frozen, Linear              bool
	Func                        engine.FuncKind
	A                           float32
	P                           int
	LR, Decay                   float32
	Nesterov, Decoupled         bool
	Beta1, Beta2                float32
}

func goldens() ([]layer, error) {
	var index struct{ Layers []layer }
	if err := json.Unmarshal(torchJSON, &index); err != nil {
		return nil, err
	}
	values := make([]float32, len(torchBin)/4)
	if err := binary.Read(bytes.NewReader(torchBin), binary.LittleEndian, values); err != nil {
		return nil, err
	}
	for i := range index.Layers {
		index.Layers[i].values = values
	}
	return index.Layers, nil
}

func (l layer) replay(t rapid.TB, e engine.Engine, o Options) {
	t.Helper()
	if kinds[l.Kind] == nil {
		t.Fatalf("no layer of kind %q is known", l.Kind)
	}
	kinds[l.Kind](&replay{layer: l, t: t, e: e, o: o})
	if m := e.Memory(); m.InUse != 0 {
		t.Errorf("%d bytes are in use after all was freed", m.InUse)
	}
}

// replay is a layer on a device.
type replay struct {
	layer
	t   rapid.TB
	e   engine.Engine
	o   Options
	all []*engine.Tensor // to be freed
}

func (r *replay) has(name string) bool { _, ok := r.Tensors[name]; return ok }

func (r *replay) golden(name string) []float32 {
	g := r.Tensors[name]
	return r.values[g.At:][:g.Shape.Len()]
}

// new returns a tensor of NaN.
func (r *replay) new(l tensor.Layout, s ...int) *engine.Tensor {
	x := r.e.New(s, l)
	r.e.Write(x, repeat(nan, x.Shape.Len()))
	r.all = append(r.all, x)
	return x
}

// in returns the golden tensor, nil where the layer has none. It is blocked if
// its rank is 5, unless weights.
func (r *replay) in(name string) *engine.Tensor {
	x := r.like(name)
	if x != nil {
		r.e.Write(x, r.golden(name))
	}
	return x
}

// like returns a tensor of NaN of the shape and layout of in.
func (r *replay) like(name string) *engine.Tensor {
	if !r.has(name) {
		return nil
	}
	s := r.Tensors[name].Shape
	if len(s) == 5 && name != "w" && name != "dw" {
		return r.new(tensor.Blocked, s...)
	}
	return r.new(tensor.Plain, s...)
}

// plain returns what in does, but plain.
func (r *replay) plain(name string) *engine.Tensor {
	x := r.new(tensor.Plain, r.Tensors[name].Shape...)
	r.e.Write(x, r.golden(name))
	return x
}

// want compares the tensor with the golden one, if the layer has it.
func (r *replay) want(name string, x *engine.Tensor) {
	r.t.Helper()
	if x != nil {
		r.wantValues(name, read(r.t, r.e, x), r.golden(name))
	}
}

func (r *replay) wantValues(name string, got, want []float32) {
	r.t.Helper()
	largest := 0.0
	for _, v := range want {
		if !isNaN(v) {
			largest = max(largest, math.Abs(float64(v)))
		}
	}
	tolerance := largest / (1 << 20)
	if r.o.Half {
		tolerance = largest / (1 << 6)
	}
	for i, w := range want {
		g := got[i]
		if isNaN(g) != isNaN(w) || !isNaN(w) && !(math.Abs(float64(g)-float64(w)) <= tolerance) {
			r.t.Errorf("%s: value %d is %v, PyTorch has %v, within %.3g", name, i, g, w, tolerance)
			return
		}
	}
}

// wantExactly is for whole numbers.
func (r *replay) wantExactly(name string, x *engine.Tensor) {
	r.t.Helper()
	got := read(r.t, r.e, x)
	for i, w := range r.golden(name) {
		if got[i] != w {
			r.t.Errorf("%s: value %d is %v, PyTorch has %v", name, i, got[i], w)
			return
		}
	}
}

func (r *replay) free() {
	for _, x := range r.all {
		r.e.Free(x)
	}
	r.all = nil
}
