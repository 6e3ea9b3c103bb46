package opencl

import (
	"testing"

	"pgregory.net/rapid"
)

// TestJobsNeedWhatTheyMust compares what jobs are said to need with all jobs before
// that use the same bytes, one of the two writing them.
func TestJobsNeedWhatTheyMust(t *testing.T) {
	type use struct {
		root     *buffer
		low, end int
		access   access
	}
	rapid.Check(t, func(t *rapid.T) {
		d := &device{forCPU: true}
		roots := []*buffer{{bytes: 64, mem: 1}, {bytes: 64, mem: 1000}}
		overlap := rapid.Bool().Draw(t, "parts may overlap")
		var done [][]use // of jobs 1, 2, ...
		for number := range rapid.IntRange(1, 30).Draw(t, "jobs") {
			number++
			var buffers []*buffer
			var job []use
			for range rapid.IntRange(1, 3).Draw(t, "arguments") {
				b := rapid.SampledFrom(roots).Draw(t, "buffer")
				u := use{b, 0, b.bytes, rapid.SampledFrom([]access{reads, writes}).Draw(t, "access")}
				if rapid.Bool().Draw(t, "of a part") {
					u.low = 8 * rapid.IntRange(0, 6).Draw(t, "from")
					u.end = u.low + 8
					if overlap {
						u.end += 8 * rapid.IntRange(0, 1).Draw(t, "more")
					}
					b = d.part(b, part{u.low, u.end - u.low})
				}
				buffers, job = append(buffers, b), append(job, u)
			}
			needs, must := 0, 0
			for i, b := range buffers {
				needs = max(needs, b.last(job[i].access))
				for before, others := range done {
					for _, o := range others {
						if o.root == job[i].root && o.low < job[i].end && job[i].low < o.end && (o.access == writes || job[i].access == writes) {
							must = max(must, before+1)
						}
					}
				}
			}
			for i, b := range buffers {
				b.usedBy(number, job[i].access)
			}
			done = append(done, job)
			if needs >= number || needs < must || needs > must && !overlap {
				t.Fatalf("job %d needs job %d, must %d", number, needs, must)
			}
		}
	})
}

func TestSignatures(t *testing.T) {
	text := `
KERNEL void one(global T *y, global const float *x, int4 size,
	uint seed) {}
#define MANY(name, step) \
	KERNEL void name(float a, \
		int n) { f(step); }
MANY(two, 1)
MANY(three, 2)
`
	var got []string
	for _, s := range signatures(text) {
		line := s.name
		for i, v := range s.types {
			a, _ := argument(i, v)
			line += " " + a
		}
		got = append(got, line)
	}
	want := []string{
		"one POINTER(0, global T *) POINTER(1, global const float *) INT4(2) UINT(3)",
		"two FLOAT(0) INT(1)", "three FLOAT(0) INT(1)",
	}
	if len(got) != len(want) {
		t.Fatalf("signatures %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("signature %q, want %q", got[i], want[i])
		}
	}
}
