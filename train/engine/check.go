package engine

import (
	"fmt"
	"slices"

	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Check has a method for each kernel that panics where the arguments do not
// fit: with the kernel's name, what was given and what fits. A device calls it
// first, so that all devices refuse the same. It allocates only to panic.
type Check struct{}

var _ interface {
	Elementwise
	Volumes
	Rows
	Samples
	Losses
	Optimisers
} = Check{}

// New checks that there is such a tensor: no size below 1, and blocks only of
// rank 5.
func (Check) New(s tensor.Shape, l tensor.Layout) {
	for _, v := range s {
		if v < 1 {
			refuse("New", "no size may be below 1 in %v", slices.Clone(s))
		}
	}
	if l == tensor.Blocked && len(s) != 5 {
		refuse("New", "%v is not of rank 5, as blocks are", slices.Clone(s))
	}
}

// Slice checks that the part lies within t and begins where it may.
func (c Check) Slice(t *Tensor, off int, s tensor.Shape) {
	c.New(s, tensor.Plain)
	if t.Layout != tensor.Plain || off < 0 || off%Align != 0 || off+s.Len() > t.Shape.Len() {
		refuse("Slice", "%v from value %d on is not a part of %v", slices.Clone(s), off, t)
	}
}

// View checks that t can be seen as the shape.
func (c Check) View(t *Tensor, s tensor.Shape) {
	c.New(s, t.Layout)
	if s.Len() != t.Shape.Len() || t.Layout == tensor.Blocked && !folds(t.Shape, s) {
		refuse("View", "%v cannot be seen as %v", t, slices.Clone(s))
	}
}

// folds reports whether blocks of shape s lie as those of t do, both being of
// as many values.
func folds(s, t tensor.Shape) bool {
	return s[2:].Equal(t[2:]) && (s[1] == t[1] || min(s[1], t[1])%tensor.Lanes == 0 && max(s[1], t[1])%min(s[1], t[1]) == 0)
}

// Write checks the number of values.
func (Check) Write(t *Tensor, plain []float32) {
	if len(plain) != t.Shape.Len() {
		refuse("Write", "%d values for %v", len(plain), t)
	}
}

// Read checks the number of values.
func (Check) Read(plain []float32, t *Tensor) error {
	if len(plain) != t.Shape.Len() {
		refuse("Read", "%v into %d values", t, len(plain))
	}
	return nil
}

// Fill accepts everything.
func (Check) Fill(y *Tensor, v float32) {}

// Copy checks the shapes, and that layouts differ only in rank 5.
func (Check) Copy(y, x *Tensor) {
	sameShape("Copy", "y", y, "x", x)
}

// Axpby checks shapes and layouts.
func (Check) Axpby(y *Tensor, a float32, x *Tensor, b float32) {
	alike("Axpby", "x", x, "y", y)
}

// Add checks shapes and layouts.
func (Check) Add(z, x, y *Tensor) {
	alike("Add", "x", x, "z", z)
	alike("Add", "y", y, "z", z)
}

// Mul checks shapes and layouts.
func (Check) Mul(z, x, y *Tensor) {
	alike("Mul", "x", x, "z", z)
	alike("Mul", "y", y, "z", z)
}

// Map checks the function, shapes and layouts.
func (Check) Map(f Func, y, x *Tensor) {
	known("Map", f)
	alike("Map", "y", y, "x", x)
}

// MapGrad checks the function, shapes and layouts.
func (Check) MapGrad(f Func, dx, dy, x, y *Tensor) {
	known("MapGrad", f)
	alike("MapGrad", "dx", dx, "x", x)
	alike("MapGrad", "dy", dy, "x", x)
	alike("MapGrad", "y", y, "x", x)
}

// Dropout checks shapes and layouts, and that p is in [0,1).
func (Check) Dropout(y, x *Tensor, p float32, seed uint64) {
	alike("Dropout", "y", y, "x", x)
	if !(p >= 0 && p < 1) {
		refuse("Dropout", "a probability of %v is not in [0,1)", p)
	}
}

// refuse panics with the kernel's name and the reason.
func refuse(kernel, format string, args ...any) {
	panic("engine: " + kernel + ": " + fmt.Sprintf(format, args...))
}

// want panics unless t is of the layout and the shape.
func want(kernel, name string, t *Tensor, l tensor.Layout, s ...int) {
	if t.Layout != l || !slices.Equal(t.Shape, s) {
		refuse(kernel, "%s is %v, want %v %v", name, t, tensor.Shape(slices.Clone(s)), l)
	}
}

// rank panics unless t is plain and of a rank in [low, high].
func rank(kernel, name string, t *Tensor, low, high int) {
	if t.Layout != tensor.Plain || len(t.Shape) < low || len(t.Shape) > high {
		refuse(kernel, "%s is %v, want a plain one of rank %d to %d", name, t, low, high)
	}
}

// blocked panics unless t is blocked, and so of rank 5.
func blocked(kernel, name string, t *Tensor) {
	if t.Layout != tensor.Blocked {
		refuse(kernel, "%s is %v, want a blocked one", name, t)
	}
}

func sameShape(kernel, name string, t *Tensor, like string, u *Tensor) {
	if !t.Shape.Equal(u.Shape) {
		refuse(kernel, "%s is %v, %s is %v", name, t, like, u)
	}
}

func alike(kernel, name string, t *Tensor, like string, u *Tensor) {
	if t.Layout != u.Layout || !t.Shape.Equal(u.Shape) {
		refuse(kernel, "%s is %v, %s is %v", name, t, like, u)
	}
}

// apart panics where a tensor is both written and read by a kernel that is not
// elementwise. Those that share memory under two names are not seen.
func apart(kernel string, written *Tensor, read ...*Tensor) {
	if written != nil && slices.Contains(read, written) {
		refuse(kernel, "%v is to be written and to be read", written)
	}
}

func known(kernel string, f Func) {
	if f.Kind > GELU {
		refuse(kernel, "there is no function %d", f.Kind)
	}
}
