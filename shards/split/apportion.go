package split

import "slices"

// apportion returns how many of each stratum's groups go to each split, for
// strata of the given sizes and weights w, not all zero. Rows add up to their
// sizes; every cell and every column is its exact share rounded up or down.
//
// Such a rounding of a two-way table always exists (Bacharach 1966; Cox 1987).
// It is found as a flow: each row gives its left-over units to distinct splits,
// those the running totals owe most; then units are moved between columns until
// all columns keep their bounds, which include the one group that no split of
// three or more goes without. With three columns no shortest path takes more
// than two moves.
func apportion(sizes []int, w [3]int64) []cells {
	t := &table{rows: make([]cells, len(sizes))}
	total := w[0] + w[1] + w[2]
	var seen int64
	for s, n := range sizes {
		left := n
		seen += int64(n)
		for k := range w {
			share := int64(n) * w[k]
			t.rows[s].n[k] = int(share / total)
			t.rows[s].open[k] = share%total != 0
			t.columns[k] += int(share / total)
			left -= t.rows[s].n[k]
		}
		for ; left > 0; left-- {
			t.raise(s, t.mostOwed(s, seen, w, total))
		}
	}
	var lo, hi [3]int
	for k := range w {
		lo[k] = int(seen * w[k] / total)
		hi[k] = int((seen*w[k] + total - 1) / total)
		if seen >= 3 && w[k] > 0 {
			lo[k] = max(lo[k], 1)
		}
	}
	t.repair(lo, hi)
	t.fill(lo)
	return t.rows
}

type table struct {
	rows    []cells
	columns [3]int // sums of the rows
}

// cells is a row: the numbers, whether a cell's share has a fraction, and
// whether that was rounded up.
type cells struct {
	n        [3]int
	open, up [3]bool
}

// mostOwed returns the split, among those that row s may round up, whose total
// is furthest below its share of the groups seen.
func (t *table) mostOwed(s int, seen int64, w [3]int64, total int64) int {
	best, most := -1, int64(0)
	for k := range w {
		owed := seen*w[k] - int64(t.columns[k])*total
		if t.rows[s].open[k] && !t.rows[s].up[k] && (best < 0 || owed > most) {
			best, most = k, owed
		}
	}
	return best
}

func (t *table) raise(s, k int) {
	t.rows[s].n[k]++
	t.columns[k]++
	t.rows[s].up[k] = true
}

// find returns a row that can hand a rounded-up unit from column a to column b
// and keep its own rounding, or -1.
func (t *table) find(a, b int) int {
	return slices.IndexFunc(t.rows, func(r cells) bool { return r.up[a] && r.open[b] && !r.up[b] })
}

func (t *table) move(s, a, b int) {
	t.rows[s].n[a]--
	t.columns[a]--
	t.rows[s].up[a] = false
	t.raise(s, b)
}

// repair moves units until every column is within its bounds, or no move helps.
func (t *table) repair(lo, hi [3]int) {
	for moved := true; moved; {
		moved = false
		for a := range 3 {
			for b := range 3 {
				helps := t.columns[b] < lo[b] && t.columns[a] > lo[a] || t.columns[a] > hi[a] && t.columns[b] < hi[b]
				if a == b || !helps {
					continue
				}
				c := 3 - a - b // the third
				if s := t.find(a, b); s >= 0 {
					t.move(s, a, b)
					moved = true
				} else if s, u := t.find(a, c), t.find(c, b); s >= 0 && u >= 0 {
					t.move(s, a, c)
					t.move(u, c, b)
					moved = true
				}
			}
		}
	}
}

// fill gives each column that is still empty against its bound one unit of the
// fullest column, from the row that has most there.
func (t *table) fill(lo [3]int) {
	for b := range 3 {
		if lo[b] == 0 || t.columns[b] > 0 {
			continue
		}
		a, row := 0, 0
		for k := range 3 {
			if t.columns[k] > t.columns[a] {
				a = k
			}
		}
		for s := range t.rows {
			if t.rows[s].n[a] > t.rows[row].n[a] {
				row = s
			}
		}
		t.rows[row].n[a]--
		t.columns[a]--
		t.rows[row].n[b]++
		t.columns[b]++
	}
}
