package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lacuna-ml/lacuna/internal/atomicfile"
	"github.com/lacuna-ml/lacuna/train/checkpoint/safetensors"
)

// The names of the files in a directory of [Save].
const (
	Last     = "last.safetensors"
	Previous = "previous.safetensors"
)

const (
	next      = "next.safetensors" // written whole before it becomes the last
	keySchema = "lacuna.schema"
	keySum    = "lacuna.sha256"
	keyState  = "lacuna.state"
)

// Save writes c to dir as the last checkpoint; the last one until then becomes
// the previous one, unless it is damaged. It reads that one to know.
func Save(dir string, c *Checkpoint) error {
	last := filepath.Join(dir, Last)
	tmp := filepath.Join(dir, next)
	whole := verify(last) == nil
	if err := WriteFile(tmp, c); err != nil {
		return err
	}
	// Killed between the two renames, the one that became the previous is whole.
	if whole {
		if err := os.Rename(last, filepath.Join(dir, Previous)); err != nil {
			return fmt.Errorf("checkpoint: keep the previous one: %w", err)
		}
	}
	return atomicfile.Rename(tmp, last)
}

// Origin says where a checkpoint came from.
type Origin struct {
	Path    string
	Skipped error // why it is not the last one; nil where it is
}

// Load reads the last checkpoint of dir, or the previous one where the last is
// missing or a [*CorruptError]. Where there is none at all the error is
// [fs.ErrNotExist].
func Load(dir string) (*Checkpoint, Origin, error) {
	last := filepath.Join(dir, Last)
	c, err := ReadFile(last)
	if err == nil {
		return c, Origin{Path: last}, nil
	}
	if _, corrupt := errors.AsType[*CorruptError](err); !corrupt && !errors.Is(err, fs.ErrNotExist) {
		return nil, Origin{}, err
	}
	previous := filepath.Join(dir, Previous)
	c, err2 := ReadFile(previous)
	switch {
	case err2 == nil:
		return c, Origin{Path: previous, Skipped: err}, nil
	case errors.Is(err2, fs.ErrNotExist):
		return nil, Origin{}, err
	case errors.Is(err, fs.ErrNotExist):
		return nil, Origin{}, err2
	}
	return nil, Origin{}, errors.Join(err, err2)
}

// WriteFile writes c to the file at path, whole or not at all.
func WriteFile(path string, c *Checkpoint) error {
	state, err := c.State.encode()
	if err != nil {
		return fmt.Errorf("checkpoint: state: %w", err)
	}
	f := &safetensors.File{
		Metadata: map[string]string{
			keySchema: strconv.Itoa(SchemaVersion),
			keySum:    strings.Repeat("0", 2*sha256.Size),
			keyState:  state,
		},
		Tensors: make([]safetensors.Tensor, len(c.Tensors)),
	}
	for i, t := range c.Tensors {
		f.Tensors[i] = safetensors.Tensor{Name: t.Name, Shape: t.Shape, Data: t.Data}
	}
	h := sha256.New()
	if err := safetensors.Encode(h, f); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	f.Metadata[keySum] = hex.EncodeToString(h.Sum(nil))
	err = atomicfile.Write(path, 0o666, func(w io.Writer) error { return safetensors.Encode(w, f) })
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// ReadFile reads the checkpoint at path. A file that is not whole is a
// [*CorruptError].
func ReadFile(path string) (*Checkpoint, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer func() { _ = r.Close() }() // it was only read
	f, err := read(r)
	if _, broken := errors.AsType[*safetensors.FormatError](err); broken {
		return nil, &CorruptError{path, err}
	}
	if err == nil && f.Metadata[keySchema] != strconv.Itoa(SchemaVersion) {
		err = fmt.Errorf("schema version %q, this program reads %d: use a program of the run's age", f.Metadata[keySchema], SchemaVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	c := &Checkpoint{Tensors: make([]Tensor, len(f.Tensors))}
	if c.State, err = decodeState(f.Metadata[keyState]); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: state: %w", path, err)
	}
	for i, t := range f.Tensors {
		data, ok := t.Data.([]float32)
		if !ok {
			return nil, fmt.Errorf("checkpoint: %s: %q is %T, want float32", path, t.Name, t.Data)
		}
		c.Tensors[i] = Tensor{Name: t.Name, Shape: t.Shape, Data: data}
	}
	return c, nil
}

// read checks the sum of the file, and only then decodes it.
func read(r *os.File) (*safetensors.File, error) {
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkSum(r); err != nil {
		return nil, err
	}
	return safetensors.Decode(r, info.Size())
}

// verify returns nil if the file at path is as WriteFile wrote it.
func verify(path string) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	return checkSum(r)
}

// checkSum compares the SHA-256 that stands near the beginning of the file with
// that of its bytes.
func checkSum(r io.Reader) error {
	var head [256]byte // the writer puts the metadata first, by key
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	key := []byte(`"` + keySum + `":"`)
	at := bytes.Index(head[:n], key) + len(key)
	if at < len(key) || at+2*sha256.Size > n {
		return &safetensors.FormatError{Msg: "no " + keySum + " where a checkpoint has it"}
	}
	digits := head[at : at+2*sha256.Size]
	want := string(digits)
	copy(digits, strings.Repeat("0", len(digits)))
	h := sha256.New()
	h.Write(head[:n])
	if _, err := io.Copy(h, r); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return &safetensors.FormatError{Offset: int64(at), Msg: fmt.Sprintf("it says that its SHA-256 is %q, it is %q", want, got)}
	}
	return nil
}
