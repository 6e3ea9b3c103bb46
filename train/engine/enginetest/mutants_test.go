package enginetest

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
	"github.com/lacuna-ml/lacuna/train/tensor"
	"pgregory.net/rapid"
)

// mutant is the reference with a mistake.
type mutant struct{ engine.Engine }

type (
	convNoBias       struct{ mutant }
	convPadding      struct{ mutant }
	convLate         struct{ mutant }
	dataStride       struct{ mutant }
	weightsUntouched struct{ mutant }
	normRough        struct{ mutant }
	normStats        struct{ mutant }
	normFrozen       struct{ mutant }
	gradNoSlope      struct{ mutant }
	runningBiased    struct{ mutant }
	poolLast         struct{ mutant }
	poolGradFirst    struct{ mutant }
	upCorners        struct{ mutant }
	channelsAll      struct{ mutant }
	matAlphaOnBias   struct{ mutant }
	softmaxNaN       struct{ mutant }
	scaleZero        struct{ mutant }
	imputeAll        struct{ mutant }
	teacherToo       struct{ mutant }
	entropyZeroRow   struct{ mutant }
	adamEps          struct{ mutant }
	sgdChangesG      struct{ mutant }
	sgdBeyond        struct{ mutant }
	axpbyReads       struct{ mutant }
	addNotInPlace    struct{ mutant }
	addNoCheck       struct{ mutant }
	fillRandom       struct {
		mutant
		calls *float32
	}
	dropoutOther struct{ mutant }
	copyLeaks    struct{ mutant }
	viewCopies   struct{ mutant }
	neverFrees   struct{ mutant }
	lateWrite    struct{ mutant }
	adamBias     struct{ mutant }
	sgdPlain     struct{ mutant }
)

func (m convNoBias) Conv(y, x, w, b *engine.Tensor, s engine.Window) {
	m.Engine.Conv(y, x, w, nil, s)
}

// Conv multiplies the padding by 0: a NaN of a weight reaches all of a channel.
func (m convPadding) Conv(y, x, w, b *engine.Tensor, s engine.Window) {
	m.Engine.Conv(y, x, w, b, s)
	row := len(values(w)) / w.Shape[0]
	for o := range w.Shape[0] {
		for _, v := range values(w)[o*row:][:row] {
			for n := 0; isNaN(v) && n < y.Shape[0]; n++ {
				for q := range y.Shape.Voxels() {
					values(y)[tensor.Index(y.Shape, y.Layout, n, o, q)] = nan
				}
			}
		}
	}
}

// Conv is off in the 17th channel by what no sum of float32 is.
func (m convLate) Conv(y, x, w, b *engine.Tensor, s engine.Window) {
	m.Engine.Conv(y, x, w, b, s)
	if y.Shape[1] > 16 {
		values(y)[tensor.Index(y.Shape, y.Layout, 0, 16, 0)] *= 1.0001
	}
}

func (m dataStride) ConvGradData(dx, dy, w, b *engine.Tensor, s engine.Window) {
	m.Engine.ConvGradData(dx, dy, w, b, s)
	if s.Stride[2] > 1 { // the last voxels that no window reads are forgotten
		values(dx)[tensor.Index(dx.Shape, dx.Layout, 0, 0, dx.Shape.Voxels()-1)] = nan
	}
}

func (m weightsUntouched) ConvGradWeights(dw, db, x, dy *engine.Tensor, s engine.Window) {
	before := append([]float32{}, values(dw)...)
	m.Engine.ConvGradWeights(dw, db, x, dy, s)
	for i, v := range before {
		values(dw)[i] += v // added to, not overwritten
	}
}

func (m normRough) Norm(y, stats, x, gamma, beta, res *engine.Tensor, s engine.NormSpec) {
	m.Engine.Norm(y, stats, x, gamma, beta, res, s)
	for i, v := range values(y) {
		values(y)[i] = v * 0.999999
	}
}

func (m normStats) Norm(y, stats, x, gamma, beta, res *engine.Tensor, s engine.NormSpec) {
	m.Engine.Norm(y, stats, x, gamma, beta, res, s)
	for i := 1; !s.Frozen && i < len(values(stats)); i += 2 {
		values(stats)[i] = 1 / values(stats)[i]
	}
}

func (m normFrozen) Norm(y, stats, x, gamma, beta, res *engine.Tensor, s engine.NormSpec) {
	s.Frozen = false
	m.Engine.Norm(y, stats, x, gamma, beta, res, s)
}

func (m gradNoSlope) NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma *engine.Tensor, s engine.NormSpec) {
	s.Slope = 1
	m.Engine.NormGrad(dx, dgamma, dbeta, dres, dy, y, x, stats, gamma, s)
}

