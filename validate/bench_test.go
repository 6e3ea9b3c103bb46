package validate_test

import (
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/preprocess/patch"
	"github.com/lacuna-ml/lacuna/validate"
)

// BenchmarkCase evaluates one case of the size of BraTS, cropped to a brain of
// 140 x 172 x 140, in patches of 80 x 160 x 160 that overlap by a third, under
// all 15 combinations. The predictor does nothing but return what it has, so that
// the time is the evaluator's own.
func BenchmarkCase(b *testing.B) {
	s := scan("s", [3]int{140, 172, 140}, brats.Full())
	inBall := func(v, r int) bool {
		z, y, x := v/(172*140)-70, v/140%172-86, v%140-60
		return z*z+y*y+x*x <= r*r
	}
	for i := range s.Target.Data {
		s.Target.Data[i] = uint8(2 * (toInt(inBall(i, 32)) - toInt(inBall(i, 20)))) // oedema around
		if inBall(i, 20) {
			s.Target.Data[i] = 1
		}
		if inBall(i, 12) {
			s.Target.Data[i] = 3
		}
	}
	s.Location = ingest.Location{Offset: [3]int{5, 30, 50}, Volume: [3]int{155, 240, 240}, Axes: "LPS"}
	patches := cut(b, s, patch.Options{Policy: patch.Grid, Size: [3]int{80, 160, 160}, Overlap: 1. / 3})
	out := map[string]ingest.Array{}
	for _, p := range patches {
		a := blank(p, 0)
		n := len(a.Data) / len(regions)
		for i, v := range at(p) {
			z, y, x := v/(240*240)-5, v/240%240-30, v%240-50
			if min(z, y, x) < 0 || z >= 140 || y >= 172 || x >= 140 {
				continue
			}
			for r, radius := range []int{11, 33, 22} {
				if inBall((z*172+y)*140+x, radius) {
					a.Data[r*n+i] = 0.9
				}
			}
		}
		out[p.Key.Part] = a
	}
	e := validate.Evaluator{Modalities: brats, Classes: tissues, Regions: regions}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Run(b.Context(), each(func(s *ingest.Sample) ingest.Array { return out[s.Key.Part] }), sequence(patches...)); err != nil {
			b.Fatal(err)
		}
	}
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
