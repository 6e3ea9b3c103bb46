package brats

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"sync"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/axes"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/nifti"
	"github.com/lacuna-ml/lacuna/ingest/sparse"
)

// Limits on the voxels of a case as float32, all its files together, and of one
// volume. A case of BraTS has 161 MiB (with labels 170), 34 MiB a volume.
const (
	maxCaseBytes   = 1 << 30
	maxVolumeBytes = maxCaseBytes / 4
)

// loader reads one case and gathers what is wrong with it.
type loader struct {
	fsys     fs.FS
	c        *found
	problems []ingest.Problem
	warnings []ingest.Problem
	cause    error // the first problem's
	sources  []ingest.File

	taken   int64    // bytes of voxels decoded so far
	decoded *buffers // what the volumes are in
}

// volume is one file as decoded.
type volume struct {
	path string
	grid
	axes string // "LPS"
	data *sparse.Volume
	safe bool // whether the type of its voxels admits no NaN
}

// image is a file as decoded.
type image struct {
	*nifti.Header
	data *sparse.Volume
}

func (l *loader) problem(path, kind string, cause error, fix, format string, args ...any) {
	l.problems = append(l.problems, ingest.Problem{Path: path, Kind: kind, Reason: fmt.Sprintf(format, args...), Fix: fix})
	if l.cause == nil {
		l.cause = cause
	}
}

func (l *loader) warn(path, kind, format string, args ...any) {
	l.warnings = append(l.warnings, ingest.Problem{Path: path, Kind: kind, Reason: fmt.Sprintf(format, args...)})
}

// load returns the sample where there are no problems. Its error is one that
// is not the case's: a cancelled context.
func (l *loader) load(ctx context.Context) (*ingest.Packed, error) {
	vols, err := l.images(ctx)
	if err != nil {
		return nil, err
	}
	if len(l.problems) == 0 && l.c.packed == "" && slices.Equal(l.c.files[:target], []string{"", "", "", ""}) {
		l.problem(l.c.dir, "no-modality", nil, "complete the download, or remove the folder",
			"no file for any of flair, t1, t1ce, t2")
	}
	s := &ingest.Sample{
		Inputs:     make([]ingest.Array, modalities.Len()),
		Background: make([]float32, modalities.Len()),
	}
	out := &ingest.Packed{Sample: s, Volumes: make([]*sparse.Volume, modalities.Len())}
	for i, v := range vols {
		if v != nil && !l.checkValues(v, roleName(i)) {
			vols[i] = nil
		}
	}
	ref := l.reference(vols)
	if ref != nil {
		s.Affine, s.Location.Axes = ref.affine, ref.axes
		s.Location.Volume = [3]int{ref.shape[2], ref.shape[1], ref.shape[0]}
	}
	for i, v := range vols {
		if v == nil {
			continue
		}
		m, ok := l.align(v, ref)
		if !ok {
			continue
		}
		out.Volumes[i] = turn(v.data, m)
		s.Inputs[i].Shape = slices.Clone(s.Location.Volume[:])
		s.Background[i] = out.Volumes[i].Background
		s.Present = s.Present.With(i)
	}
	if err := l.loadTarget(ctx, out, ref); err != nil {
		return nil, err
	}
	if s.Present == 0 && len(l.problems) == 0 {
		l.problem(l.c.dir, "no-modality", nil, "", "no modality carries anything: each is the same everywhere")
	}
	s.Sources, s.Warnings = l.sources, l.warnings
	return out, nil
}

// turn returns v with its axes as m says, and with its voxel 0, 0, 0 for a
// background, which need not be the file's first.
func turn(v *sparse.Volume, m axes.Map) *sparse.Volume {
	if m == axes.Same() {
		return v
	}
	v = v.Turn(m)
	if v.At(0, 0, 0) != v.Background {
		v = sparse.Pack(v.Shape, v.Dense([3]int{}, v.Shape))
	}
	return v
}

// images reads the modalities, nil where there is none or it is broken.
func (l *loader) images(ctx context.Context) ([]*volume, error) {
	vols := make([]*volume, modalities.Len())
	if l.c.packed != "" {
		return vols, l.unpack(ctx, vols)
	}
	for i := range vols {
		img, err := l.read(ctx, l.c.files[i], i)
		if err != nil {
			return nil, err
		}
		if img != nil {
			vols[i] = l.single(img, l.c.files[i])
		}
	}
	return vols, nil
}

// unpack reads a 4-D file of all modalities.
func (l *loader) unpack(ctx context.Context, vols []*volume) error {
	img, err := l.read(ctx, l.c.packed, Flair)
	if err != nil || img == nil {
		return err
	}
	for i := 1; i < len(vols); i++ { // one file, four modalities
		l.sources = append(l.sources, l.sources[len(l.sources)-1])
		l.sources[len(l.sources)-1].Role = roleName(i)
	}
	dim := img.Shape()
	if len(dim) < 4 || dim[3] != len(vols) || !allOnes(dim[4:]) {
		l.problem(l.c.packed, "shape", nil, "", "has shape %v, not x, y, z and %d modalities", dim, len(vols))
		return nil
	}
	for i := range vols {
		vols[i] = newVolume(img, l.c.packed, img.data.Planes(i*dim[2], (i+1)*dim[2]))
	}
	return nil
}