func (m runningBiased) Running(running, stats *engine.Tensor, momentum, eps float32, count int) {
	m.Engine.Running(running, stats, momentum, eps, 1<<40)
}

// MaxPool takes the last of equal values.
func (m poolLast) MaxPool(y, tap, x *engine.Tensor, s engine.Window) {
	m.Engine.MaxPool(y, tap, x, s)
	stride := s.Normal().Stride
	for j := range y.Shape.Len() {
		i := index(y.Shape, j) // n, c, d, h, w
		voxel := (i[2]*y.Shape[3]+i[3])*y.Shape[4] + i[4]
		at := tensor.Index(y.Shape, y.Layout, i[0], i[1], voxel)
		k := int(values(tap)[at])
		d := i[2]*stride[0] - s.Pad[0] + k/s.Kernel[2]/s.Kernel[1]
		h := i[3]*stride[1] - s.Pad[1] + k/s.Kernel[2]%s.Kernel[1]
		w := i[4]*stride[2] - s.Pad[2] + k%s.Kernel[2] + 1 // beside the largest
		if k%s.Kernel[2]+1 < s.Kernel[2] && w < x.Shape[4] &&
			values(x)[tensor.Index(x.Shape, x.Layout, i[0], i[1], (d*x.Shape[3]+h)*x.Shape[4]+w)] == values(y)[at] {
			values(tap)[at]++
		}
	}
}

func (m poolGradFirst) MaxPoolGrad(dx, dy, tap *engine.Tensor, s engine.Window) {
	m.Fill(tap, 0)
	m.Engine.MaxPoolGrad(dx, dy, tap, s)
}

func (m upCorners) Upsample(y, x *engine.Tensor, linear bool) {
	m.Engine.Upsample(y, x, linear)
	if linear && y.Shape[4] > 1 && x.Shape[4] > 1 {
		values(y)[tensor.Index(y.Shape, y.Layout, 0, 0, 1)] += 0.01
	}
}

// Channels multiplies what it leaves by 1, and a whole block at once.
func (m channelsAll) Channels(y *engine.Tensor, y0 int, x *engine.Tensor, x0, count int) {
	m.Engine.Channels(y, y0, x, x0, min(count, x.Shape[1]-x0, y.Shape[1]-y0))
	if y0+count < y.Shape[1] && x0+count < x.Shape[1] {
		m.Engine.Channels(y, y0, x, x0, count+1)
	}
}

func (m matAlphaOnBias) MatMul(c, a, b, bias *engine.Tensor, s engine.MatSpec) {
	m.Engine.MatMul(c, a, b, bias, s)
	if s.Alpha == 0.5 && bias != nil {
		for i := range values(c) {
			values(c)[i] -= values(bias)[i%len(values(bias))] / 2
		}
	}
}

func (m softmaxNaN) Softmax(y, x *engine.Tensor) {
	m.Engine.Softmax(y, x)
	for i, v := range values(y) {
		if isNaN(v) {
			values(y)[i] = 0
		}
	}
}

func (m scaleZero) ScaleSamples(y, x, s *engine.Tensor) {
	m.Engine.ScaleSamples(y, x, s)
	row := x.Shape.Len() / x.Shape[0]
	for i := range values(y) {
		if x.Layout == tensor.Plain && isNaN(values(x)[i]) && values(s)[i/row%len(values(s))] == 0 {
			values(y)[i] = nan
		}
	}
}

func (m imputeAll) Impute(y, x, mask *engine.Tensor) {
	m.Fill(mask, 1)
	m.Engine.Impute(y, x, mask)
}

func (m teacherToo) DistancesGrad(df, f, coef *engine.Tensor, p int) {
	m.Engine.DistancesGrad(df, f, coef, p)
	if coef.Shape[1] > 1 {
		values(df)[0] -= values(coef)[1] * 0.01
	}
}

func (m entropyZeroRow) CrossEntropy(loss, dx, x, t *engine.Tensor, scale float32) {
	m.Engine.CrossEntropy(loss, dx, x, t, scale)
	for r := range x.Shape[0] {
		sum := float32(0)
		for _, v := range values(x)[r*x.Shape[1]:][:x.Shape[1]] {
			sum += v
		}
		if isNaN(sum) {
			values(loss)[r] = nan
		}
	}
}

func (m adamEps) Adam(p, mm, v, g *engine.Tensor, o engine.AdamSpec) {
	if o.Eps > 1e-6 {
		o.Eps *= 1.01
	}
	m.Engine.Adam(p, mm, v, g, o)
}

func (m adamBias) Adam(p, mm, v, g *engine.Tensor, o engine.AdamSpec) {
	o.Step++
	m.Engine.Adam(p, mm, v, g, o)
}

func (m sgdPlain) SGD(p, v, g *engine.Tensor, o engine.SGDSpec) {
	o.Nesterov = false
	m.Engine.SGD(p, v, g, o)
}

