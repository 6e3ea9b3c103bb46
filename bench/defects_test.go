package bench

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	audiowav "github.com/go-audio/wav"
	"github.com/okieraised/gonii"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
	"github.com/lacuna-ml/lacuna/ingest/wav"
)

// tally counts what a peer does with good files. Lacuna's values are the
// measure: its own tests hold them equal to nibabel's and libsndfile's.
type tally struct{ right, wrong, refused, panicked int }

func (n tally) String() string {
	return fmt.Sprintf("%d right, %d WRONG without an error, %d refused, %d panics", n.right, n.wrong, n.refused, n.panicked)
}

// count runs read and counts how it ends: nil is right, errWrong is wrong.
func (n *tally) count(read func() error) {
	defer func() {
		if recover() != nil {
			n.panicked++
		}
	}()
	switch err := read(); err {
	case nil:
		n.right++
	case errWrong:
		n.wrong++
	default:
		n.refused++
	}
}

var errWrong = fmt.Errorf("values differ")

// TestGoniiOnGoodFiles prints how gonii reads the conformance set; it fails only
// when there is nothing to read.
func TestGoniiOnGoodFiles(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(data(t), "nifti_conformance", "*.nii*"))
	var n tally
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		want, err := nifti.Decode(bytes.NewReader(raw), 1<<30)
		if err != nil {
			continue // RGB, complex and other optional rows
		}
		n.count(func() error {
			rd, err := gonii.NewNiiReader(gonii.WithReadInMemory(true), gonii.WithReadImageFile(f))
			if err != nil {
				return err
			}
			if err := rd.Parse(); err != nil {
				return err
			}
			v := rd.GetNiiData().GetVoxels()
			if v.Len() != len(want.Data) {
				return errWrong
			}
			for i, got := range v.GetDataset() {
				w := float64(want.Data[i])
				if math.Abs(got-w) > 1e-5*max(1, math.Abs(w)) {
					return errWrong
				}
			}
			return nil
		})
	}
	if n.right == 0 {
		t.Fatal("read nothing right: is the comparison broken?")
	}
	t.Logf("gonii v0.9.0, %d good NIfTI files: %s", len(files), n)
}

// TestGoAudioOnGoodFiles does the same for go-audio/wav.
func TestGoAudioOnGoodFiles(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(data(t), "wav_conformance", "*.wav"))
	var n tally
	var names []string
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		want, err := wav.Decode(bytes.NewReader(raw), 1<<30)
		if err != nil {
			continue
		}
		before := n.wrong
		n.count(func() error {
			buf, err := audiowav.NewDecoder(bytes.NewReader(raw)).FullPCMBuffer()
			if err != nil {
				return err
			}
			if len(buf.Data) != len(want.Data) {
				return errWrong
			}
			bits := buf.SourceBitDepth
			for i, v := range buf.Data {
				x := float64(v) / math.Exp2(float64(bits-1))
				if bits == 8 {
					x = float64(v-128) / 128
				}
				if math.Abs(x-float64(want.Data[i])) > 1e-4 {
					return errWrong
				}
			}
			return nil
		})
		if n.wrong > before {
			names = append(names, filepath.Base(f))
		}
	}
	if n.right == 0 {
		t.Fatal("read nothing right: is the comparison broken?")
	}
	t.Logf("go-audio/wav v1.1.0, %d good WAV files: %s\nwrong: %s", len(files), n, strings.Join(names, " "))
}

// TestPeersOnBadFiles prints how the peers end on malformed files. Files that
// claim more than 200 MB are left to the imagination: both peers allocate what a
// header claims, and a process that has no memory left can't recover.
func TestPeersOnBadFiles(t *testing.T) {
	var n tally
	for _, f := range mustGlob(t, "nifti_bad", "trunc_*", "dim_z*", "dim_neg*", "dim_ndim*", "dtype_*", "magic_*", "gz_*", "voxoff_*") {
		n.count(func() error {
			rd, err := gonii.NewNiiReader(gonii.WithReadInMemory(true), gonii.WithReadImageFile(f))
			if err != nil {
				return err
			}
			return rd.Parse()
		})
	}
	t.Logf("gonii on malformed NIfTI: accepted %d, refused %d, %d panics", n.right, n.refused, n.panicked)
	n = tally{}
	for _, f := range mustGlob(t, "wav_bad", "trunc_*", "odd_*", "riff_avi*", "bits*", "ch0*", "codec_*", "float16*") {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		n.count(func() error {
			_, err := audiowav.NewDecoder(bytes.NewReader(raw)).FullPCMBuffer()
			return err
		})
	}
	t.Logf("go-audio/wav on malformed WAV: accepted %d, refused %d, %d panics", n.right, n.refused, n.panicked)
}

func mustGlob(t *testing.T, folder string, patterns ...string) (files []string) {
	t.Helper()
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(data(t), folder, p))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Fatal("no files in", folder)
	}
	return files
}
