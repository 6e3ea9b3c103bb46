package shards

import "math"

// Stats summarises the values of a modality in a split, as they are stored.
// Values that are not finite are counted apart. Where Count is 0 the others
// are 0.
type Stats struct {
	Modality  string  `json:"modality"`
	Count     int64   `json:"count"`
	Min       float32 `json:"min"`
	Max       float32 `json:"max"`
	Mean      float64 `json:"mean"`
	Std       float64 `json:"std"` // of the population: divided by Count
	NonFinite int64   `json:"non_finite"`
}

// moments accumulates Stats. The zero value is empty.
//
// Arrays are summed one by one, in four lanes about their first finite value,
// and merged in order by the formula of Chan, Golub and LeVeque ("Updating
// formulae and a pairwise algorithm for computing sample variances", 1979), so
// that the result depends on the order of the arrays and on nothing else.
// Products are rounded by conversion before they are added, lest a compiler
// fuse the two on some machines.
type moments struct {
	n        int64
	mean, m2 float64
	min, max float32
	bad      int64
}

func (m *moments) add(data []float32) { m.merge(momentsOf(data)) }

// momentsOf returns the moments of one array.
func momentsOf(data []float32) moments {
	if p, ok := finite(data); ok || len(data) == 0 {
		return p
	}
	good := make([]float32, 0, len(data))
	for _, v := range data {
		if v-v == 0 { // neither NaN nor infinite
			good = append(good, v)
		}
	}
	p, _ := finite(good)
	p.bad = int64(len(data) - len(good))
	return p
}

// finite returns the moments of data, and false where it is empty or has values
// that are not finite: those spoil the sums, which finite float32s can't do.
func finite(data []float32) (moments, bool) {
	if len(data) == 0 || data[0]-data[0] != 0 {
		return moments{}, false
	}
	shift := float64(data[0])
	var sum, sq [4]float64
	lo, hi := [4]float32{data[0], data[0], data[0], data[0]}, [4]float32{data[0], data[0], data[0], data[0]}
	head := len(data) &^ 3
	lanes(data[:head], shift, &sum, &sq, &lo, &hi)
	for k, v := range data[head:] {
		d := float64(v) - shift
		sum[k] += d
		sq[k] += float64(d * d)
		lo[k], hi[k] = min(lo[k], v), max(hi[k], v)
	}
	total, squares := (sum[0]+sum[1])+(sum[2]+sum[3]), (sq[0]+sq[1])+(sq[2]+sq[3])
	if total-total != 0 || squares-squares != 0 {
		return moments{}, false
	}
	n := float64(len(data))
	return moments{
		n:    int64(len(data)),
		mean: shift + total/n,
		m2:   max(0, squares-float64(total*(total/n))),
		min:  min(lo[0], lo[1], lo[2], lo[3]),
		max:  max(hi[0], hi[1], hi[2], hi[3]),
	}, true
}

// plainLanes adds value i, less the shift, and its square to lane i%4 of the
// sums, and takes it into that of the bounds. len(v)%4 is 0.
func plainLanes(v []float32, shift float64, sum, sq *[4]float64, lo, hi *[4]float32) {
	for i := 0; i < len(v); i += 4 {
		block := v[i : i+4 : i+4]
		for k, v := range block {
			d := float64(v) - shift
			sum[k] += d
			sq[k] += float64(d * d)
			if v < lo[k] {
				lo[k] = v
			}
			if v > hi[k] {
				hi[k] = v
			}
		}
	}
}

func (m *moments) merge(p moments) {
	p.bad += m.bad
	if p.n == 0 || m.n == 0 {
		if p.n == 0 {
			m.bad = p.bad
		} else {
			*m = p
		}
		return
	}
	m.bad = p.bad
	n := m.n + p.n
	d := p.mean - m.mean
	part := float64(p.n) / float64(n)
	m.mean += float64(d * part)
	m.m2 += p.m2 + float64(d*d*(float64(m.n)*part))
	m.n, m.min, m.max = n, min(m.min, p.min), max(m.max, p.max)
}

func (m *moments) stats(name string) Stats {
	s := Stats{Modality: name, Count: m.n, NonFinite: m.bad}
	if m.n > 0 {
		s.Min, s.Max, s.Mean, s.Std = m.min, m.max, m.mean, math.Sqrt(m.m2/float64(m.n))
	}
	return s
}
