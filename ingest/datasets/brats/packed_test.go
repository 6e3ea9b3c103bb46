package brats_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lacuna-ml/lacuna/ingest"
)

// boxDim is wide enough for rows to be taken one by one.
var boxDim = []int{20, 6, 5}

// blob is a volume of air with a value of its own at each of the places.
func blob(air int16, places ...[3]int) []int16 {
	out := slices.Repeat([]int16{air}, boxDim[0]*boxDim[1]*boxDim[2])
	for i, p := range places {
		out[(p[2]*boxDim[1]+p[1])*boxDim[0]+p[0]] = air + int16(i) + 1
	}
	return out
}

// mirror turns x round, in voxels and affine.
func mirror(data []int16) ([4][4]float64, []int16) {
	out := slices.Clone(data)
	for row := range slices.Chunk(out, boxDim[0]) {
		slices.Reverse(row)
	}
	affine := lps
	affine[0][0], affine[0][3] = 1, float64(-(boxDim[0] - 1))
	return affine, out
}

// TestLoadPackedIsLoad compares what LoadPacked keeps with Load, whose values
// other tests hold against the files.
func TestLoadPackedIsLoad(t *testing.T) {
	files := func(t1ce, t2 []int16, turn bool) fstest.MapFS {
		tree := fstest.MapFS{}
		put := func(m string, data []int16, affine [4][4]float64) {
			tree["c/c_"+m+".nii.gz"] = encode(t, "gz", boxDim, affine, data)
		}
		put("flair", blob(0, [3]int{5, 2, 1}, [3]int{9, 3, 2}), lps)
		put("t1", blob(7, [3]int{6, 1, 2}), lps)
		seg := blob(0, [3]int{5, 2, 1}, [3]int{0, 0, 0}, [3]int{6, 2, 2})
		seg[0] = 0
		seg[slices.Index(seg, 3)] = 4
		affine := lps
		if turn {
			affine, t1ce = mirror(t1ce)
			_, seg = mirror(seg)
		}
		put("t1ce", t1ce, affine)
		put("seg", seg, affine)
		if t2 != nil {
			put("t2", t2, lps)
		}
		return tree
	}
	inner := blob(0, [3]int{7, 2, 2})
	inverse := slices.Repeat([]int16{1}, boxDim[0]*boxDim[1]*boxDim[2])
	inverse[0], inverse[boxDim[0]*boxDim[1]*2+50] = 0, 5
	edge := blob(0, [3]int{12, 2, 2}, [3]int{19, 5, 4})
	for name, tree := range map[string]fstest.MapFS{
		"four":         files(inner, blob(0, [3]int{7, 4, 3}), false),
		"three":        files(inner, nil, false),
		"to the edge":  files(edge, nil, false),
		"turned":       files(inner, nil, true),
		"turned, edge": files(edge, nil, true),
		// As stored all but two voxels are the first; as loaded all but one differ.
		"turned, full": files(inverse, nil, true),
		"corner alone": files(blob(0, [3]int{0, 0, 0}), nil, false),
	} {
		t.Run(name, func(t *testing.T) { checkPacked(t, tree) })
	}
}

func checkPacked(t *testing.T, tree fstest.MapFS) {
	src := mustOpen(t, tree)
	sub := subjects(t, src)[0]
	full, err := src.Load(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	p, err := src.(ingest.PackedSource).LoadPacked(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	if err := p.Check(src.Modalities()); err != nil {
		t.Fatal(err)
	}
	for i, a := range full.Inputs {
		different := 0
		for _, v := range a.Data {
			if v != full.Background[i] {
				different++
			}
		}
		if a.Data != nil && (different > p.Volumes[i].Kept() || different > 0 && p.Volumes[i].Kept() == len(a.Data) && different < len(a.Data)/2) {
			t.Errorf("modality %d: %d of %d voxels are kept, %d differ from the background", i, p.Volumes[i].Kept(), len(a.Data), different)
		}
	}
	if d := cmp.Diff(full, p.Unpack()); d != "" {
		t.Error(d)
	}
}

// TestMemoryIsReusedAndNotShared loads one case, keeps it, and loads others over
// the same buffers.
func TestMemoryIsReusedAndNotShared(t *testing.T) {
	tree := fstest.MapFS{}
	for c := range 3 {
		for m, name := range []string{"flair", "t1"} {
			data := blob(0, [3]int{c + 1, m, 1}, [3]int{c + 5, 3, 2})
			tree[fmt.Sprintf("BraTS2021_0000%d/BraTS2021_0000%d_%s.nii.gz", c, c, name)] = encode(t, "gz", boxDim, lps, data)
		}
	}
	src := mustOpen(t, tree)
	list := subjects(t, src)
	load := func(s ingest.Subject) *ingest.Sample {
		p, err := src.(ingest.PackedSource).LoadPacked(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Release()
		return p.Unpack()
	}
	first := load(list[0])
	kept := slices.Clone(first.Inputs[0].Data)
	for _, s := range list {
		load(s)
	}
	if !slices.Equal(kept, first.Inputs[0].Data) {
		t.Error("a sample changed when another was loaded")
	}
	if d := cmp.Diff(load(list[0]), first); d != "" {
		t.Errorf("loaded again:\n%s", d)
	}
}
