package rundir

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"
)

// maxLine is the greatest length of a line, its end included.
const maxLine = 1 << 20

// maxStep is the greatest step: up to here a float64 tells whole numbers apart,
// and so do all readers of JSON.
const maxStep = 1 << 53

// FormatError says that the metrics are broken, and where.
type FormatError struct {
	Line   int   // from 1
	Offset int64 // of the line in the file
	Msg    string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("line %d, byte %d: %s", e.Line, e.Offset, e.Msg)
}

// Metrics is what metrics.jsonl holds, by name.
type Metrics struct{ series map[string]*Series }

// Series is one metric: Values[i] was logged at Steps[i]. Steps never fall.
type Series struct {
	Steps  []int64
	Values []float64
}

// Names returns the names of the metrics, sorted.
func (m *Metrics) Names() []string { return slices.Sorted(maps.Keys(m.series)) }

// Series returns a metric, empty where there is none of the name.
func (m *Metrics) Series(name string) Series {
	if s := m.series[name]; s != nil {
		return *s
	}
	return Series{}
}

// ReadMetrics reads the metrics of the run in dir, which may be under way.
func ReadMetrics(dir string) (*Metrics, error) {
	path := filepath.Join(dir, MetricsName)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("rundir: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	m, err := DecodeMetrics(f)
	if err != nil {
		return nil, fmt.Errorf("rundir: %s: %w", path, err)
	}
	return m, nil
}

// DecodeMetrics reads lines to the end of r. A last one without its end is taken
// to be half written, and left out; any other that is broken is a
// [*FormatError].
func DecodeMetrics(r io.Reader) (*Metrics, error) {
	m := &Metrics{series: map[string]*Series{}}
	for l := range lines(r) {
		if l.err != nil {
			return nil, l.err
		}
		for name, v := range l.values {
			s := m.series[name]
			if s == nil {
				s = &Series{}
				m.series[name] = s
			}
			s.Steps = append(s.Steps, l.step)
			s.Values = append(s.Values, v)
		}
	}
	return m, nil
}

// keep returns how much of the metrics remains when all behind step is cut, and
// the step of its last line, -1 where there is none.
func keep(r io.Reader, step int64) (size, last int64, err error) {
	last = -1
	var cut bool
	var broken error
	for l := range lines(r) {
		_, bad := errors.AsType[*FormatError](l.err)
		switch {
		case l.err != nil && !bad:
			return 0, 0, l.err
		case bad && !cut:
			cut, broken = true, l.err // no harm if all that follows goes too
		case bad:
		case l.step > step:
			cut = true
		case broken != nil:
			return 0, 0, broken
		default:
			size, last = l.end, l.step
		}
	}
	return size, last, nil
}

// line is a whole line, or an error: a FormatError about this line, after which
// others may come, or the reader's, which is the last.
type line struct {
	number int
	end    int64 // of the line in the file
	step   int64
	values map[string]float64
	err    error
}

// lines reads line by line, without what follows the last line's end.
func lines(r io.Reader) iter.Seq[line] {
	return func(yield func(line) bool) {
		b := bufio.NewReaderSize(r, maxLine)
		l := line{step: -1}
		for {
			text, err := b.ReadSlice('\n')
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.Is(err, bufio.ErrBufferFull):
				yield(line{err: &FormatError{l.number + 1, l.end, fmt.Sprintf("longer than %d bytes", maxLine)}})
				return
			case err != nil:
				yield(line{err: fmt.Errorf("read at byte %d: %w", l.end, err)})
				return
			}
			begin, before := l.end, l.step
			l.number++
			l.end += int64(len(text))
			var msg string
			l.step, l.values, msg = parse(text)
			if msg == "" && l.step < before {
				msg = fmt.Sprintf("step %d after step %d", l.step, before)
			}
			l.err = nil
			if msg != "" {
				l.step = before
				l.err = &FormatError{l.number, begin, msg}
			}
			if !yield(l) {
				return
			}
		}
	}
}

// parse returns what a line says, or what is wrong with it.
func parse(text []byte) (step int64, values map[string]float64, msg string) {
	var all map[string]any
	if !utf8.Valid(text) {
		return 0, nil, "no UTF-8"
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return 0, nil, "no JSON object: " + err.Error()
	}
	number, ok := all["step"].(float64)
	if !ok || number < 0 || number > maxStep || number != math.Trunc(number) {
		return 0, nil, fmt.Sprintf("step %v, want a whole number", all["step"])
	}
	delete(all, "step")
	values = make(map[string]float64, len(all))
	for name, v := range all {
		switch v := v.(type) {
		case float64:
			values[name] = v
		case string:
			special := map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}
			x, ok := special[v]
			if !ok {
				return 0, nil, fmt.Sprintf("%q is %q, want a number", name, v)
			}
			values[name] = x
		default:
			return 0, nil, fmt.Sprintf("%q is %v, want a number", name, v)
		}
	}
	return int64(number), values, ""
}
