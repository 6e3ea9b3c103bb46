package brats

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lacuna-ml/lacuna/ingest/axes"
)

// drawGrid draws a grid with any rotation, zooms and origin.
func drawGrid(t *rapid.T) grid {
	g := grid{known: true}
	g.affine[3][3] = 1
	a, b, c := rapid.Float64Range(-4, 4).Draw(t, "a"), rapid.Float64Range(-4, 4).Draw(t, "b"), rapid.Float64Range(-4, 4).Draw(t, "c")
	sa, ca, sb, cb, sc, cc := math.Sin(a), math.Cos(a), math.Sin(b), math.Cos(b), math.Sin(c), math.Cos(c)
	r := [3][3]float64{
		{cb * cc, sa*sb*cc - ca*sc, ca*sb*cc + sa*sc},
		{cb * sc, sa*sb*sc + ca*cc, ca*sb*sc - sa*cc},
		{-sb, sa * cb, ca * cb},
	}
	for j := range 3 {
		g.shape[j] = rapid.IntRange(1, 300).Draw(t, "size")
		zoom := rapid.Float64Range(0.3, 6).Draw(t, "zoom")
		for i := range 3 {
			g.affine[i][j] = r[i][j] * zoom
		}
		g.affine[j][3] = rapid.Float64Range(-300, 300).Draw(t, "origin")
	}
	return g
}

func TestInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		inv, ok := inverse(g.affine)
		if !ok {
			t.Fatal("no inverse")
		}
		one := multiply(inv, g.affine)
		for i := range 4 {
			for j := range 4 {
				want := 0.0
				if i == j {
					want = 1
				}
				// A condition of 20 and origins of 300 leave 1e-11 of 1e-16.
				if math.Abs(one[i][j]-want) > 1e-10 {
					t.Fatalf("inverse x map = %v", one)
				}
			}
		}
	})
}

// TestRelateFindsTheTurn: a grid on turned axes is the same grid, and the map
// found brings voxels of one onto voxels of the other.
func TestRelateFindsTheTurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ref := drawGrid(t)
		from := rapid.Permutation([]int{0, 1, 2}).Draw(t, "from")
		m := axes.Map{From: [3]int(from)}
		for a := range 3 {
			m.Flip[a] = rapid.Bool().Draw(t, "flip")
		}
		var g grid
		for a, j := range m.From {
			g.shape[j] = ref.shape[a]
		}
		g.affine = multiply(ref.affine, m.Affine(g.shape))
		r, got, off := relate(ref, g)
		wantRelation := rearranged
		if m == axes.Same() {
			wantRelation = near // or exact
		}
		if r != wantRelation && (m != axes.Same() || r != exact) || got != m || off > 1e-6 {
			t.Fatalf("relate = %d, %+v, %g; want %d, %+v", r, got, off, wantRelation, m)
		}

		// A tenth of a voxel along an axis is too far.
		axis := rapid.IntRange(0, 2).Draw(t, "axis")
		for i := range 3 {
			g.affine[i][3] += 0.1 * g.affine[i][axis]
		}
		if r, _, _ := relate(ref, g); r != different {
			t.Fatalf("moved by a tenth of a voxel: relate = %d", r)
		}
	})
}

func TestRelateRefusesOtherShapes(t *testing.T) {
	ref := grid{shape: [3]int{4, 3, 2}, affine: [4][4]float64{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}
	g := ref
	g.shape = [3]int{2, 3, 4}
	if r, _, _ := relate(ref, g); r != different {
		t.Errorf("got %d, want %d", r, different)
	}
	// 45 degrees is nearest to no turn.
	g = ref
	g.affine[0], g.affine[1] = [4]float64{.7, .7, 0, 0}, [4]float64{.7, -.7, 0, 0}
	if r, _, _ := relate(ref, g); r != different {
		t.Errorf("got %d, want %d", r, different)
	}
	g.affine[0][0] = math.NaN()
	if r, _, _ := relate(ref, g); r != different {
		t.Errorf("NaN: got %d, want %d", r, different)
	}
}

func TestNonFiniteCountsAllOfThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Float32(), 1, 1000).Draw(t, "data")
		wantNaN, wantInf, wantFirst := 0, 0, -1
		for range rapid.IntRange(0, 5).Draw(t, "bad") {
			i := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			data[i] = rapid.SampledFrom([]float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32}).Draw(t, "value")
		}
		for i, v := range data {
			nan, inf := math.IsNaN(float64(v)), math.IsInf(float64(v), 0)
			if nan {
				wantNaN++
			}
			if inf {
				wantInf++
			}
			if (nan || inf) && wantFirst < 0 {
				wantFirst = i
			}
		}
		if nans, infs, first := nonFinite(data); nans != wantNaN || infs != wantInf || first != wantFirst {
			t.Fatalf("got %d, %d, %d; want %d, %d, %d", nans, infs, first, wantNaN, wantInf, wantFirst)
		}
	})
}

// TestReleaseTable: each numbering is one to one, begins with the background,
// and every class of it is in a region or is the cavity.
func TestReleaseTable(t *testing.T) {
	regions := regions()
	for _, r := range releases {
		seen := map[uint8]bool{}
		for v, c := range r.labels {
			if c == none {
				continue
			}
			if seen[c] || int(c) >= numClasses || (v == 0) != (c == Background) {
				t.Errorf("%s: %d is class %d", r.name, v, c)
			}
			seen[c] = true
			inWT := slices.Contains(regions[1].Classes, c)
			if inWT != (c != Background && c != ResectionCavity) {
				t.Errorf("%s: class %d in the whole tumour: %v", r.name, c, inWT)
			}
		}
	}
	if len(classNames()) != numClasses {
		t.Errorf("%d names for %d classes", len(classNames()), numClasses)
	}
	for _, small := range regions {
		for _, c := range small.Classes {
			if !slices.Contains(regions[1].Classes, c) {
				t.Errorf("%s has class %d, the whole tumour has not", small.Name, c)
			}
		}
	}
}
