//go:build !amd64 || purego

package shards

func lanes(v []float32, shift float64, sum, sq *[4]float64, lo, hi *[4]float32) {
	plainLanes(v, shift, sum, sq, lo, hi)
}
