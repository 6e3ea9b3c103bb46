package reference

import "github.com/lacuna-ml/lacuna/train/engine"

// windows calls f for each voxel q of the output y, place k of the kernel and
// voxel p = q stride - pad + k dilation of the input x that the two meet.
// Padding is left out.
func windows(y, x *engine.Tensor, s engine.Window, f func(q, k, p voxel)) {
	s = s.Normal()
	size(y).each(func(q voxel) {
		voxel(s.Kernel).each(func(k voxel) {
			var p voxel
			for a := range p {
				p[a] = q[a]*s.Stride[a] - s.Pad[a] + k[a]*s.Dilation[a]
			}
			if size(x).has(p) {
				f(q, k, p)
			}
		})
	})
}

func (*device) Conv(y, x, w, b *engine.Tensor, s engine.Window) {
	check.Conv(y, x, w, b, s)
	Y, X, W := volumes(y), volumes(x), volumes(w)
	for n := range y.Shape[0] {
		for o := range y.Shape[1] {
			sum := sums(y, at(b, o))
			for i := range x.Shape[1] {
				windows(y, x, s, func(q, k, p voxel) {
					*sum(q) += float64(*W(o, i, k)) * float64(*X(n, i, p))
				})
			}
			size(y).each(func(q voxel) { *Y(n, o, q) = float32(*sum(q)) })
		}
	}
}

func (*device) ConvGradData(dx, dy, w, b *engine.Tensor, s engine.Window) {
	check.ConvGradData(dx, dy, w, b, s)
	DX, DY, W := volumes(dx), volumes(dy), volumes(w)
	for n := range dx.Shape[0] {
		for i := range dx.Shape[1] {
			sum := sums(dx, at(b, i))
			for o := range dy.Shape[1] {
				windows(dy, dx, s, func(q, k, p voxel) {
					*sum(p) += float64(*W(o, i, k)) * float64(*DY(n, o, q))
				})
			}
			size(dx).each(func(p voxel) { *DX(n, i, p) = float32(*sum(p)) })
		}
	}
}

func (*device) ConvGradWeights(dw, db, x, dy *engine.Tensor, s engine.Window) {
	check.ConvGradWeights(dw, db, x, dy, s)
	DW, X, DY := volumes(dw), volumes(x), volumes(dy)
	for o := range dy.Shape[1] {
		for i := range x.Shape[1] {
			sum := sums(dw, 0)
			for n := range x.Shape[0] {
				windows(dy, x, s, func(q, k, p voxel) {
					*sum(k) += float64(*DY(n, o, q)) * float64(*X(n, i, p))
				})
			}
			size(dw).each(func(k voxel) { *DW(o, i, k) = float32(*sum(k)) })
		}
		if db != nil {
			sum := 0.0
			for n := range dy.Shape[0] {
				size(dy).each(func(q voxel) { sum += float64(*DY(n, o, q)) })
			}
			values(db)[o] = float32(sum)
		}
	}
}

// sums returns a float64 for each voxel of t, at first v.
func sums(t *engine.Tensor, v float64) func(voxel) *float64 {
	s := size(t)
	sum := make([]float64, s[0]*s[1]*s[2])
	for i := range sum {
		sum[i] = v
	}
	return func(v voxel) *float64 { return &sum[(v[0]*s[1]+v[1])*s[2]+v[2]] }
}

// at returns value i of a plain tensor, 0 where there is none.
func at(t *engine.Tensor, i int) float64 {
	if t == nil {
		return 0
	}
	return float64(values(t)[i])
}
