package nifti_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/nifti"
	"github.com/lacuna-ml/lacuna/ingest/sparse"
)

// FuzzDecode decodes with a small limit. What is accepted must be as large as it
// says, the same as float64, and come back from the writer voxel by voxel.
func FuzzDecode(f *testing.F) {
	plain := small(f)
	f.Add(plain)
	f.Add(gz(f, plain))
	f.Add(version2(plain))
	f.Add(with(plain, 112, []float32{0.5, -3}))
	f.Add(with(with(plain, 252, []int16{1, 0}), 256, []float32{0.6, 0.8, 1e-4}))
	f.Add(with(with(plain, 252, []int16{0, 0}), 76, []float32{-1, 2, 0, -3}))
	f.Add(append(gz(f, plain[:400]), gz(f, plain[400:])...))
	for _, t := range []nifti.DataType{2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280, 32, 128} {
		f.Add(with(with(plain, 70, int16(t)), 42, []int16{5, 1, 3}))
	}
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\n"))

	wide := append(slices.Clone(plain[:352]), make([]byte, 2*40*3*2)...)
	copy(wide[400:], plain[352:])
	f.Add(with(wide, 42, []int16{40, 3, 2}))
	f.Add(gz(f, with(wide, 42, []int16{40, 3, 2})))

	const limit = 1 << 20
	var b sparse.Builder
	f.Fuzz(func(t *testing.T, file []byte) {
		im, err := decode(file, limit)
		if err != nil {
			checkKind(t, err)
			checkSparse(t, &b, file, limit, nil, err)
			return
		}
		checkSparse(t, &b, file, limit, im.Data, nil)
		n := 1
		for _, d := range im.Header.Dim {
			n *= d
		}
		if n != len(im.Data) || 4*n > limit {
			t.Fatalf("%d voxels for %v, limit %d bytes", len(im.Data), im.Header.Dim, limit)
		}
		checkFloat64(t, file, im.Data)
		if o := im.Header.Orientation(); len(o) != 3 {
			t.Fatalf("orientation %q", o)
		}
		if len(im.Header.Zooms()) != len(im.Header.Dim) {
			t.Fatalf("zooms %v for %v", im.Header.Zooms(), im.Header.Dim)
		}

		var buf bytes.Buffer
		if err := nifti.Encode(&buf, im.Header, im.Data); err != nil {
			// NIfTI-2 holds sizes, codes and numbers that NIfTI-1 does not.
			if im.Header.Version == 1 {
				t.Fatalf("encoding what was decoded: %v", err)
			}
			return
		}
		back, err := decode(buf.Bytes(), limit)
		if err != nil {
			t.Fatalf("decoding what was encoded: %v", err)
		}
		if !slices.Equal(back.Header.Dim, im.Header.Dim) || im.Header.Version == 1 && back.Header.Affine() != im.Header.Affine() {
			t.Fatalf("header changed:\n%+v\n%+v", im.Header, back.Header)
		}
		if i := firstDifference(back.Data, im.Data); i >= 0 {
			t.Fatalf("voxel %d is %v, was %v", i, back.Data[i], im.Data[i])
		}
	})
}

func checkFloat64(t *testing.T, file []byte, want []float32) {
	r, err := nifti.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Float64(nil, 2<<20)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, len(data))
	for i, v := range data {
		got[i] = float32(v)
	}
	if i := firstDifference(got, want); i >= 0 {
		t.Fatalf("voxel %d is %v by way of float64, %v directly", i, got[i], want[i])
	}
}

// firstDifference returns where two volumes differ in bits, a NaN being equal to
// any NaN: conversion may make one quiet.
func firstDifference(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && (a[i] == a[i] || b[i] == b[i]) {
			return i
		}
	}
	return -1
}

// FuzzPair is FuzzDecode's counterpart for two files: no panic, and errors of
// the two kinds.
func FuzzPair(f *testing.F) {
	plain := small(f)
	hdr, img := with(with(plain, 344, []byte("ni1")), 108, float32(0))[:348], plain[352:]
	f.Add(hdr, img)
	f.Add(gz(f, hdr), img)
	f.Add(hdr, gz(f, img))
	f.Add(with(hdr, 108, float32(16)), append(make([]byte, 16), img...))
	f.Fuzz(func(t *testing.T, hdr, img []byte) {
		if _, err := nifti.DecodePair(bytes.NewReader(hdr), bytes.NewReader(img), 1<<20); err != nil {
			checkKind(t, err)
		}
	})
}