// single returns an image's one volume, nil if it has more or none.
func (l *loader) single(img *image, path string) *volume {
	dim := img.Shape()
	switch {
	case len(dim) < 3:
		l.problem(path, "shape", nil, "", "has %d dimensions, a volume has 3", len(dim))
		return nil
	case !allOnes(dim[3:]):
		l.problem(path, "shape", nil, "keep the one volume that is meant", "has shape %v: more than one volume in a file", dim)
		return nil
	}
	return newVolume(img, path, img.data)
}

func allOnes(dim []int) bool {
	return !slices.ContainsFunc(dim, func(n int) bool { return n != 1 })
}

// newVolume makes a volume of an image of 3 or more dimensions.
func newVolume(img *image, path string, data *sparse.Volume) *volume {
	h := img.Header
	v := &volume{path: path, data: data, axes: h.Orientation()}
	copy(v.shape[:], h.Shape())
	v.affine, v.known = h.Affine(), h.SformCode > 0 || h.QformCode > 0
	scale := 1.0
	switch h.Units & 7 {
	case 1: // metres
		scale = 1e3
	case 3: // micrometres
		scale = 1e-3
	}
	for i := range 3 {
		for j := range 4 {
			v.affine[i][j] *= scale
		}
	}
	switch h.Type {
	case nifti.Float32, nifti.Float64:
	default:
		// An integer can't be NaN, unless a giant slope overflows float32.
		v.safe = math.Abs(h.Slope) < 1 && math.Abs(h.Inter) < 1 || h.Slope == 1 && h.Inter == 0
	}
	return v
}

// checkValues reports whether v is a modality that can be used: finite, and not
// the same everywhere.
func (l *loader) checkValues(v *volume, role string) bool {
	if c, ok := constant(v.data); ok && !math.IsInf(float64(c), 0) {
		l.warn(v.path, "constant", "every voxel is %g: %s carries nothing and is taken as absent", c, role)
		return false
	}
	if v.safe {
		return true
	}
	nans, infs, first := nonFinite(v.data.Values)
	at := [3]int{}
	if first >= 0 {
		at = v.data.Place(first)
	}
	if air := v.data.Len() - len(v.data.Values); air > 0 {
		if a, b, bad := nonFinite([]float32{v.data.Background}); bad >= 0 {
			nans, infs, first, at = nans+a*air, infs+b*air, 0, [3]int{}
		}
	}
	if first >= 0 {
		l.problem(v.path, "nonfinite", nil, "replace them, or remove the file to have the modality absent",
			"%s has %d NaN and %d infinite of %d voxels, the first at %s", role, nans, infs, v.data.Len(), place(at))
	}
	return first < 0
}

// reference returns the volume whose grid the others are laid on: the first
// whose header has a geometry, else the first. It removes from vols those whose
// affine can't be inverted.
func (l *loader) reference(vols []*volume) *volume {
	var ref *volume
	for i, v := range vols {
		if v == nil {
			continue
		}
		if _, ok := inverse(v.affine); !ok {
			l.problem(v.path, "affine", nil, "repair the header", "the affine maps the volume onto a plane, a line or nothing")
			vols[i] = nil
			continue
		}
		if ref == nil || v.known && !ref.known {
			ref = v
		}
	}
	return ref
}

// align compares v with the reference and says how to turn its axes.
func (l *loader) align(v, ref *volume) (m axes.Map, ok bool) {
	r, m, off := relate(ref.grid, v.grid)
	if !v.known && ref.known && v.shape == ref.shape {
		l.warn(v.path, "geometry", "the header has no geometry; taken to lie as %s", ref.path)
		return axes.Same(), true
	}
	switch r {
	case exact:
	case near:
		if off > noise {
			l.warn(v.path, "affine", "the affine differs from that of %s by up to %.2g voxels; that one is used", ref.path, off)
		}
	case rearranged:
		l.warn(v.path, "orientation", "stored as %s, unlike %s; turned to lie the same", v.axes, ref.path)
	case different:
		if v.shape != ref.shape {
			l.problem(v.path, "shape", nil, "resample it onto the other's grid",
				"has %s voxels, %s has %s", formatShape(v.shape), ref.path, formatShape(ref.shape))
		} else {
			l.problem(v.path, "affine", nil, "resample it onto the other's grid, or copy the other's header where the voxels do match",
				"lies up to %.3g mm away from %s (axes %s and %s)", off, ref.path, v.axes, ref.axes)
		}
		return m, false
	}
	return m, true
}

