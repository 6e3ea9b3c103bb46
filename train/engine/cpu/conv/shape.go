package conv

import "fmt"

// Lanes is the number of channels in a block.
const Lanes = 16

// Shape describes a convolution. Its axes are D, H, W; a 2-D one has D = 1,
// with kernel 1 along it.
type Shape struct {
	N, Cin, Cout int
	In, Kernel   [3]int
	Stride       [3]int // 0 is 1
	Pad          [3]int // voxels of zeros on either side
	Dilation     [3]int // 0 is 1

	// PlainInput says that x is plain, [N][Cin][D][H][W], and not blocked: for
	// the few channels of a first layer, which a block would pad to 16.
	PlainInput bool
}

// most bounds every size, so that products of a few do not overflow.
const most = 1 << 20

// normal returns the shape with its defaults filled in, or says what is wrong.
func (s Shape) normal() (Shape, error) {
	for a := range 3 {
		if s.Stride[a] == 0 {
			s.Stride[a] = 1
		}
		if s.Dilation[a] == 0 {
			s.Dilation[a] = 1
		}
	}
	for _, v := range [...]int{s.N, s.Cin, s.Cout, s.In[0], s.In[1], s.In[2]} {
		if v < 1 || v > most {
			return s, fmt.Errorf("conv: %v: N, channels and sizes are 1..%d", s, most)
		}
	}
	for a := range 3 {
		k, st, d, p := s.Kernel[a], s.Stride[a], s.Dilation[a], s.Pad[a]
		if k < 1 || k > 64 || st < 1 || st > 64 || d < 1 || d > 64 || p < 0 || p > 4096 {
			return s, fmt.Errorf("conv: %v: kernel, stride and dilation are 1..64, padding 0..4096", s)
		}
		if span := d*(k-1) + 1; s.In[a]+2*p < span {
			return s, fmt.Errorf("conv: %v: the kernel spans %d voxels along axis %d, the padded input has %d", s, span, a, s.In[a]+2*p)
		}
	}
	if floats(s.N, s.Cin, s.In) > 1<<40 || floats(s.N, s.Cout, s.out()) > 1<<40 || floats(s.Cin, s.Cout, s.Kernel) > 1<<40 {
		return s, fmt.Errorf("conv: %v: a tensor of more than 2^40 floats", s)
	}
	return s, nil
}

// floats is n c volume(size), which as an int might overflow.
func floats(n, c int, size [3]int) float64 {
	return float64(n) * float64(c) * float64(size[0]) * float64(size[1]) * float64(size[2])
}

func (s Shape) String() string {
	return fmt.Sprintf("%dx%d->%d of %v, kernel %v, stride %v, padding %v, dilation %v",
		s.N, s.Cin, s.Cout, s.In, s.Kernel, s.Stride, s.Pad, s.Dilation)
}

// out returns the size of the output of a normal shape.
func (s Shape) out() [3]int {
	var o [3]int
	for a := range o {
		o[a] = (s.In[a]+2*s.Pad[a]-s.Dilation[a]*(s.Kernel[a]-1)-1)/s.Stride[a] + 1
	}
	return o
}

// BlockedSize returns how many floats n x c volumes take in blocks.
func BlockedSize(n, c int, size [3]int) int { return n * blocks(c) * Lanes * volume(size) }

func blocks(c int) int       { return (c + Lanes - 1) / Lanes }
func volume(size [3]int) int { return size[0] * size[1] * size[2] }
func weightsOf(s Shape) int  { return s.Cout * s.Cin * volume(s.Kernel) }
func ceilDiv(a, b int) int   { return (a + b - 1) / b }
func atLeast(what string, got, want int) {
	if got < want {
		panic(fmt.Sprintf("conv: %s has %d floats, want %d", what, got, want))
	}
}
