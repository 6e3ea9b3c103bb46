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

// TestLoadBoxIsLoadWithoutAir compares LoadBox with what is cut out of Load by
// the plain rule.
func TestLoadBoxIsLoadWithoutAir(t *testing.T) {
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
		for margin := range 4 {
			t.Run(fmt.Sprint(name, " ", margin), func(t *testing.T) { checkBox(t, tree, margin) })
		}
	}
}

func checkBox(t *testing.T, tree fstest.MapFS, margin int) {
	src := mustOpen(t, tree)
	sub := subjects(t, src)[0]
	full, err := src.Load(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	got, err := src.(ingest.BoxSource).LoadBox(t.Context(), sub, margin)
	if err != nil {
		t.Fatal(err)
	}
	shape := full.Location.Volume
	lo, hi := shape, [3]int{}
	for i, a := range full.Inputs {
		for j, v := range a.Data {
			p := [3]int{j / shape[2] / shape[1], j / shape[2] % shape[1], j % shape[2]}
			for d := range 3 {
				if v != full.Background[i] {
					lo[d], hi[d] = min(lo[d], p[d]), max(hi[d], p[d]+1)
				}
			}
		}
	}
	size := make([]int, 3)
	for d := range 3 {
		lo[d], hi[d] = max(lo[d]-margin, 0), min(hi[d]+margin, shape[d])
		size[d] = hi[d] - lo[d]
		for w := range 3 {
			full.Affine[w][3] += full.Affine[w][2-d] * float64(lo[d])
		}
	}
	full.Location.Offset = lo
	for i := range full.Present.All() {
		full.Inputs[i] = ingest.Array{Shape: size, Data: cutOut(full.Inputs[i].Data, shape, lo, hi)}
	}
	full.Target = ingest.Labels{Shape: size, Data: cutOut(full.Target.Data, shape, lo, hi)}
	if d := cmp.Diff(full, got); d != "" {
		t.Error(d)
	}
}

func cutOut[T any](v []T, shape, lo, hi [3]int) (out []T) {
	for z := lo[0]; z < hi[0]; z++ {
		for y := lo[1]; y < hi[1]; y++ {
			out = append(out, v[(z*shape[1]+y)*shape[2]:][lo[2]:hi[2]]...)
		}
	}
	return out
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
		sample, err := src.(ingest.BoxSource).LoadBox(t.Context(), s, 1)
		if err != nil {
			t.Fatal(err)
		}
		return sample
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
