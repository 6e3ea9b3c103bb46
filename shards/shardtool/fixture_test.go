package shardtool_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

var (
	mri    = modality.MustSet("flair", "t1", "t1ce", "t2")
	av     = modality.MustSet("image", "audio")
	tumour = []string{"background", "core", "oedema", "enhancing"}
	digits = []string{"zero", "one", "two", "three"}
)

// placed is a sample and where it goes.
type placed struct {
	split split.Split
	*ingest.Sample
}

// workDir makes an empty directory the working one, with data/brats,
// data/deep/avdigits and an unfinished data set lost below it.
func workDir(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, d := range []string{"data/deep", "lost", "empty/a/b/c/d"} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	create(t, "data/brats", bratsMeta(), bratsRows(), shards.Options{BatchBytes: 5_000},
		&ingest.SubjectError{Key: ingest.Key{Dataset: "brats", Subject: "Bad_007"}, Problems: []ingest.Problem{
			{Path: "Bad_007/Bad_007_t2.nii.gz", Kind: "truncated", Reason: "ends after 1000 of 2000 voxels", Fix: "copy it again"}}})
	create(t, "data/deep/avdigits", avMeta(), avRows(), shards.Options{})
	if err := os.WriteFile("lost/train-00000.arrow", []byte("ARROW1"), 0o666); err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, dir string, m shards.Meta, rows []placed, o shards.Options, bad ...*ingest.SubjectError) *shards.Manifest {
	t.Helper()
	w, err := shards.Create(dir, m, o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, r := range rows {
		if err := w.Append(r.split, r.Sample); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range bad {
		w.Quarantine(e)
	}
	manifest, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

func bratsMeta() shards.Meta {
	return shards.Meta{
		Dataset: "brats", Modalities: mri, Task: shards.Segmentation, Classes: tumour,
		Shapes: [][]int{{4, 6, 5}, {4, 6, 5}, {4, 6, 5}, {4, 6, 5}}, TargetShape: []int{4, 6, 5},
		Config: json.RawMessage(`{"size":"4x6x5"}`), Seed: 7, Tool: "lacuna test", SplitPolicy: "stratified", MaskPolicy: "none",
		Definitions: []string{"orient-lps/1", "mckd/1"},
	}
}

// bratsRows are four subjects and six patches: train has A twice (all there,
// and without t1ce) and B (flair alone), val C, test D twice, once unlabelled.
// Modality i of a patch counts from 10i up by its 120 voxels, so that its mean
// is 10i+59.5.
func bratsRows() []placed {
	patch := func(sp split.Split, subject, part string, present modality.Mask, target ingest.Labels) placed {
		s := &ingest.Sample{
			Key: ingest.Key{Dataset: "brats", Subject: subject, Part: part}, Present: present, Target: target,
			Subject:  ingest.Subject{Key: ingest.Key{Dataset: "brats", Subject: subject}, Group: "P" + subject, Stratum: "HGG", Class: -1},
			Inputs:   make([]ingest.Array, 4),
			Affine:   [4][4]float64{{-1, 0, 0, 9}, {0, -1, 0, 9}, {0, 0, 2, 0}, {0, 0, 0, 1}},
			Location: ingest.Location{Offset: [3]int{1, 2, -1}, Volume: [3]int{8, 12, 9}, Axes: "RAS"},
			Sources: []ingest.File{
				{Role: "flair", Path: subject + "/flair.nii.gz", SHA256: sha256.Sum256([]byte(subject))},
				{Role: "target", Path: subject + "/seg.nii.gz", SHA256: sha256.Sum256([]byte(subject + "seg"))},
			},
			Definitions: []string{"orient-lps/1", "mckd/1"},
		}
		for i := range present.All() {
			s.Inputs[i] = ingest.Array{Shape: []int{4, 6, 5}, Data: make([]float32, 120)}
			for k := range s.Inputs[i].Data {
				s.Inputs[i].Data[k] = float32(10*i + k)
			}
		}
		return placed{sp, s}
	}
	// labels has n[c] voxels of class c, in this order, from the middle on.
	labels := func(n ...int) ingest.Labels {
		l := ingest.Labels{Shape: []int{4, 6, 5}, Data: make([]uint8, 120)}
		at := 60
		for c, k := range n {
			for range k {
				l.Data[at] = uint8(c + 1)
				at++
			}
		}
		return l
	}
	noT1ce := mri.Full().Without(2)
	warned := patch(split.Val, "C", "grid-0-0-0", mri.Full(), labels(0, 0, 0))
	warned.Warnings = []ingest.Problem{{Path: "C/t1.nii.gz", Kind: "affine", Reason: "differs by 0.001 mm"}}
	return []placed{
		patch(split.Train, "A", "fg-0", mri.Full(), labels(5, 10, 3)),
		patch(split.Train, "A", "fg-1", noT1ce, labels(0, 7, 0)),
		patch(split.Train, "B", "fg-0", 1, labels(1, 2, 3)),
		warned,
		patch(split.Test, "D", "grid-0-0-0", mri.Full(), labels(2, 0, 0)),
		patch(split.Test, "D", "grid-0-0-4", noT1ce, ingest.Labels{}),
	}
}

func avMeta() shards.Meta {
	return shards.Meta{
		Dataset: "avdigits", Modalities: av, Task: shards.Classification, Classes: digits,
		Shapes: [][]int{{28, 28}, {20, 20}}, Seed: 1, Tool: "lacuna test",
		SplitPolicy: "paper", MaskPolicy: "rate:audio=50", Definitions: []string{"smil/1"},
	}
}

// avRows are eight pairs: 0 to 4 train, 5 val, 6 and 7 test; of class i%4;
// pairs 1 and 3 have no sound.
func avRows() []placed {
	var rows []placed
	for i := range 8 {
		sp := split.Train
		switch {
		case i == 5:
			sp = split.Val
		case i > 5:
			sp = split.Test
		}
		key := ingest.Key{Dataset: "avdigits", Subject: fmt.Sprintf("%d_theo_%d", i%4, i)}
		s := &ingest.Sample{
			Key: key, Present: av.Full(), Target: ingest.Class(uint8(i % 4)),
			Subject:     ingest.Subject{Key: key, Class: i % 4, Domain: "theo"},
			Inputs:      []ingest.Array{ring(i), cepstrum(i)},
			Definitions: []string{"smil/1"},
		}
		if i == 1 || i == 3 {
			s.Inputs[1], s.Present = ingest.Array{}, s.Present.Without(1)
		}
		rows = append(rows, placed{sp, s})
	}
	return rows
}

// ring is an image of 28 x 28, 0 and 1, with a hollow square of side 2i+4.
func ring(i int) ingest.Array {
	a := ingest.Array{Shape: []int{28, 28}, Data: make([]float32, 28*28)}
	for k := range a.Data {
		y, x := k/28-14, k%28-14
		if max(y, -y, x, -x) == i+2 {
			a.Data[k] = 1
		}
	}
	return a
}

// cepstrum is a map of 20 x 20 of which the last 8 frames are 0.
func cepstrum(i int) ingest.Array {
	a := ingest.Array{Shape: []int{20, 20}, Data: make([]float32, 400)}
	for k := range a.Data {
		c, f := k/20, k%20
		switch {
		case f >= 12:
		case c == 0:
			a.Data[k] = float32(-400 + 5*f)
		default:
			a.Data[k] = float32((c*f+i)%31) - 15
		}
	}
	return a
}
