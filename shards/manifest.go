package shards

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// The names of the two files that every data set has besides its shards.
const (
	ManifestName = "manifest.json"
	SplitsName   = "splits.csv"
)

// Manifest is what manifest.json says of a data set. docs/format.md explains
// every key. XXH3 is the 64-bit hash with seed 0, as 16 hexadecimal digits;
// SHA-256 has 64.
type Manifest struct {
	SchemaVersion int             `json:"schema_version"`
	ID            string          `json:"id"` // SHA-256 of the manifest with an empty id
	Dataset       string          `json:"dataset"`
	Task          string          `json:"task"`
	Classes       []string        `json:"classes"`
	Modalities    []string        `json:"modalities"`
	Shapes        [][]int         `json:"shapes"`       // one a modality, null where it varies
	TargetShape   []int           `json:"target_shape"` // null where it varies, and for a class
	DType         string          `json:"dtype"`
	Compression   string          `json:"compression"`
	TensorTag     bool            `json:"tensor_tag"`
	Tool          string          `json:"tool"`
	Seed          uint64          `json:"seed"`
	SplitPolicy   string          `json:"split_policy"`
	MaskPolicy    string          `json:"mask_policy"`
	Definitions   []string        `json:"definitions"`
	Config        json.RawMessage `json:"config"`
	ConfigSHA256  string          `json:"config_sha256"` // of config without white space
	Overlap       int             `json:"overlap"`       // groups that stand in two splits: always 0
	Splits        []SplitInfo     `json:"splits"`        // train, val, test
	SplitsFile    FileSum         `json:"splits_file"`
	Files         []File          `json:"files"` // by split, then number
	Quarantine    []Quarantined   `json:"quarantine"`
}

// SplitInfo counts what is in a split.
type SplitInfo struct {
	Split      split.Split `json:"split"`
	Samples    int64       `json:"samples"`
	Subjects   int         `json:"subjects"`
	Groups     int         `json:"groups"`
	Masks      []MaskCount `json:"masks"` // by mask
	Stats      []Stats     `json:"stats"` // one a modality
	Labels     []int64     `json:"labels"`
	Unlabelled int64       `json:"unlabelled"`
}

// MaskCount is how many samples have just these modalities.
type MaskCount struct {
	Mask    string `json:"mask"` // as modality.Set formats it: "flair+t2"
	Samples int64  `json:"samples"`
}

// FileSum is a file's size and checksums.
type FileSum struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	XXH3   string `json:"xxh3"`
	SHA256 string `json:"sha256"`
}

// File is a shard: Head bytes of schema, the batches, and Tail bytes of footer.
type File struct {
	FileSum
	Split   split.Split `json:"split"`
	Rows    int64       `json:"rows"`
	Head    Region      `json:"head"`
	Tail    Region      `json:"tail"`
	Batches []Batch     `json:"batches"`
}

// Region is a part of a file.
type Region struct {
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	XXH3   string `json:"xxh3"`
}

// Batch is a record batch: its message, of which the first Meta bytes are
// metadata and the rest is the body.
type Batch struct {
	Region
	Meta int64 `json:"meta"`
	Rows int64 `json:"rows"`
}

// Quarantined is a subject that could not be used, and why.
type Quarantined struct {
	Subject  string           `json:"subject"`
	Problems []ingest.Problem `json:"problems"`
}

// Set returns the modalities in their order.
func (m *Manifest) Set() modality.Set { return modality.MustSet(m.Modalities...) }

// Split returns the counts of a split. It panics on a split that is none.
func (m *Manifest) Split(sp split.Split) SplitInfo { return m.Splits[sp-split.Train] }

func (m *Manifest) layout() (layout, error) {
	set, err := modality.NewSet(m.Modalities...)
	if err != nil {
		return layout{}, err
	}
	l := layout{mods: set, task: m.Task, classes: m.Classes, shapes: m.Shapes, target: m.TargetShape,
		half: m.DType == Float16, compression: m.Compression, tag: m.TensorTag}
	if _, err := (Options{DType: m.DType, Compression: m.Compression}).validate(); err != nil {
		return l, err
	}
	return l, l.validate()
}

// encode returns the bytes of manifest.json and sets the id. They are the only
// ones that decodeManifest takes for this manifest.
func (m *Manifest) encode() ([]byte, error) {
	m.ID = ""
	bare, err := marshal(m)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(bare)
	m.ID = hex.EncodeToString(sum[:])
	b, err := marshal(m)
	if err == nil && len(b) > maxManifest {
		err = fmt.Errorf("manifest of %d bytes, at most %d: write fewer, longer files and batches", len(b), maxManifest)
	}
	return b, err
}

func marshal(m *Manifest) ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// decodeManifest is the inverse of encode. It takes nothing else: no unknown
// key, no other spelling or white space, so that no byte can change unnoticed.
func decodeManifest(b []byte) (*Manifest, error) {
	var version struct {
		SchemaVersion int `json:"schema_version"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, err
	}
	if version.SchemaVersion != SchemaVersion {
		return nil, fmt.Errorf("schema version %d, this program reads %d: use a program of the data set's age", version.SchemaVersion, SchemaVersion)
	}
	m := new(Manifest)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the manifest's object")
	}
	id := m.ID
	again, err := m.encode()
	if err != nil {
		return nil, err
	}
	if m.ID != id {
		return nil, fmt.Errorf("its id is %s, its content says %s: it was changed", short(id), short(m.ID))
	}
	if !bytes.Equal(again, b) {
		return nil, errors.New("it is not written as this program writes it: it was changed")
	}
	return m, m.check()
}

func short(id string) string { return id[:min(len(id), 12)] }

// configBytes returns the configuration as it is stored and hashed.
func configBytes(raw json.RawMessage) (json.RawMessage, string, error) {
	if len(raw) == 0 {
		raw = json.RawMessage("null")
	}
	b, err := json.Marshal(raw) // compact, with <, > and & escaped, as in the manifest
	if err != nil {
		return nil, "", fmt.Errorf("config is not JSON: %w", err)
	}
	if len(b) > maxConfig {
		return nil, "", fmt.Errorf("config of %d bytes, at most %d", len(b), maxConfig)
	}
	sum := sha256.Sum256(b)
	return b, hex.EncodeToString(sum[:]), nil
}
