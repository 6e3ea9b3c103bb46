package cpu

import (
	"fmt"
	"runtime"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/conv"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/isa"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/pool"
	"github.com/lacuna-ml/lacuna/train/engine/cpu/vec"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Options say how to compute.
type Options struct {
	Workers int       // goroutines that share a kernel's work; 0 is GOMAXPROCS
	Level   isa.Level // of instructions; the zero value is the best there are
	Poison  bool      // new tensors are full of NaN, for tests that look for what is not written
}

// device is the engine.
type device struct {
	o        Options
	pool     *pool.Pool
	layouts  conv.Converter
	convs    map[conv.Shape]*conv.Conv
	mem      memory
	job      job
	norm     norm
	pooling  maxPool
	resize   resize
	channels channelRun
	product  conv.Product
	parts    [][4]float64 // of Regions
}

// check refuses what does not fit.
var check engine.Check

// New returns a device. Close ends its workers.
func New(o Options) engine.Engine {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Level = o.Level.Found()
	d := &device{o: o, pool: pool.New(o.Workers), convs: map[conv.Shape]*conv.Conv{}}
	d.mem.poison = o.Poison
	d.job.Unit, d.job.counter = vec.New(o.Level), vec.Counter()
	d.norm.Unit, d.pooling.Unit, d.resize.Unit = d.job.Unit, d.job.Unit, d.job.Unit
	d.resize.tables = map[axis]table{}
	d.product = conv.Product{Pool: d.pool, Level: o.Level}
	d.layouts.Pool, d.layouts.Level = d.pool, o.Level
	return d
}

func (d *device) Name() string {
	if d.o.Workers == 1 {
		return fmt.Sprintf("cpu, %s, 1 worker", d.o.Level)
	}
	return fmt.Sprintf("cpu, %s, %d workers", d.o.Level, d.o.Workers)
}

func (d *device) Close() error {
	d.pool.Close()
	clear(d.convs)
	d.mem = memory{}
	return nil
}

func (d *device) Wait() error { return nil }

// buffer is the memory of a tensor.
type buffer struct {
	v     []float32 // as many as the tensor takes
	whole *span     // what to give back; nil where it is another tensor's
}

// values returns the floats of t as they are stored.
func values(t *engine.Tensor) []float32 { return t.Buf.(*buffer).v }

// header is a tensor and what it points to, in one piece of memory.
type header struct {
	t     engine.Tensor
	b     buffer
	shape [5]int
}

func tensorOf(s tensor.Shape, l tensor.Layout, v []float32, whole *span) *engine.Tensor {
	h := &header{b: buffer{v, whole}}
	h.t = engine.Tensor{Shape: append(tensor.Shape(h.shape[:0]), s...), Layout: l, Buf: &h.b}
	return &h.t
}

func (d *device) New(s tensor.Shape, l tensor.Layout) *engine.Tensor {
	check.New(s, l)
	n := tensor.Floats(s, l)
	whole := d.mem.take(n)
	return tensorOf(s, l, whole.v[:n:n], whole)
}

func (d *device) Free(t *engine.Tensor) {
	b := t.Buf.(*buffer)
	if b.whole == nil {
		panic(fmt.Sprintf("cpu: %v: freed twice, or a view", t))
	}
	d.mem.give(b.whole)
	*b = buffer{}
}

func (d *device) Slice(t *engine.Tensor, off int, s tensor.Shape) *engine.Tensor {
	check.Slice(t, off, s)
	return tensorOf(s, tensor.Plain, values(t)[off:off+s.Len()], nil)
}

func (d *device) View(t *engine.Tensor, s tensor.Shape) *engine.Tensor {
	check.View(t, s)
	return tensorOf(s, t.Layout, values(t), nil)
}

func (d *device) Write(t *engine.Tensor, plain []float32) {
	check.Write(t, plain)
	if t.Layout == tensor.Plain {
		copy(values(t), plain)
		return
	}
	d.layouts.ToBlocked(values(t), plain, t.Shape[0], t.Shape[1], t.Shape.Voxels())
}

func (d *device) Read(plain []float32, t *engine.Tensor) error {
	_ = check.Read(plain, t)
	if t.Layout == tensor.Plain {
		copy(plain, values(t))
		return nil
	}
	d.layouts.ToPlain(plain, values(t), t.Shape[0], t.Shape[1], t.Shape.Voxels())
	return nil
}

func (d *device) Memory() engine.Memory { return d.mem.Memory }
