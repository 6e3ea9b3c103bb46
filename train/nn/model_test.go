package nn_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// A network of one linear layer over two modalities of one value each.
func Example() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	var b nn.Builder
	layer := b.Linear("layer", 2, 1)
	layer.W.Start(nn.Constant(10))
	layer.B.Start(nn.Constant(1))
	params, err := b.Build(e, 1)
	if err != nil {
		panic(err)
	}

	t := autograd.New(e)
	x := t.Temp([]float32{1, 2, 3, 4}, tensor.Plain, 2, 2)
	y := layer.Forward(t, x)
	out := make([]float32, 2)
	if err := e.Read(out, y.Value); err != nil {
		panic(err)
	}
	fmt.Println(params.Count(), "parameters,", out)
	// Output: 3 parameters, [31 71]
}

func array(shape []int, v ...float32) ingest.Array { return ingest.Array{Shape: shape, Data: v} }

func TestBatch(t *testing.T) {
	e := device(t)
	tape := autograd.New(e)
	image := func(v float32) ingest.Array { return array([]int{1, 2}, v, v+.5) }
	inputs := [][]ingest.Array{{image(1), {}, image(3)}, {image(4), image(5), image(6)}}
	b, err := nn.NewBatch(tape, inputs, []modality.Mask{0b101, 0b010})
	if err != nil {
		t.Fatal(err)
	}
	mask := make([]float32, 6)
	if err := e.Read(mask, b.Mask); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(mask, []float32{1, 0, 1, 0, 1, 0}) || !b.Mask.Shape.Equal(tensor.Shape{2, 3}) {
		t.Errorf("mask %v of %v", mask, b.Mask.Shape)
	}
	places := b.Has(0, 3)
	if !slices.Equal(places, []int{0, 2, 4}) || !slices.Equal(b.Has(1, 2), []int{4}) || b.Has(1, 1) != nil {
		t.Errorf("places %v, of modality 1 %v", places, b.Has(1, 2))
	}
	x := b.Stack(tape, places, 1)
	if tape.Err() != nil {
		t.Fatal(tape.Err())
	}
	values := make([]float32, 8)
	if err := e.Read(values, x.Value); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(values, []float32{1, 1.5, 3, 3.5, 5, 5.5, 0, 0}) || !x.Shape().Equal(tensor.Shape{4, 1, 1, 1, 2}) {
		t.Errorf("stacked %v of %v", values, x.Shape())
	}
	if got := nn.Spread(places, 6, -1); !slices.Equal(got, []int{0, -1, 1, -1, 2, -1}) {
		t.Errorf("spread %v", got)
	}
	tape.Reset()
	if now := e.Memory().InUse; now != 0 {
		t.Errorf("%d bytes are in use", now)
	}
}

func TestBatchErrors(t *testing.T) {
	ok := array([]int{1, 1}, 1)
	for _, c := range []struct {
		name    string
		inputs  [][]ingest.Array
		present []modality.Mask
		want    string
	}{
		{"no samples", nil, nil, "0 samples"},
		{"too few masks", [][]ingest.Array{{ok}, {ok}}, []modality.Mask{1}, "2 samples with 1 masks"},
		{"no modality", [][]ingest.Array{{ok}, {ok}}, []modality.Mask{1, 0}, "sample 1"},
		{"uneven", [][]ingest.Array{{ok, ok}, {ok}}, []modality.Mask{1, 1}, "sample 1"},
		{"claimed", [][]ingest.Array{{ok, {}}}, []modality.Mask{3}, "lacks modality 1"},
		{"beyond all", [][]ingest.Array{{ok}}, []modality.Mask{2}, "lacks modality 1"},
		{"shapes", [][]ingest.Array{{ok, array([]int{1, 2}, 1, 2)}}, []modality.Mask{3}, "1x2 beside one of 1x1"},
		{"values", [][]ingest.Array{{ok, array([]int{1, 1}, 1, 2)}}, []modality.Mask{3}, "1x1"},
		{"rank", [][]ingest.Array{{array([]int{1}, 1)}}, []modality.Mask{1}, "shape 1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := device(t)
			tape := autograd.New(e)
			b, err := nn.NewBatch(tape, c.inputs, c.present)
			if err == nil {
				b.Stack(tape, b.Has(0, b.Modalities()), 0)
				err = tape.Err()
			}
			if err == nil || !strings.HasPrefix(err.Error(), "nn: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
			tape.Reset()
			if now := e.Memory().InUse; now != 0 {
				t.Errorf("%d bytes are in use", now)
			}
		})
	}
}

// fake has its inputs for features, and gives them on.
type fake struct{ nn.Model }

func (fake) Encode(t *autograd.Tape, b nn.Batch) nn.Code {
	places := b.Has(0, 2)
	return nn.Code{Features: t.Gather(b.Stack(t, places, 0), nn.Spread(places, 2*len(b.Present), -1))}
}

func (fake) Decode(t *autograd.Tape, c nn.Code) *autograd.Var { return t.Rows(c.Features) }

// TestPredict holds that what is missing becomes the mean of what is there.
func TestPredict(t *testing.T) {
	e := device(t)
	tape := autograd.New(e)
	defer tape.Reset()
	v := func(x float32) ingest.Array { return array([]int{1, 1}, x) }
	b, err := nn.NewBatch(tape, [][]ingest.Array{{v(1), v(2)}, {v(3), v(4)}, {v(5), v(6)}}, []modality.Mask{0b11, 0b01, 0b10})
	if err != nil {
		t.Fatal(err)
	}
	y := nn.Predict(tape, fake{}, b)
	got := make([]float32, 6)
	if err := e.Read(got, y.Value); err != nil {
		t.Fatal(err)
	}
	if want := []float32{1, 2, 3, 3, 6, 6}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
