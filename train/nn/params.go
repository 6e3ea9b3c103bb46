package nn

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Param is a learned array, or with a nil Grad a kept one, like the running
// statistics of batch norm. Value and Grad are nil until it is built.
type Param struct {
	Name  string
	Shape tensor.Shape
	Value *engine.Tensor
	Grad  *engine.Tensor

	init Init
	kept bool
}

// Start sets what the parameter is filled with when it is built.
func (p *Param) Start(init Init) { p.init = init }

// Init fills a parameter at its start.
type Init func(rng *rand.Rand, p []float32)

// Uniform is uniform in -bound..bound.
func Uniform(bound float64) Init {
	return func(rng *rand.Rand, p []float32) {
		for i := range p {
			p[i] = float32((2*rng.Float64() - 1) * bound)
		}
	}
}

// Normal is normal with mean 0 and standard deviation sd.
func Normal(sd float64) Init {
	return func(rng *rand.Rand, p []float32) {
		for i := range p {
			p[i] = float32(rng.NormFloat64() * sd)
		}
	}
}

// Constant is v everywhere.
func Constant(v float32) Init {
	return fixed(func(p []float32) {
		for i := range p {
			p[i] = v
		}
	})
}

func fixed(f func(p []float32)) Init { return func(_ *rand.Rand, p []float32) { f(p) } }

// FanIn is what PyTorch starts convolutions and linear layers with, weights and
// biases alike: uniform within 1/sqrt(fan in).
func FanIn(n int) Init { return Uniform(1 / math.Sqrt(float64(n))) }

// FanOut is Kaiming's normal start for LeakyReLU of slope 0.01, by fan out.
func FanOut(n int) Init { return Normal(math.Sqrt(2 / (1 + 0.01*0.01) / float64(n))) }

// Builder collects the parameters of a model.
type Builder struct{ params []*Param }

// Param adds a learned array. Names are unique in a model.
func (b *Builder) Param(name string, init Init, shape ...int) *Param {
	p := &Param{Name: name, Shape: shape, init: init}
	b.params = append(b.params, p)
	return p
}

// Kept adds an array that is saved with the model and not learned.
func (b *Builder) Kept(name string, init Init, shape ...int) *Param {
	p := b.Param(name, init, shape...)
	p.kept = true
	return p
}

// Params are the parameters of a model on a device.
type Params struct {
	// Value and Grad are all learned parameters in one piece, with gaps that are
	// zero in both.
	Value, Grad *engine.Tensor
	eng         engine.Engine
	list        []*Param
}

// most is how many values a model may have, 16 GiB of them.
const most = 1 << 32

// Build places the parameters on e and fills them from the seed.
func (b *Builder) Build(e engine.Engine, seed uint64) (*Params, error) {
	total := 0
	seen := map[string]bool{}
	for _, p := range b.params {
		if seen[p.Name] || slices.ContainsFunc(p.Shape, func(n int) bool { return n < 1 }) {
			return nil, fmt.Errorf("nn: parameter %s of shape %v stands twice or is empty", p.Name, p.Shape)
		}
		seen[p.Name] = true
		if !p.kept {
			total += aligned(p.Shape.Len())
		}
		if total > most {
			return nil, fmt.Errorf("nn: more than %d values with parameter %s of shape %v", most, p.Name, p.Shape)
		}
	}
	ps := &Params{eng: e, list: b.params}
	ps.Value, ps.Grad = e.New(tensor.Shape{max(total, 1)}, tensor.Plain), e.New(tensor.Shape{max(total, 1)}, tensor.Plain)
	e.Fill(ps.Value, 0)
	e.Fill(ps.Grad, 0)
	at := 0
	for _, p := range b.params {
		if p.kept {
			p.Value = e.New(p.Shape, tensor.Plain)
		} else {
			p.Value, p.Grad = e.Slice(ps.Value, at, p.Shape), e.Slice(ps.Grad, at, p.Shape)
			at += aligned(p.Shape.Len())
		}
		start := make([]float32, p.Shape.Len())
		p.init(chance(seed, p.Name), start)
		e.Write(p.Value, start)
	}
	return ps, e.Wait()
}

func aligned(n int) int { return (n + engine.Align - 1) / engine.Align * engine.Align }

// chance returns the source of a parameter's start.
func chance(seed uint64, name string) *rand.Rand {
	sum := sha256.Sum256(append(binary.LittleEndian.AppendUint64([]byte("lacuna/init/1\x00"), seed), name...))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])))
}

// All yields the parameters in a fixed order, kept ones included.
func (ps *Params) All() iter.Seq[*Param] {
	return func(yield func(*Param) bool) {
		for _, p := range ps.list {
			if !yield(p) {
				return
			}
		}
	}
}

// Count returns how many values are learned.
func (ps *Params) Count() int {
	n := 0
	for _, p := range ps.list {
		if !p.kept {
			n += p.Shape.Len()
		}
	}
	return n
}

// Read returns a parameter's values.
func (ps *Params) Read(p *Param) ([]float32, error) {
	v := make([]float32, p.Shape.Len())
	return v, ps.eng.Read(v, p.Value)
}

// Write sets a parameter's values.
func (ps *Params) Write(p *Param, v []float32) { ps.eng.Write(p.Value, v) }

// Free gives the parameters' memory back.
func (ps *Params) Free() {
	ps.eng.Free(ps.Value)
	ps.eng.Free(ps.Grad)
	for _, p := range ps.list {
		if p.kept {
			ps.eng.Free(p.Value)
		}
		p.Value, p.Grad = nil, nil
	}
}
