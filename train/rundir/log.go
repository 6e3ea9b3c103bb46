package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"
)

// file is what a log needs of an *os.File; tests put a failing one.
type file interface {
	io.Writer
	Truncate(size int64) error
	Sync() error
	Close() error
}

// log appends lines to metrics.jsonl.
type log struct {
	f      file
	path   string
	size   int64 // of whole lines
	step   int64 // of the last line
	buf    []byte
	broken error // half a line is in the file and could not be removed
}

// openLog opens the file, which it makes if need be, and cuts it behind step.
func openLog(path string, step int64) (*log, error) {
	// Append, so that a write goes to the end wherever that is after a cut.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fmt.Errorf("rundir: %w", err)
	}
	size, last, err := keep(f, step)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Sync())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("rundir: %s: %w", path, err), f.Close())
	}
	return &log{f: f, path: path, size: size, step: last}, nil
}

func (l *log) append(step int64, values map[string]float64) error {
	if l.broken != nil {
		return l.broken
	}
	if step < max(l.step, 0) || step > maxStep {
		return fmt.Errorf("rundir: metrics of step %d after those of step %d", step, l.step)
	}
	line, err := appendLine(l.buf[:0], step, values)
	if err != nil {
		return err
	}
	l.buf = line
	n, err := l.f.Write(line)
	if err != nil {
		err = fmt.Errorf("rundir: %s: %w", l.path, err)
		if n > 0 {
			if err2 := l.f.Truncate(l.size); err2 != nil {
				l.broken = errors.Join(err, fmt.Errorf("remove half a line: %w", err2))
				return l.broken
			}
		}
		return err
	}
	l.size, l.step = l.size+int64(n), step
	return nil
}

func (l *log) sync() error {
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("rundir: %s: %w", l.path, err)
	}
	return nil
}

func (l *log) close() error { return errors.Join(l.sync(), l.f.Close()) }

// appendLine appends the JSON of a line, by name after the step.
func appendLine(b []byte, step int64, values map[string]float64) ([]byte, error) {
	b = strconv.AppendInt(append(b, `{"step":`...), step, 10)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "" || name == "step" || !utf8.ValidString(name) {
			return nil, fmt.Errorf("rundir: a metric can't have the name %q", name)
		}
		text, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("rundir: metric %q: %w", name, err)
		}
		b = append(append(append(b, ','), text...), ':')
		switch v := values[name]; {
		case math.IsNaN(v):
			b = append(b, `"NaN"`...)
		case math.IsInf(v, 1):
			b = append(b, `"Infinity"`...)
		case math.IsInf(v, -1):
			b = append(b, `"-Infinity"`...)
		default:
			b = strconv.AppendFloat(b, v, 'g', -1, 64)
		}
	}
	if len(b) > maxLine-2 {
		return nil, fmt.Errorf("rundir: a line of metrics of %d bytes, at most %d", len(b)+2, maxLine)
	}
	return append(b, '}', '\n'), nil
}
