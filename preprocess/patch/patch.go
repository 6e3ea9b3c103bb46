package patch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess"
)

// The policies of [Options].
const (
	// Whole is one patch, the middle of the sample; all of it where Size is
	// zero.
	Whole = "whole"
	// Grid covers the sample with patches a fixed stride apart; the last of each
	// axis is moved back to end where the sample ends.
	Grid = "grid"
	// Random is Count patches, each place within Margin as likely as any other.
	Random = "random"
	// Foreground is Count patches, each of which is with probability Guided
	// centred on a random voxel of a random region, and else random; see Options.
	Foreground = "foreground"
)

// Policies returns the names of the policies.
func Policies() []string { return []string{Whole, Grid, Random, Foreground} }

// MaxVoxels is the largest patch: 1 GiB a modality.
const MaxVoxels = 1 << 28

// Options says what to cut. The zero Options passes samples on whole.
type Options struct {
	Policy string // one of [Policies]; "" is [Whole]
	Size   [3]int // D, H, W in voxels; zero only for Whole
	// Overlap is for Grid the share of a patch that the next one repeats, 0 up
	// to but not 1: the stride is size*(1-Overlap) voxels, rounded up. A third
	// of 80 x 160 x 160 makes 54, 107, 107.
	Overlap float64
	Count   int // for Random and Foreground: patches a sample; 0 is 1
	// Margin is how many voxels at both ends of D, H, W Random stays away from,
	// as far as the volume is large enough.
	Margin [3]int
	// Regions are for Foreground the sets of label values to aim at: one is
	// drawn, and then a voxel of it, and the patch is moved inside the sample.
	// A region that the sample lacks, or no target at all, gives a random patch.
	Regions [][]uint8
	// Nothing adds "no region" to what is drawn, as MCKD had it.
	Nothing bool
	Guided  float64 // 0 to 1; 0 is 0.5: for no guidance there is Random
}

func (o Options) validate() (Options, error) {
	if o.Policy == "" {
		o.Policy = Whole
	}
	if !slices.Contains(Policies(), o.Policy) {
		return o, fmt.Errorf("patch: policy %q is not one of %s", o.Policy, strings.Join(Policies(), ", "))
	}
	if o.Count == 0 {
		o.Count = 1
	}
	if o.Guided == 0 {
		o.Guided = 0.5
	}
	voxels := 1
	for d, n := range o.Size {
		if n < 0 || n > MaxVoxels || o.Margin[d] < 0 {
			return o, fmt.Errorf("patch: size %v, margin %v: want 0 to %d voxels", o.Size, o.Margin, MaxVoxels)
		}
		if voxels *= n; voxels > MaxVoxels { // no overflow: both factors are at most 2^28
			return o, fmt.Errorf("patch: size %v: more than %d voxels", o.Size, MaxVoxels)
		}
	}
	switch {
	case voxels == 0 && (o.Policy != Whole || o.Size != [3]int{}):
		return o, fmt.Errorf("patch: policy %s can't have the size %v", o.Policy, o.Size)
	case !(o.Overlap >= 0 && o.Overlap < 1):
		return o, fmt.Errorf("patch: overlap %g is not within 0 and 1", o.Overlap)
	case !(o.Guided >= 0 && o.Guided <= 1):
		return o, fmt.Errorf("patch: guided %g is not within 0 and 1", o.Guided)
	case o.Count < 0:
		return o, fmt.Errorf("patch: a count of %d", o.Count)
	case o.Policy == Foreground && len(o.Regions) == 0:
		return o, fmt.Errorf("patch: policy %s needs regions", Foreground)
	}
	return o, nil
}

type stage struct {
	o    Options
	name string
}

// New returns the stage that replaces each sample by its patches. They get the
// parts "grid-012-000-064" (the first voxel in the sample as it came),
// "random-0" and "fg-0" to their keys; Whole gives none. Affine and Location
// are those of the patch. A sample without voxels, or with arrays that are not
// of one D x H x W, is a SubjectError.
//
// The stage's name has all that changes its output:
// "patch-foreground-80x160x160-n4-p0.5-r4,1.2.4,1.4/1".
func New(o Options) (preprocess.Stage, error) {
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	o.Regions = slices.Clone(o.Regions)
	return stage{o, o.name()}, nil
}

func (o Options) name() string {
	var b strings.Builder
	fmt.Fprintf(&b, "patch-%s", o.Policy)
	if o.Size != [3]int{} {
		fmt.Fprintf(&b, "-%dx%dx%d", o.Size[0], o.Size[1], o.Size[2])
	}
	switch o.Policy {
	case Grid:
		fmt.Fprintf(&b, "-o%g", o.Overlap)
	case Foreground:
		fmt.Fprintf(&b, "-n%d-p%g-r", o.Count, o.Guided)
		for i, r := range o.Regions {
			if i > 0 {
				b.WriteByte(',')
			}
			for j, l := range r {
				if j > 0 {
					b.WriteByte('.')
				}
				fmt.Fprint(&b, l)
			}
		}
		if o.Nothing {
			b.WriteString(",none")
		}
	case Random:
		fmt.Fprintf(&b, "-n%d", o.Count)
	}
	if m := o.Margin; m != [3]int{} && (o.Policy == Random || o.Policy == Foreground) {
		fmt.Fprintf(&b, "-m%dx%dx%d", m[0], m[1], m[2])
	}
	return b.String() + "/1"
}