func (m sgdChangesG) SGD(p, v, g *engine.Tensor, o engine.SGDSpec) {
	if o.Decay != 0 {
		m.Axpby(g, o.Decay, p, 1)
		o.Decay = 0
	}
	m.Engine.SGD(p, v, g, o)
}

// SGD writes one value more than there are.
func (m sgdBeyond) SGD(p, v, g *engine.Tensor, o engine.SGDSpec) {
	m.Engine.SGD(p, v, g, o)
	if buf := values(p); cap(buf) > len(buf) {
		buf[:len(buf)+1][len(buf)] = 0
	}
}

func (m axpbyReads) Axpby(y *engine.Tensor, a float32, x *engine.Tensor, b float32) {
	if b == 0 {
		b = 1e-30
	}
	m.Engine.Axpby(y, a, x, b)
}

func (m addNotInPlace) Add(z, x, y *engine.Tensor) {
	if z == y {
		m.Fill(z, 0)
	}
	m.Engine.Add(z, x, y)
}

func (m addNoCheck) Add(z, x, y *engine.Tensor) {
	if z.Shape.Equal(x.Shape) && z.Shape.Equal(y.Shape) {
		m.Engine.Add(z, x, y)
	}
}

// Fill is off by another rounding each time.
func (m fillRandom) Fill(y *engine.Tensor, v float32) {
	*m.calls++
	m.Engine.Fill(y, v*(1+float32(int(*m.calls)%2)*1e-7))
}

func (m dropoutOther) Dropout(y, x *engine.Tensor, p float32, seed uint64) {
	m.Engine.Dropout(y, x, p, seed+1)
}

// Copy keeps memory.
func (m copyLeaks) Copy(y, x *engine.Tensor) {
	m.Engine.Copy(y, x)
	m.New(x.Shape, x.Layout)
}

func (m viewCopies) View(t *engine.Tensor, s tensor.Shape) *engine.Tensor {
	v := *m.Engine.View(t, s)
	v.Buf = append([]float32{}, values(&v)...)
	return &v
}

func (neverFrees) Free(*engine.Tensor) {}

// Write forgets a NaN.
func (m lateWrite) Write(t *engine.Tensor, plain []float32) {
	plain = append([]float32{}, plain...)
	for i, v := range plain {
		if isNaN(v) {
			plain[i] = 0
		}
	}
	m.Engine.Write(t, plain)
}

func values(t *engine.Tensor) []float32 { return t.Buf.([]float32) }

// Each mistake is found, in the check of its kernel.
func TestMutantsFail(t *testing.T) {
	for _, c := range []struct {
		check  string
		mutate func(mutant) engine.Engine
	}{
		{"Conv", func(m mutant) engine.Engine { return convNoBias{m} }},
		{"Conv", func(m mutant) engine.Engine { return convPadding{m} }},
		{"Conv", func(m mutant) engine.Engine { return convLate{m} }},
		{"ConvGradData", func(m mutant) engine.Engine { return dataStride{m} }},
		{"ConvGradWeights", func(m mutant) engine.Engine { return weightsUntouched{m} }},
		{"Norm", func(m mutant) engine.Engine { return normRough{m} }},
		{"Norm", func(m mutant) engine.Engine { return normStats{m} }},
		{"Norm", func(m mutant) engine.Engine { return normFrozen{m} }},
		{"NormGrad", func(m mutant) engine.Engine { return gradNoSlope{m} }},
		{"Running", func(m mutant) engine.Engine { return runningBiased{m} }},
		{"MaxPool", func(m mutant) engine.Engine { return poolLast{m} }},
		{"MaxPoolGrad", func(m mutant) engine.Engine { return poolGradFirst{m} }},
		{"Upsample", func(m mutant) engine.Engine { return upCorners{m} }},
		{"Channels", func(m mutant) engine.Engine { return channelsAll{m} }},
		{"MatMul", func(m mutant) engine.Engine { return matAlphaOnBias{m} }},
		{"Softmax", func(m mutant) engine.Engine { return softmaxNaN{m} }},
		{"ScaleSamples", func(m mutant) engine.Engine { return scaleZero{m} }},
		{"Impute", func(m mutant) engine.Engine { return imputeAll{m} }},
		{"DistancesGrad", func(m mutant) engine.Engine { return teacherToo{m} }},
		{"CrossEntropy", func(m mutant) engine.Engine { return entropyZeroRow{m} }},
		{"Adam", func(m mutant) engine.Engine { return adamEps{m} }},
		{"SGD", func(m mutant) engine.Engine { return sgdChangesG{m} }},
		{"SGD", func(m mutant) engine.Engine { return sgdBeyond{m} }},
		{"Axpby", func(m mutant) engine.Engine { return axpbyReads{m} }},
		{"Add", func(m mutant) engine.Engine { return addNotInPlace{m} }},
		{"Add", func(m mutant) engine.Engine { return addNoCheck{m} }},
		{"Fill", func(m mutant) engine.Engine { return fillRandom{m, new(float32)} }},
		{"Dropout", func(m mutant) engine.Engine { return dropoutOther{m} }},
		{"Copy", func(m mutant) engine.Engine { return copyLeaks{m} }},
		{"View", func(m mutant) engine.Engine { return viewCopies{m} }},
		{"Memory", func(m mutant) engine.Engine { return neverFrees{m} }},
		{"WriteRead", func(m mutant) engine.Engine { return lateWrite{m} }},
	} {
		open := func() engine.Engine { return c.mutate(mutant{reference.New()}) }
		t.Run(c.check+"/"+strings.TrimPrefix(fmt.Sprintf("%T", open()), "enginetest."), func(t *testing.T) {
			r := &recorder{name: t.Name()}
			done := make(chan struct{})
			go func() { // as testing does, since FailNow ends a goroutine
				defer close(done)
				runOne(r, c.check, open)
			}()
			<-done
			if !r.failed {
				t.Errorf("the kit does not see it")
			}
			t.Log(r.log.String())
		})
	}
}

