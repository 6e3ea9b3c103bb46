package chart

// For tests of what no picture shows.
var (
	Thin  = thin
	Means = means
)

// Point is a place in pixels.
type Point = point

// At returns the point x, y.
func At(x, y float64) Point { return point{x, y} }

// XY returns where p is.
func XY(p Point) (x, y float64) { return p.x, p.y }

// Ticks returns the texts and places of ticks for values from lo to hi.
func Ticks(lo, hi float64, log bool, n int) (texts []string, at []float64, from, to float64) {
	s := newSpan()
	s.add(lo, log)
	s.add(hi, log)
	list, outer := ticks(s.open(log), log, n)
	for _, t := range list {
		texts, at = append(texts, t.text), append(at, t.v)
	}
	return texts, at, outer.lo, outer.hi
}
