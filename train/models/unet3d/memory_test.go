package unet3d_test

import (
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu"
	"github.com/lacuna-ml/lacuna/train/models/modeltest"
	"github.com/lacuna-ml/lacuna/train/models/unet3d"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// counter is a device that computes nothing: it checks what kernels are given,
// as devices do, and adds up what tensors would take.
type counter struct {
	engine.Check
	memory engine.Memory
}

func (*counter) Name() string { return "counter" }

func (c *counter) New(s tensor.Shape, l tensor.Layout) *engine.Tensor {
	c.Check.New(s, l)
	c.memory.InUse += 4 * int64(tensor.Floats(s, l))
	c.memory.Peak = max(c.memory.Peak, c.memory.InUse)
	return &engine.Tensor{Shape: s, Layout: l}
}

func (c *counter) Free(t *engine.Tensor) {
	c.memory.InUse -= 4 * int64(tensor.Floats(t.Shape, t.Layout))
}

func (c *counter) Slice(t *engine.Tensor, off int, s tensor.Shape) *engine.Tensor {
	c.Check.Slice(t, off, s)
	return &engine.Tensor{Shape: s, Layout: t.Layout}
}

func (c *counter) View(t *engine.Tensor, s tensor.Shape) *engine.Tensor {
	c.Check.View(t, s)
	return &engine.Tensor{Shape: s, Layout: t.Layout}
}

func (c *counter) Wait() error           { return nil }
func (c *counter) Memory() engine.Memory { return c.memory }
func (c *counter) Close() error          { return nil }

// blank returns a batch of zeros.
func blank(samples, m int, size [3]int) modeltest.Batch {
	a := ingest.Array{Shape: size[:]}
	a.Data = make([]float32, a.Len())
	l := ingest.Labels{Shape: size[:], Data: make([]uint8, a.Len())}
	var b modeltest.Batch
	for range samples {
		var sample []ingest.Array
		for range m {
			sample = append(sample, a)
		}
		b.Inputs = append(b.Inputs, sample)
		b.Present = append(b.Present, modality.Mask(1<<m-1))
		b.Targets = append(b.Targets, l)
	}
	return b
}

// paper is the patch of the paper, of which a batch has two, and its channels.
var paper = [3]int{80, 160, 160}

// TestPaperFits holds that a step on the paper's batch fits a card of 24 GB, by
// what the documentation of Options.Checkpoint says.
func TestPaperFits(t *testing.T) {
	for _, c := range []struct {
		checkpoint bool
		most       float64 // GiB
	}{{false, 7.6}, {true, 4.6}} {
		e := &counter{}
		r, err := trial(e, unet3d.Options{Modalities: 4, Width: 64, Checkpoint: c.checkpoint}, false)
		if err != nil {
			t.Fatal(err)
		}
		r.U = make([]float32, 4)
		if _, _, err := r.Step(e, blank(2, 4, paper)); err != nil {
			t.Fatal(err)
		}
		peak := float64(e.memory.Peak) / (1 << 30)
		if t.Logf("checkpoint %v: %.2f GiB", c.checkpoint, peak); peak > c.most || peak < c.most-.3 {
			t.Errorf("checkpoint %v: %.2f GiB at most, the documentation says %v", c.checkpoint, peak, c.most)
		}
	}
}

// TestCheckpoint holds that checkpoints lower the peak and change no bit.
func TestCheckpoint(t *testing.T) {
	o := unet3d.Options{Modalities: 3, Width: 16, Depth: 2, Standardise: true}
	b := batch(modeltest.Case{Missing: true}, 0)
	var peaks [2]int64
	var values [2][]float32
	for k := range 2 {
		o.Checkpoint = k == 1
		e := cpu.New(cpu.Options{Workers: 1, Poison: true})
		defer e.Close()
		r, err := trial(e, o, false)
		if err != nil {
			t.Fatal(err)
		}
		still := e.Memory().InUse // parameters and gradients
		for range 2 {
			if _, _, err := r.Step(e, b); err != nil {
				t.Fatal(err)
			}
		}
		peaks[k] = e.Memory().Peak - still
		p := r.Model.Params()
		values[k] = make([]float32, p.Value.Shape.Len())
		if err := e.Read(values[k], p.Value); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(values[0], values[1]) {
		t.Error("parameters after two steps differ")
	}
	if ratio := float64(peaks[1]) / float64(peaks[0]); ratio > .8 {
		t.Errorf("the peak with checkpoints is %d bytes, without %d: %.2f of it, want at most 0.8", peaks[1], peaks[0], ratio)
	} else {
		t.Logf("%.2f of the peak", ratio)
	}
}

// TestShapes puts networks together and runs a step on a device that checks all
// shapes and computes nothing.
func TestShapes(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      unet3d.Options
		size   [3]int
		bottom tensor.Shape // features of two samples
	}{
		{"default", unet3d.Options{Modalities: 4}, [3]int{32, 64, 64}, tensor.Shape{8, 64, 4, 4, 4}},
		{"cube", unet3d.Options{Modalities: 4}, [3]int{32, 32, 32}, tensor.Shape{8, 64, 4, 2, 2}},
		{"paper", unet3d.Options{Modalities: 4, Width: 64, Depth: 4}, paper, tensor.Shape{8, 1024, 5, 5, 5}},
		{"full stem", unet3d.Options{Modalities: 2, FullStem: true}, [3]int{16, 16, 24}, tensor.Shape{4, 64, 2, 2, 3}},
		{"one modality, one level", unet3d.Options{Modalities: 1, Depth: 1, Width: 5, Regions: 3}, [3]int{2, 4, 4}, tensor.Shape{2, 10, 1, 1, 1}},
		{"checkpoints", unet3d.Options{Modalities: 3, Width: 4, Checkpoint: true, Standardise: true}, [3]int{8, 16, 16}, tensor.Shape{6, 32, 1, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &counter{}
			r, err := trial(e, c.o, true)
			if err != nil {
				t.Fatal(err)
			}
			r.U = make([]float32, c.o.Modalities)
			b := blank(2, c.o.Modalities, c.size)
			if _, _, err := r.Step(e, b); err != nil {
				t.Fatal(err)
			}
			tape := autograd.New(e)
			in, err := nn.NewBatch(tape, b.Inputs, b.Present)
			if err != nil {
				t.Fatal(err)
			}
			code := r.Model.Encode(tape, in)
			if tape.Err() != nil {
				t.Fatal(tape.Err())
			}
			if got := code.Features.Shape(); !got.Equal(c.bottom) {
				t.Errorf("features %v, want %v", got, c.bottom)
			}
			want := tensor.Shape{2, 3, c.size[0], c.size[1], c.size[2]}
			if got := r.Model.Decode(tape, code).Shape(); !got.Equal(want) {
				t.Errorf("logits %v, want %v", got, want)
			}
		})
	}
}

// TestOptions holds what is refused when a network is made, and that sizes that
// halve unevenly are.
func TestOptions(t *testing.T) {
	e := &counter{}
	for _, o := range []unet3d.Options{
		{}, {Modalities: 17}, {Modalities: 1, Width: -1}, {Modalities: 1, Width: 2000}, {Modalities: 1, Depth: 7},
		{Modalities: 1, Regions: -1}, {Modalities: 1, Width: 1024, Depth: 6},
	} {
		if _, err := unet3d.New(e, o, 1); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	if e.memory.InUse != 0 {
		t.Errorf("%d bytes are in use", e.memory.InUse)
	}
	for _, o := range []unet3d.Options{{Modalities: 1}, {Modalities: 1, FullStem: true, Depth: 2}} {
		n, err := unet3d.New(e, o, 1)
		if err != nil {
			t.Fatal(err)
		}
		d := n.Divisor()
		for axis := range 4 {
			size := d
			if axis < 3 {
				size[axis] += d[axis] / 2
			}
			tape := autograd.New(e)
			b := blank(1, 1, size)
			in, err := nn.NewBatch(tape, b.Inputs, b.Present)
			if err != nil {
				t.Fatal(err)
			}
			n.Encode(tape, in)
			if bad := tape.Err() != nil; bad != (axis < 3) {
				t.Errorf("%+v, a patch of %v, multiples of %v: error %v", o, size, d, tape.Err())
			}
			tape.Reset()
		}
	}
}