// loadTarget reads the label map into out. Without one the release's numbering is
// noted as well, for who predicts labels.
func (l *loader) loadTarget(ctx context.Context, out *ingest.Packed, ref *volume) error {
	path := l.c.files[target]
	if path == "" && l.c.release.name != "" {
		out.Sample.Definitions = append(out.Sample.Definitions, fmt.Sprintf(numbering, l.c.release.name))
		return nil
	}
	img, err := l.read(ctx, path, target)
	if err != nil || img == nil {
		return err
	}
	v := l.single(img, path)
	if v == nil {
		return nil
	}
	m, aligned := axes.Same(), true
	if ref != nil {
		m, aligned = l.align(v, ref)
	}
	if l.c.release.name == "" {
		return nil // not known, which was told already
	}
	classes, strange := toClasses(v.data, l.c.release.labels)
	if strange != "" {
		l.problem(path, "label", nil, l.c.release.hint(v.data), "values that are no labels of release %s (%s): %s",
			l.c.release.name, l.c.release.labels, strange)
		return nil
	}
	if !aligned {
		return nil
	}
	out.Labels = classes
	if m != axes.Same() {
		out.Labels = classes.Turn(m)
	}
	n := out.Labels.Shape
	out.Sample.Target.Shape = []int{n[2], n[1], n[0]}
	out.Sample.Definitions = append(out.Sample.Definitions, fmt.Sprintf(numbering, l.c.release.name))
	return nil
}

// read decodes a file of the case and notes its checksum. It returns nil where
// there is no file, or it is broken. Its error is the context's.
func (l *loader) read(ctx context.Context, path string, role int) (*image, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if path == "" {
		return nil, nil
	}
	f, err := datasets.OpenRegular(l.fsys, path)
	if err != nil {
		l.broken(path, err)
		return nil, nil
	}
	sum := sha256.New()
	buf := bufio.NewReader(io.TeeReader(&ctxReader{ctx, f}, sum)) // small: larger reads pass it by
	img, err := l.decode(buf, role)
	if err == nil {
		_, err = io.Copy(io.Discard, buf) // so that the checksum is of the whole file
	}
	err = errors.Join(err, f.Close())
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		l.broken(path, err)
		return nil, nil
	}
	file := ingest.File{Role: roleName(role), Path: path}
	sum.Sum(file.SHA256[:0])
	l.sources = append(l.sources, file)
	return img, nil
}

// Errors of files that are something else than their name says.
var (
	errEmpty   = errors.New("the file is empty: 0 bytes")
	errPointer = errors.New("the file is a git-lfs pointer, the data was never fetched")
)

// decode reads an image, after a look at whether there can be one.
func (l *loader) decode(r *bufio.Reader, role int) (*image, error) {
	head, err := r.Peek(len(lfsHead))
	if len(head) == 0 && errors.Is(err, io.EOF) {
		return nil, errEmpty
	}
	if bytes.Equal(head, []byte(lfsHead)) {
		return nil, errPointer
	}
	in, err := nifti.NewReader(r)
	if err != nil {
		return nil, err
	}
	limit := int64(maxVolumeBytes)
	if l.c.packed != "" && role != target {
		limit *= int64(modalities.Len())
	}
	data, err := in.Sparse(&l.decoded[role], min(limit, maxCaseBytes-l.taken))
	if err != nil {
		return nil, err
	}
	l.taken += 4 * int64(data.Len())
	return &image{in.Header, data}, nil
}

// buffers is what the files of a case are decoded into, by role.
type buffers [target + 1]sparse.Builder

// shelf has the buffers that no loader uses. It is no sync.Pool because the
// collector, which large samples start often, would empty one.
type shelf struct {
	mu   sync.Mutex
	free []*buffers // guarded by mu
}

func (s *shelf) take() *buffers {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return new(buffers)
	}
	b := s.free[n-1]
	s.free = s.free[:n-1]
	return b
}

func (s *shelf) give(b *buffers) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, b)
}

const lfsHead = "version https://git-lfs.github.com/spec/"

// broken notes a file that can't be read.
func (l *loader) broken(path string, err error) {
	kind, fix := "read", ""
	_, format := errors.AsType[*nifti.FormatError](err)
	_, unsupported := errors.AsType[nifti.UnsupportedError](err)
	switch {
	case errors.Is(err, errEmpty):
		kind, fix = "empty", "copy or download it again"
	case errors.Is(err, errPointer):
		kind, fix = "lfs-pointer", "run git lfs pull where it came from"
	case errors.Is(err, datasets.ErrNotFile):
		kind, fix = "not-a-file", "put the file in its place"
	case errors.Is(err, datasets.ErrDangling):
		kind, fix = "link", datasets.FetchHint
	case errors.Is(err, nifti.ErrLimit):
		kind = "too-large"
		fix = fmt.Sprintf("crop or resample it: %d MiB as float32 is the most for a volume, %d MiB for a case", maxVolumeBytes>>20, maxCaseBytes>>20)
	case errors.Is(err, io.ErrUnexpectedEOF):
		kind, fix = "truncated", "copy or download it again"
	case format:
		kind, fix = "format", "copy or download it again"
	case unsupported:
		kind, fix = "unsupported", "convert it to int16 or float32"
	}
	reason := err.Error()
	for _, a := range anomalies[l.c.name] {
		if a.note != "" && l.c.files[a.role] == path {
			reason += "; " + a.note
		}
	}
	l.problem(path, kind, err, fix, "%s", reason)
}

// ctxReader ends a read when its context does.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