func (st stage) Name() string { return st.name }

func (st stage) Apply(ctx context.Context, rng *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	shape, whole, err := st.begin(s)
	if err != nil {
		return err
	}
	if whole {
		emit(s)
		return nil
	}
	for part, start := range st.o.places(func() target { return indexTarget(s.Target, shape) }, shape, rng) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := header(s, start, st.o.Size, part)
		for i := range s.Present.All() {
			p.Inputs[i].Data = copyBox(s.Inputs[i].Data, shape, start, st.o.Size, padding(s, i))
		}
		if len(s.Target.Shape) > 0 {
			p.Target.Data = copyBox(s.Target.Data, shape, start, st.o.Size, 0)
		} else {
			p.Target.Data = slices.Clone(s.Target.Data)
		}
		if !emit(p) {
			return nil
		}
	}
	return nil
}

// Unpack is as [preprocess.Unpacker] has it.
func (st stage) Unpack(ctx context.Context, rng *rand.Rand, in *ingest.Packed, emit func(*ingest.Sample) bool) error {
	s := in.Sample
	shape, whole, err := st.begin(s)
	if err != nil {
		return err
	}
	if whole {
		emit(in.Unpack())
		return nil
	}
	for part, start := range st.o.places(func() target { return indexPacked(in, shape) }, shape, rng) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := header(s, start, st.o.Size, part)
		for i := range s.Present.All() {
			p.Inputs[i].Data = in.Input(i, start, st.o.Size, padding(s, i))
		}
		if in.Labels != nil {
			p.Target.Data = in.Target(start, st.o.Size)
		}
		if !emit(p) {
			return nil
		}
	}
	return nil
}

// begin says in s what is done to it, and reports whether all of it is the patch.
func (st stage) begin(s *ingest.Sample) (shape [3]int, whole bool, err error) {
	if shape, err = shapeOf(s); err != nil {
		return shape, false, err
	}
	if s.Location.Volume == ([3]int{}) {
		s.Location.Volume = shape
	}
	s.Definitions = append(s.Definitions, st.name)
	return shape, st.o.Size == ([3]int{}) || st.o.Policy == Whole && st.o.Size == shape, nil
}

// padding is what modality i is outside of s.
func padding(s *ingest.Sample, i int) float32 {
	if s.Background == nil {
		return 0
	}
	return s.Background[i]
}

// shapeOf returns the D x H x W of all arrays of s.
func shapeOf(s *ingest.Sample) (shape [3]int, err error) {
	bad := func(format string, args ...any) ([3]int, error) {
		return shape, &ingest.SubjectError{Key: s.Key, Problems: []ingest.Problem{{Kind: "shape", Reason: fmt.Sprintf(format, args...)}}}
	}
	found := false
	check := func(what string, got []int) string {
		switch {
		case len(got) != 3:
			return fmt.Sprintf("%s has the shape %v, want D x H x W", what, got)
		case found && [3]int(got) != shape:
			return fmt.Sprintf("%s is %v, what came before it %v", what, got, shape)
		}
		found, shape = true, [3]int(got)
		return ""
	}
	for i := range s.Present.All() {
		if text := check(fmt.Sprintf("modality %d", i), s.Inputs[i].Shape); text != "" {
			return bad("%s", text)
		}
	}
	if len(s.Target.Shape) > 0 {
		if text := check("the target", s.Target.Shape); text != "" {
			return bad("%s", text)
		}
	}
	if shape[0] == 0 || shape[1] == 0 || shape[2] == 0 {
		return bad("there are no voxels to cut from: %v", shape)
	}
	return shape, nil
}

// header returns all but the data of the box of the given size that begins at
// start, which may lie outside of s.
func header(s *ingest.Sample, start, size [3]int, part string) *ingest.Sample {
	p := *s
	if p.Key.Part != "" && part != "" {
		p.Key.Part += "."
	}
	p.Key.Part += part
	p.Inputs = make([]ingest.Array, len(s.Inputs))
	for i := range s.Present.All() {
		p.Inputs[i].Shape = size[:]
	}
	p.Target = ingest.Labels{}
	if len(s.Target.Shape) > 0 {
		p.Target.Shape = size[:]
	}
	p.Crop(start)
	// Whoever gets one patch may change its lists and must not meet the others'.
	p.Background = slices.Clone(s.Background)
	p.Sources = slices.Clone(s.Sources)
	p.Definitions = slices.Clone(s.Definitions)
	p.Warnings = slices.Clone(s.Warnings)
	return &p
}

func copyBox[T comparable](src []T, shape, start, size [3]int, pad T) []T {
	dst := make([]T, size[0]*size[1]*size[2])
	var lo, hi [3]int // the part of the patch that src has
	inside := true
	for d := range 3 {
		lo[d], hi[d] = max(-start[d], 0), min(shape[d]-start[d], size[d])
		inside = inside && lo[d] == 0 && hi[d] == size[d]
	}
	if zero := *new(T); !inside && pad != zero {
		for i := range dst {
			dst[i] = pad
		}
	}
	for z := lo[0]; z < hi[0]; z++ {
		for y := lo[1]; y < hi[1]; y++ {
			from := ((start[0]+z)*shape[1]+start[1]+y)*shape[2] + start[2]
			to := (z*size[1] + y) * size[2]
			copy(dst[to+lo[2]:to+hi[2]], src[from+lo[2]:])
		}
	}
	return dst
}
