package rundir

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lacuna-ml/lacuna/internal/atomicfile"
)

// The names of the files.
const (
	ConfigName  = "config.json"
	InfoName    = "run.json"
	MetricsName = "metrics.jsonl"
)

// SchemaVersion is that of the files that this package writes, and the only one
// it reads.
const SchemaVersion = 1

// What keeps a run from being begun in a directory.
var (
	ErrExists   = errors.New("is a run already")
	ErrNotEmpty = errors.New("not empty, and no run")
)

// Info is what run.json says.
type Info struct {
	SchemaVersion int               `json:"schema_version"`
	Manifest      string            `json:"manifest"` // id of the data set
	Config        string            `json:"config"`   // SHA-256 of config.json
	Seeds         map[string]uint64 `json:"seeds"`    // by purpose
	Notes         map[string]string `json:"notes"`    // what else is good to know: the processor, a revision
	Starts        []Start           `json:"starts"`   // the first, and each time it went on
}

// Start is one process's part in a run.
type Start struct {
	At     time.Time `json:"at"`
	Step   int64     `json:"step"`   // what it began behind: -1 is the very start
	Tool   string    `json:"tool"`   // version of the program
	Device string    `json:"device"` // what it computed on
}

// Run is a run that this process writes. It is not safe for concurrent use.
type Run struct {
	dir    string
	info   Info
	config []byte
	lock   io.Closer
	log    *log // nil before Resume
}

// Create begins a run in dir, which it makes if need be. A directory with
// anything in it is refused as [Vacant] says. It fills in SchemaVersion and Config
// of info, and its first start.
func Create(dir string, config any, info Info, start Start) (*Run, error) {
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("rundir: the configuration is no JSON: %w", err)
	}
	text = append(text, '\n')
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("rundir: %w", err)
	}
	r, err := lock(dir)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	info.SchemaVersion, info.Config = SchemaVersion, hex.EncodeToString(sum[:])
	start.Step = -1
	info.Starts = []Start{start}
	r.info, r.config = info, text
	if err := r.create(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Run) create() error {
	err := Vacant(r.dir)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(r.Path(ConfigName), r.config, 0o666); err != nil {
		return fmt.Errorf("rundir: %w", err)
	}
	if r.log, err = openLog(r.Path(MetricsName), -1); err != nil {
		return err
	}
	return r.writeInfo()
}

// Vacant reports why no run can be begun in dir, which need not be there: an
// [ErrExists], or an [ErrNotEmpty] where there is something that is more than a
// process left that was killed in [Create].
func Vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("rundir: %w", err)
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == InfoName }) {
		return fmt.Errorf("rundir: %s %w", dir, ErrExists)
	}
	for _, e := range entries {
		name := strings.TrimSuffix(strings.TrimPrefix(e.Name(), "."), ".partial")
		if !slices.Contains([]string{ConfigName, InfoName, MetricsName}, name) {
			return fmt.Errorf("rundir: %s has a %s: %w", dir, e.Name(), ErrNotEmpty)
		}
	}
	return nil
}

// Open locks a run that was created before and reads its info and configuration.
// [Run.Resume] makes it one to log to.
func Open(dir string) (*Run, error) {
	r, err := lock(dir)
	if err != nil {
		return nil, err
	}
	if r.info, r.config, err = read(dir); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func lock(dir string) (*Run, error) {
	l, err := atomicfile.Lock(dir)
	if err != nil {
		return nil, fmt.Errorf("rundir: %w", err)
	}
	return &Run{dir: dir, lock: l}, nil
}

// ReadInfo reads run.json, of a run that may be under way.
func ReadInfo(dir string) (Info, error) {
	info, _, err := read(dir)
	return info, err
}

// read reads run.json and config.json and checks that they belong together.
func read(dir string) (Info, []byte, error) {
	var info Info
	path := filepath.Join(dir, InfoName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return info, nil, fmt.Errorf("rundir: %s is no run: %w", dir, err)
	}
	if err != nil {
		return info, nil, fmt.Errorf("rundir: %w", err)
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return info, nil, fmt.Errorf("rundir: %s: %w", path, err)
	}
	if info.SchemaVersion != SchemaVersion {
		return info, nil, fmt.Errorf("rundir: %s: schema version %d, this program reads %d: use a program of the run's age", path, info.SchemaVersion, SchemaVersion)
	}
	config, err := os.ReadFile(filepath.Join(dir, ConfigName))
	if err != nil {
		return info, nil, fmt.Errorf("rundir: %w", err)
	}
	if sum := sha256.Sum256(config); hex.EncodeToString(sum[:]) != info.Config {
		return info, nil, fmt.Errorf("rundir: %s was changed since the run was made: its SHA-256 is %x, run.json says %s", filepath.Join(dir, ConfigName), sum, info.Config)
	}
	return info, config, nil
}

// Resume makes a run from [Open] ready to be logged to behind a step: that of the
// checkpoint it goes on from, or -1 where it has none. Lines of later steps, and
// one that is not whole at the end, are cut from the metrics. A broken line before
// that is a [*FormatError]. It adds start, with that step, to run.json.
func (r *Run) Resume(step int64, start Start) error {
	if r.log != nil {
		return errors.New("rundir: Resume of a run that is under way")
	}
	l, err := openLog(r.Path(MetricsName), step)
	if err != nil {
		return err
	}
	start.Step = step
	r.info.Starts = append(r.info.Starts, start)
	if err := r.writeInfo(); err != nil {
		return errors.Join(err, l.close())
	}
	r.log = l
	return nil
}

func (r *Run) writeInfo() error {
	text, err := json.MarshalIndent(r.info, "", "  ")
	if err == nil {
		err = atomicfile.WriteFile(r.Path(InfoName), append(text, '\n'), 0o666)
	}
	if err != nil {
		return fmt.Errorf("rundir: %w", err)
	}
	return nil
}

// Info returns what run.json says.
func (r *Run) Info() Info { return r.info }

// Config decodes config.json to v. A key that v has no place for is an error.
func (r *Run) Config(v any) error {
	d := json.NewDecoder(strings.NewReader(string(r.config)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("rundir: %s: %w", r.Path(ConfigName), err)
	}
	return nil
}

// SetNote changes a note of the info, for the next Resume to write.
func (r *Run) SetNote(name, value string) {
	notes := maps.Clone(r.info.Notes)
	if notes == nil {
		notes = map[string]string{}
	}
	notes[name] = value
	r.info.Notes = notes
}

// Path returns the path of a file of the run.
func (r *Run) Path(name string) string { return filepath.Join(r.dir, name) }

// Log appends a line to the metrics. Names are not empty and not "step"; step is
// 0 or more and not below that of an earlier line. After an error the line is not
// there; the run may go on.
func (r *Run) Log(step int64, values map[string]float64) error {
	if r.log == nil {
		return errors.New("rundir: Log before Resume, or after Close")
	}
	return r.log.append(step, values)
}

// Sync returns when all lines are on the disk.
func (r *Run) Sync() error {
	if r.log == nil {
		return nil
	}
	return r.log.sync()
}

// Close syncs and unlocks. A second time it does nothing.
func (r *Run) Close() error {
	if r.lock == nil {
		return nil
	}
	var err error
	if r.log != nil {
		err = r.log.close()
	}
	err = errors.Join(err, r.lock.Close())
	r.log, r.lock = nil, nil
	return err
}
