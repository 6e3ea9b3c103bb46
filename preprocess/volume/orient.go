package volume

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/axes"
	"github.com/lacuna-ml/lacuna/preprocess"
)

type orient struct {
	axes string // three letters, for x, y, z
	goal [3]axis
}

// axis is a direction of the world: 0, 1, 2 for left-right, back-front,
// foot-head, and whether it runs to L, P or I rather than to R, A or S.
type axis struct {
	world    int
	negative bool
}

// Orient returns the stage that permutes and flips volumes so that their voxel
// axes x, y, z run to axes: three of R/L, A/P, S/I, each pair once; "" is
// "LPS", which BraTS has. It moves voxels and interpolates none: an oblique
// affine counts as the axes nearest to its own.
//
// It updates Affine and Location, whose Axes become those that the volume had
// unless they are set. A volume that is as wanted already is not copied. A
// sample whose affine is singular or not finite is a SubjectError. Its name is
// "orient-lps/1".
func Orient(axes string) (preprocess.Stage, error) {
	if axes == "" {
		axes = "LPS"
	}
	goal, err := parseAxes(axes)
	if err != nil {
		return nil, err
	}
	return orient{axes, goal}, nil
}

// letters has the two ends of each axis of the world, the positive first.
var letters = [3]string{"RL", "AP", "SI"}

func parseAxes(text string) (goal [3]axis, err error) {
	seen := [3]bool{}
	for i, c := range text {
		w := 0
		for w < 3 && !strings.ContainsRune(letters[w], c) {
			w++
		}
		if len(text) != 3 || w == 3 || seen[w] {
			return goal, fmt.Errorf("volume: axes %q: want three letters, one each of R/L, A/P and S/I", text)
		}
		seen[w] = true
		goal[i] = axis{w, rune(letters[w][1]) == c}
	}
	if text == "" {
		return goal, fmt.Errorf("volume: no axes")
	}
	return goal, nil
}

func (o orient) Name() string { return "orient-" + strings.ToLower(o.axes) + "/1" }

func (o orient) Apply(_ context.Context, _ *rand.Rand, s *ingest.Sample, emit func(*ingest.Sample) bool) error {
	shape, err := shapeOf(s)
	if err != nil {
		return err
	}
	m, err := o.turn(s, shape)
	if err != nil {
		return err
	}
	if m != axes.Same() {
		turnData(m, s, shape)
	}
	s.Definitions = append(s.Definitions, o.Name())
	emit(s)
	return nil
}

// Repack is as [preprocess.Repacker] has it.
func (o orient) Repack(_ context.Context, p *ingest.Packed) (bool, error) {
	s := p.Sample
	shape, err := shapeOf(s)
	if err != nil {
		return false, err
	}
	m, err := o.turn(s, shape)
	if err != nil {
		return false, err
	}
	if m != axes.Same() {
		for i := range s.Present.All() {
			p.Volumes[i] = p.Volumes[i].Turn(m)
		}
		if p.Labels != nil {
			p.Labels = p.Labels.Turn(m)
		}
	}
	s.Definitions = append(s.Definitions, o.Name())
	return true, nil
}

// turn turns the affine, the location and the shapes of s, and says how its
// arrays are to follow.
func (o orient) turn(s *ingest.Sample, shape [3]int) (axes.Map, error) {
	has, ok := axes.Nearest(s.Affine)
	if !ok {
		return has, fault(s, "affine", "set the sform or qform of the files, or leave the orientation as it is",
			"the affine is singular or not finite, so the orientation is unknown")
	}
	locate(s, shape)
	if s.Location.Axes == "" {
		var names [3]byte // of the voxel axes
		for w, v := range has.From {
			names[v] = letters[w][toInt(has.Flip[w])]
		}
		s.Location.Axes = string(names[:])
	}
	var m axes.Map
	for a, g := range o.goal {
		m.From[a], m.Flip[a] = has.From[g.world], has.Flip[g.world] != g.negative
	}
	if m != axes.Same() {
		frame(m, s, shape)
	}
	return m, nil
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// frame moves the affine, the location and the shapes of s, all of whose volumes
// are D x H x W as shape says.
func frame(m axes.Map, s *ingest.Sample, shape [3]int) {
	affine := s.Affine
	loc := s.Location
	to := make([]int, 3)
	for a, from := range m.From {
		d, o := 2-a, 2-from // the same axes in D, H, W
		to[d] = shape[o]
		loc.Volume[d], loc.Offset[d] = s.Location.Volume[o], s.Location.Offset[o]
		for w := range 3 {
			affine[w][a] = s.Affine[w][from]
		}
		if !m.Flip[a] {
			continue
		}
		loc.Offset[d] = s.Location.Volume[o] - s.Location.Offset[o] - to[d]
		for w := range 3 {
			affine[w][3] += s.Affine[w][from] * float64(to[d]-1)
			affine[w][a] = -s.Affine[w][from]
		}
	}
	s.Affine, s.Location = affine, loc
	for i := range s.Present.All() {
		s.Inputs[i].Shape = to
	}
	if len(s.Target.Shape) == 3 {
		s.Target.Shape = to
	}
}

// turnData moves the arrays of s, which were D x H x W as shape says.
func turnData(m axes.Map, s *ingest.Sample, shape [3]int) {
	old := [3]int{shape[2], shape[1], shape[0]} // x, y, z
	stride := [3]int{1, shape[2], shape[2] * shape[1]}
	var n, step [3]int
	base := 0
	for a, from := range m.From {
		n[a], step[a] = old[from], stride[from]
		if m.Flip[a] {
			base += (n[a] - 1) * step[a]
			step[a] = -step[a]
		}
	}
	for i := range s.Present.All() {
		s.Inputs[i].Data = gather(s.Inputs[i].Data, n, step, base)
	}
	if len(s.Target.Shape) == 3 {
		s.Target.Data = gather(s.Target.Data, n, step, base)
	}
}

// gather returns the n[2] x n[1] x n[0] elements of src that start at base and
// are step apart along x, y and z.
func gather[T any](src []T, n, step [3]int, base int) []T {
	dst := make([]T, 0, len(src))
	for z := range n[2] {
		for y := range n[1] {
			at := base + z*step[2] + y*step[1]
			for range n[0] {
				dst = append(dst, src[at])
				at += step[0]
			}
		}
	}
	return dst
}
