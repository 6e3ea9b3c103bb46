package opencl

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// tiling is a size of the tiles of conv_tiled.
type tiling struct {
	suffix       string // of the kernels' names
	kernel       string // conv_tiled and the suffix
	rows, blocks int    // voxels of an item, blocks of a group
}

// voxels returns how many a group has.
func (t tiling) voxels() int { return gpuGroup / (4 * t.blocks) * t.rows }

// tilings returns those to choose from, each a program of its own.
func tilings() []tiling {
	var list []tiling
	for _, blocks := range []int{1, 2} {
		for _, rows := range []int{4, 8} {
			suffix := fmt.Sprintf("/%dx%d", rows, blocks)
			list = append(list, tiling{suffix, "conv_tiled" + suffix, rows, blocks})
		}
	}
	return list
}

// problem is what a tiling is chosen for.
type problem struct {
	pass
	plain bool
}

// tuning is what was found best. It changes no bit of a result: all tilings sum
// in the same order.
type tuning struct {
	tilings []tiling
	best    map[problem]tiling
	kept    map[string]string // of a file: suffixes by problems
	path    string            // of the file; empty for none
	changed bool

	measuring uintptr // a queue that does, made when it is needed
}

// tuningVersion changes with the kernels, so that what was measured with others
// is not believed.
const tuningVersion = 1

// openTuning reads what was found before. A file that is not there, or damaged,
// is none.
func (d *device) openTuning(dir string) {
	d.tilings, d.best, d.kept = tilings(), map[problem]tiling{}, map[string]string{}
	if dir == "" {
		return
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s\n%s\n%v", tuningVersion, d.info.Platform, d.info.Name, d.info.Version, d.half))
	d.path = filepath.Join(dir, "opencl-"+hex.EncodeToString(sum[:8])+".json")
	text, err := os.ReadFile(d.path)
	if err != nil || json.Unmarshal(text, &d.kept) != nil || d.kept == nil {
		d.kept = map[string]string{}
	}
}

// closeTuning keeps what was found. A cache that cannot be written is none: the
// next process measures again.
func (d *device) closeTuning() {
	if d.measuring != 0 {
		call(d.api.releaseQueue, d.measuring)
	}
	if d.changed && d.path != "" {
		if text, err := json.MarshalIndent(d.kept, "", "\t"); err == nil && os.MkdirAll(filepath.Dir(d.path), 0o755) == nil {
			_ = atomicfile.WriteFile(d.path, text, 0o644)
		}
	}
	d.tuning = tuning{}
}

// tuned returns the best tiling for a problem, measured on the call's own
// arguments where it is not known. Tilings of two blocks are for two or more.
func (d *device) tuned(p problem, args []arg, groups func(tiling) [3]int) tiling {
	if t, ok := d.best[p]; ok {
		return t
	}
	name := fmt.Sprintf("%+v", p)
	best := d.tilings[0]
	if t, ok := d.byName(d.kept[name]); ok {
		best = t
	} else if d.err == nil {
		best = d.measure(p, args, groups)
		d.kept[name], d.changed = best.suffix, true
	}
	d.best[p] = best
	return best
}

func (d *device) byName(suffix string) (tiling, bool) {
	for _, t := range d.tilings {
		if t.suffix == suffix {
			return t, true
		}
	}
	return tiling{}, false
}

// measure runs all tilings, which write the same, and returns the fastest of
// three runs of each.
func (d *device) measure(p problem, args []arg, groups func(tiling) [3]int) tiling {
	if d.measuring == 0 {
		q, err := d.newQueue(queueProfiling)
		if err != nil { // nothing can be measured, then
			return d.tilings[0]
		}
		d.measuring = q
	}
	_ = d.Wait() // the error stays
	best, least := d.tilings[0], uint64(math.MaxUint64)
	for _, t := range d.tilings {
		if t.blocks > tensor.Blocks(p.to) {
			continue
		}
		for range 3 {
			if ns := d.time(t.kernel, groups(t), args); ns < least {
				best, least = t, ns
			}
		}
	}
	return best
}

// time returns the nanoseconds of a launch on the queue that measures, or the
// most that there are.
func (d *device) time(name string, groups [3]int, args []arg) uint64 {
	d.frame.event = 0
	d.enqueue(d.measuring, d.kernels[kernelName{name, tensor.Blocked}], groups, at(&d.frame.event), args)
	event := d.frame.event
	if d.err != nil || event == 0 {
		return math.MaxUint64
	}
	var start, end uint64
	ok := call(d.api.waitForEvents, 1, uintptr(unsafe.Pointer(&event))) == 0 &&
		call(d.api.getEventProfilingInfo, event, profilingStart, 8, uintptr(unsafe.Pointer(&start)), 0) == 0 &&
		call(d.api.getEventProfilingInfo, event, profilingEnd, 8, uintptr(unsafe.Pointer(&end)), 0) == 0
	call(d.api.releaseEvent, event)
	if !ok || end < start {
		return math.MaxUint64
	}
	return end - start
}