// Goldens find mistakes too, in the layers of their kernels.
func TestMutantsFailGoldens(t *testing.T) {
	layers, err := goldens()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind string
		e    engine.Engine
	}{
		{"conv", convNoBias{mutant{reference.New()}}},
		{"transposed", dataStride{mutant{reference.New()}}},
		{"instance", gradNoSlope{mutant{reference.New()}}},
		{"batch", runningBiased{mutant{reference.New()}}},
		{"max pool", poolLast{mutant{reference.New()}}},
		{"upsample", upCorners{mutant{reference.New()}}},
		{"distances", teacherToo{mutant{reference.New()}}},
		{"adam", adamBias{mutant{reference.New()}}},
		{"sgd", sgdPlain{mutant{reference.New()}}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			r := &recorder{name: t.Name()}
			for _, l := range layers {
				if l.Kind == c.kind {
					l.replay(r, c.e, Options{})
				}
			}
			if !r.failed {
				t.Error("no golden sees it")
			}
			t.Log(r.log.String())
		})
	}
}

// Every kernel of the interface has a row.
func TestEveryKernelIsChecked(t *testing.T) {
	var rows []string
	for _, k := range kernels {
		rows = append(rows, k.name)
	}
	all := reflect.TypeFor[interface {
		engine.Elementwise
		engine.Volumes
		engine.Rows
		engine.Samples
		engine.Losses
		engine.Optimisers
	}]()
	for i := range all.NumMethod() {
		if name := all.Method(i).Name; !slices.Contains(rows, name) {
			t.Errorf("%s is not checked", name)
		}
	}
	if all.NumMethod() != len(rows) {
		t.Errorf("%d rows for %d kernels", len(rows), all.NumMethod())
	}
}

func runOne(r *recorder, name string, open func() engine.Engine) {
	b := newBench(open, Options{})
	for _, k := range kernels {
		if k.name == name {
			rapid.Check(r, func(t *rapid.T) { b.check(t, k) })
		}
	}
	for _, m := range memories {
		if m.name == name {
			m.check(r, b)
		}
	}
}

// recorder is a rapid.TB that keeps what happens to it.
type recorder struct {
	name   string
	failed bool
	log    strings.Builder
}

func (r *recorder) Helper()                   {}
func (r *recorder) Name() string              { return r.name }
func (r *recorder) Logf(f string, a ...any)   { fmt.Fprintf(&r.log, f+"\n", a...) }
func (r *recorder) Log(a ...any)              { fmt.Fprintln(&r.log, a...) }
func (r *recorder) Skipf(f string, a ...any)  { r.Logf(f, a...); r.SkipNow() }
func (r *recorder) Skip(a ...any)             { r.Log(a...); r.SkipNow() }
func (r *recorder) SkipNow()                  { runtime.Goexit() }
func (r *recorder) Errorf(f string, a ...any) { r.Logf(f, a...); r.Fail() }
func (r *recorder) Error(a ...any)            { r.Log(a...); r.Fail() }
func (r *recorder) Fatalf(f string, a ...any) { r.Logf(f, a...); r.FailNow() }
func (r *recorder) Fatal(a ...any)            { r.Log(a...); r.FailNow() }
func (r *recorder) FailNow()                  { r.Fail(); runtime.Goexit() }
func (r *recorder) Fail()                     { r.failed = true }
func (r *recorder) Failed() bool              { return r.failed }

// The mutants are to fail: nothing need be small or kept.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.shrinktime", "10ms"); err != nil {
		panic(err)
	}
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
