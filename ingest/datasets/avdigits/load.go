package avdigits

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/idx"
	"github.com/lacuna-ml/lacuna/ingest/wav"
)

const (
	side   = 28
	rateHz = 8000
	// Limits on decoded data in bytes: of a clip, 8.7 minutes at 8 kHz; of a set
	// of images, four times MNIST's.
	maxClip   = 1 << 24
	maxImages = 200 << 20
)

// Load reads a clip and picks its image. The sample is the caller's alone.
func (s *source) Load(ctx context.Context, sub ingest.Subject) (*ingest.Sample, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	p, err := s.pairs()
	if err != nil {
		return nil, err
	}
	one := p.byName[sub.Key.Subject]
	if one == nil || sub.Key.Dataset != name {
		return nil, fmt.Errorf("%s: no subject %s", name, sub.Key)
	}
	out := &ingest.Sample{
		Key:         one.subject.Key,
		Subject:     one.subject,
		Inputs:      make([]ingest.Array, modalities.Len()),
		Target:      ingest.Class(one.clip.digit),
		Definitions: []string{p.definition},
		Warnings:    append([]ingest.Problem(nil), one.warnings...),
	}
	bad := &ingest.SubjectError{Key: out.Key}
	if one.image >= 0 {
		s.addImage(out, one, bad)
	}
	if one.clip.path != "" {
		s.addAudio(out, one.clip, bad)
	}
	if len(bad.Problems) == 0 && out.Present == 0 {
		bad.Problems = append(bad.Problems, ingest.Problem{Kind: "missing", Reason: "neither the clip nor the image is there", Fix: "get both, or choose the pairing full"})
	}
	if len(bad.Problems) > 0 {
		return nil, bad
	}
	return out, nil
}

// broken adds a file that can't be read to the error of a subject.
func broken(e *ingest.SubjectError, path string, err error) {
	kind, fix := "read", "look whether the file can be read"
	_, wavFormat := errors.AsType[*wav.FormatError](err)
	_, idxFormat := errors.AsType[*idx.FormatError](err)
	_, wavKind := errors.AsType[wav.UnsupportedError](err)
	_, idxKind := errors.AsType[idx.UnsupportedError](err)
	switch {
	case errors.Is(err, datasets.ErrNotFile):
		kind, fix = "not-a-file", "put the file in its place"
	case errors.Is(err, datasets.ErrDangling):
		kind, fix = "link", datasets.FetchHint
	case errors.Is(err, fs.ErrNotExist):
		kind, fix = "missing", "get the file"
	case errors.Is(err, errEmpty):
		kind, fix = "empty", "get the file again"
	case errors.Is(err, errPointer):
		kind, fix = "lfs-pointer", "run git lfs pull where it came from"
	case errors.Is(err, wav.ErrLimit), errors.Is(err, idx.ErrLimit):
		kind, fix = "too-large", "look whether it is the data set's"
	case errors.Is(err, errShape):
		kind, fix = "shape", "get MNIST's file"
	case (wavFormat || idxFormat) && cutShort(err):
		kind, fix = "truncated", "get the file again"
	case wavFormat && notFinite(err):
		kind, fix = "nonfinite", "get the file again"
	case wavFormat || idxFormat:
		kind, fix = "format", "get the file again"
	case wavKind || idxKind:
		kind, fix = "unsupported", "convert it"
	}
	fail(e, path, kind, fix, err)
}

// cutShort reports whether a decoder's error is that the file ended early, of
// which its words are the only sign.
func cutShort(err error) bool {
	return strings.Contains(err.Error(), "the file ends ") || strings.Contains(err.Error(), "is cut short")
}

// notFinite is as cutShort for a sample that is no number.
func notFinite(err error) bool {
	return strings.Contains(err.Error(), " is NaN, ") || strings.Contains(err.Error(), "Inf, ")
}

// Errors of files that are something else than their name says.
var (
	errEmpty   = errors.New("the file is empty: 0 bytes")
	errPointer = errors.New("the file is a git-lfs pointer, the data was never fetched")
	errShape   = errors.New("of another size than MNIST's")
)

const lfsHead = "version https://git-lfs.github.com/spec/"

// fail adds a problem of a file to the error of a subject.
func fail(e *ingest.SubjectError, path, kind, fix string, err error) {
	e.Problems = append(e.Problems, ingest.Problem{Path: path, Kind: kind, Reason: err.Error(), Fix: fix})
	if e.Err == nil {
		e.Err = err
	}
}

// pictures is a decoded set of images, which never changes.
type pictures struct {
	images *idx.Images
	file   ingest.File
}

// hashing opens the file for use, and returns its SHA-256 once use has read
// what it wants of it.
func hashing(fsys fs.FS, path string, use func(io.Reader) error) (sum [sha256.Size]byte, err error) {
	f, err := datasets.OpenRegular(fsys, path)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	r := bufio.NewReader(io.TeeReader(f, h))
	head, err := r.Peek(len(lfsHead))
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return sum, errEmpty
	case string(head) == lfsHead:
		return sum, errPointer
	case err != nil && !errors.Is(err, io.EOF):
		return sum, err
	}
	if err := use(r); err != nil {
		return sum, err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// readPictures decodes a set's images and checks them against its labels.
func readPictures(fsys fs.FS, set mnist) (*pictures, error) {
	p := &pictures{file: ingest.File{Role: modalities.Name(image), Path: set.images}}
	labels, err := readLabels(fsys, set.labels)
	if err != nil {
		return nil, err
	}
	p.file.SHA256, err = hashing(fsys, set.images, func(r io.Reader) error {
		p.images, err = idx.DecodeImages(r, maxImages)
		return err
	})
	if err != nil {
		return nil, err
	}
	if p.images.Rows != side || p.images.Cols != side {
		return nil, fmt.Errorf("%w: %d x %d, want %d x %d", errShape, p.images.Rows, p.images.Cols, side, side)
	}
	if err := p.images.CheckLabels(labels); err != nil {
		return nil, fmt.Errorf("with %s: %w", set.labels, err)
	}
	return p, nil
}

func (s *source) addImage(out *ingest.Sample, one *couple, bad *ingest.SubjectError) {
	path := s.sets[one.set].images
	pics, err := s.pictures[one.set]()
	if err != nil {
		broken(bad, path, err)
		return
	}
	data := make([]float32, side*side)
	blank := true
	for i, v := range pics.images.Image(one.image) {
		data[i] = float32(v) / 255
		blank = blank && v == 0
	}
	if blank {
		out.Warnings = append(out.Warnings, ingest.Problem{Path: path, Kind: "blank", Reason: fmt.Sprintf("image %d is all black", one.image)})
	}
	out.Inputs[image] = ingest.Array{Shape: []int{side, side}, Data: data}
	out.Present = out.Present.With(image)
	out.Sources = append(out.Sources, pics.file)
}

func (s *source) addAudio(out *ingest.Sample, c clip, bad *ingest.SubjectError) {
	var sound *wav.Clip
	sum, err := hashing(s.in["audio"], c.path, func(r io.Reader) (err error) {
		sound, err = wav.Decode(r, maxClip)
		return err
	})
	if err != nil {
		broken(bad, c.path, err)
		return
	}
	data := sound.Mono()
	if len(data) == 0 {
		fail(bad, c.path, "empty", "get the clip again", errors.New("it has no samples"))
		return
	}
	low, high := data[0], data[0]
	for i, v := range data {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			fail(bad, c.path, "nonfinite", "get the clip again", fmt.Errorf("sample %d is %v", i, v))
			return
		}
		low, high = min(low, v), max(high, v)
	}
	odd := func(kind, format string, args ...any) {
		out.Warnings = append(out.Warnings, ingest.Problem{Path: c.path, Kind: kind, Reason: fmt.Sprintf(format, args...)})
	}
	if n := sound.Header.Channels; n > 1 {
		odd("channels", "%d channels, averaged to one", n)
	}
	if r := sound.Header.RateHz; r != rateHz {
		odd("rate", "%d Hz where FSDD has %d: kept as it is, not resampled, and no features are made of it", r, rateHz)
		out.Warnings[len(out.Warnings)-1].Fix = fmt.Sprintf("resample to %d Hz", rateHz)
	}
	if low == high {
		odd("silent", "all %d samples are %v", len(data), low)
	}
	if low < -1 || high > 1 {
		odd("range", "samples from %v to %v: clipped to -1 to 1", low, high)
		for i, v := range data {
			data[i] = min(max(v, -1), 1)
		}
	}
	out.Inputs[audio] = ingest.Array{Shape: []int{len(data)}, Data: data}
	out.Present = out.Present.With(audio)
	out.RateHz = sound.Header.RateHz
	out.Sources = append(out.Sources, ingest.File{Role: modalities.Name(audio), Path: c.path, SHA256: sum})
}
