package shards_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// tiny is a set of one sample: as few bytes as there can be.
func tiny() plan {
	return plan{
		meta: shards.Meta{Dataset: "d", Modalities: modality.MustSet("m"), Task: shards.Classification, Classes: []string{"a"}, Shapes: [][]int{{2}}},
		rows: []row{{split.Train, &ingest.Sample{
			Key: ingest.Key{Dataset: "d", Subject: "s"}, Present: 1, Target: ingest.Class(0),
			Inputs: []ingest.Array{{Shape: []int{2}, Data: []float32{1, 2}}},
		}}},
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	for _, compression := range []string{shards.None, shards.ZSTD} {
		t.Run(compression, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "set")
			p := tiny()
			p.options.Compression = compression
			p.write(t, dir)
			step := 1
			if testing.Short() || compression != shards.None {
				step = 17 // no divisor of anything here
			}
			for name, data := range contents(t, dir) {
				path := filepath.Join(dir, name)
				for i := 0; i < len(data); i += step {
					bad := bytes.Clone(data)
					bad[i] ^= 1 << (i % 8)
					replace(t, path, bad)
					found := problems(t, dir)
					if len(found) == 0 {
						t.Fatalf("%s: bit %d of byte %d of %d flipped, and nothing found", name, i%8, i, len(data))
					}
					mustBeCorrupt(t, found)
				}
				replace(t, path, data)
			}
			if found := problems(t, dir); len(found) > 0 {
				t.Errorf("restored, yet %v", found)
			}
		})
	}
}

func TestEveryTruncationIsFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	tiny().write(t, dir)
	for name, data := range contents(t, dir) {
		path := filepath.Join(dir, name)
		for n := 0; n < len(data); n += 1 + len(data)/500 {
			replace(t, path, data[:n])
			found := problems(t, dir)
			if len(found) == 0 {
				t.Fatalf("%s: cut to %d of %d bytes, and nothing found", name, n, len(data))
			}
			mustBeCorrupt(t, found)
		}
		replace(t, path, append(bytes.Clone(data), 0))
		mustBeCorrupt(t, problems(t, dir))
		replace(t, path, data)
	}
}

func replace(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func mustBeCorrupt(t testing.TB, found []error) {
	t.Helper()
	if len(found) == 0 {
		t.Fatal("nothing found")
	}
	for _, err := range found {
		if _, ok := errors.AsType[*shards.CorruptError](err); !ok {
			t.Fatalf("%v is no CorruptError", err)
		}
	}
}

func TestMissingAndStrangeFiles(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(dir string) error
	}{
		{"no shard", func(d string) error { return os.Remove(filepath.Join(d, "train-00000.arrow")) }},
		{"no splits.csv", func(d string) error { return os.Remove(filepath.Join(d, "splits.csv")) }},
		{"a directory for a shard", func(d string) error {
			p := filepath.Join(d, "train-00000.arrow")
			return errors.Join(os.Remove(p), os.Mkdir(p, 0o777))
		}},
		{"a shard too many", func(d string) error {
			return os.WriteFile(filepath.Join(d, "train-00001.arrow"), nil, 0o666)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "set")
			tiny().write(t, dir)
			if err := tc.edit(dir); err != nil {
				t.Fatal(err)
			}
			mustBeCorrupt(t, problems(t, dir))
		})
	}
}

func TestNoManifestIsNoDataSet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	tiny().write(t, dir)
	if err := os.Remove(filepath.Join(dir, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := shards.Open(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist", err)
	}
}

// forge changes the manifest of a set, and makes its id right again.
func forge(t testing.TB, dir string, edit func(m *shards.Manifest)) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := shards.DecodeManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	edit(m)
	if text, err = m.Encode(); err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, "manifest.json"), text)
}

func TestForgedManifests(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		edit       func(m *shards.Manifest)
	}{
		{"overlap", "two splits", func(m *shards.Manifest) { m.Overlap = 1 }},
		{"a path", "want train-00000.arrow", func(m *shards.Manifest) { m.Files[0].Name = "../x.arrow" }},
		{"another version", "schema version 2", func(m *shards.Manifest) { m.SchemaVersion = 2 }},
		{"another order of modalities", "head", func(m *shards.Manifest) {
			m.Modalities[0], m.Modalities[1] = m.Modalities[1], m.Modalities[0]
			for i := range m.Splits {
				s := m.Splits[i].Stats
				s[0].Modality, s[1].Modality = s[1].Modality, s[0].Modality
				m.Splits[i].Masks = []shards.MaskCount{{Mask: "t2", Samples: 4}}
			}
		}},
		{"other classes", "describes other columns", func(m *shards.Manifest) { m.Classes[1], m.Classes[2] = m.Classes[2], m.Classes[1] }},
		{"batch before the file", "region", func(m *shards.Manifest) { m.Files[0].Batches[0].Offset = -8 }},
		{"batch beyond the file", "region", func(m *shards.Manifest) { m.Files[0].Batches[0].Length = 1 << 40 }},
		{"all metadata", "metadata", func(m *shards.Manifest) { m.Files[0].Batches[0].Meta = 1 << 33 }},
		{"huge shape", "elements", func(m *shards.Manifest) { m.Shapes[0] = []int{1 << 20, 1 << 20, 1 << 20} }},
		{"sum of shapes", "store patches", func(m *shards.Manifest) { m.Shapes[0] = []int{1 << 28} }},
		{"rows", "rows", func(m *shards.Manifest) { m.Files[0].Batches[0].Rows++ }},
		{"samples", "samples", func(m *shards.Manifest) { m.Splits[0].Samples++ }},
		{"groups", "lists 2 subjects", func(m *shards.Manifest) { m.Splits[0].Groups++ }},
		{"histogram", "counted", func(m *shards.Manifest) { m.Splits[0].Labels[0]++ }},
		{"mean", "counted", func(m *shards.Manifest) { m.Splits[1].Stats[0].Mean += 1e-9 }},
		{"config", "config_sha256", func(m *shards.Manifest) { m.Config = []byte(`{"a":1}`) }},
		{"sha256", "SHA-256", func(m *shards.Manifest) {
			m.Files[0].SHA256 = strings.Repeat("0", 64)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "set")
			volumes().write(t, dir)
			forge(t, dir, tc.edit)
			found := problems(t, dir)
			mustBeCorrupt(t, found)
			if !strings.Contains(fmt.Sprint(found), tc.want) {
				t.Errorf("got %v, want %q in it", found, tc.want)
			}
		})
	}
}

func TestOverlapIsFound(t *testing.T) {
	for _, tc := range []struct {
		name, want, old, new string
		fix                  func(*shards.Manifest)
	}{
		{"group in two splits", "would stand in train and in val", "case-02,patient-1,HGG,val", "case-02,patient-0,HGG,val", func(*shards.Manifest) {}},
		{"subject moved", "the manifest says", "case-02,patient-1,HGG,val", "case-02,patient-9,HGG,train", func(*shards.Manifest) {}},
		{"counts made to fit", "not what splits.csv", "case-02,patient-1,HGG,val", "case-02,patient-9,HGG,val", func(m *shards.Manifest) { m.Splits[1].Groups = 2 }},
		{"subject twice", "after", "case-02,patient-1,HGG,val", "case-01,patient-0,HGG,train", func(*shards.Manifest) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "set")
			volumes().write(t, dir)
			path := filepath.Join(dir, "splits.csv")
			old := contents(t, dir)["splits.csv"]
			bad := bytes.Replace(old, []byte(tc.old), []byte(tc.new), 1)
			if bytes.Equal(bad, old) {
				t.Fatalf("%q is not in\n%s", tc.old, old)
			}
			replace(t, path, bad)
			mustBeCorrupt(t, problems(t, dir)) // the checksum
			forge(t, dir, func(m *shards.Manifest) {
				m.SplitsFile = shards.SumBytes("splits.csv", bad)
				tc.fix(m)
			})
			found := problems(t, dir) // the proof
			mustBeCorrupt(t, found)
			if !strings.Contains(fmt.Sprint(found), tc.want) {
				t.Errorf("got %v, want %q in it", found, tc.want)
			}
		})
	}
}

// TestTornWriter: a writer that lost its mind can't publish an overlap.
func TestTornWriter(t *testing.T) {
	p := volumes()
	w, err := shards.Create(filepath.Join(t.TempDir(), "set"), p.meta, p.options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort() //nolint:errcheck // the test is about Append
	a, b := p.rows[0].sample, p.rows[2].sample
	b.Subject.Group = a.Subject.Group
	if err := w.Append(split.Train, a); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(split.Test, b); err == nil || !strings.Contains(err.Error(), "train and in test") {
		t.Errorf("group in two splits: got %v", err)
	}
}

// TestHostileArrow gives each file that once broke an Arrow reader as a shard,
// under a manifest whose checksums are right.
func TestHostileArrow(t *testing.T) {
	root := os.Getenv("LACUNA_DATA")
	if root == "" {
		if os.Getenv("LACUNA_FORBID_SKIP") == "1" {
			t.Fatal("LACUNA_DATA is not set")
		}
		t.Skip("LACUNA_DATA is not set")
	}
	seen := 0
	for name, data := range contents(t, filepath.Join(root, "arrow_hostile")) {
		if filepath.Base(name) == "README.md" || len(data) < 8 {
			continue
		}
		seen++
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			for _, p := range []plan{tiny(), volumes(), digits()} {
				dir := filepath.Join(t.TempDir(), "set")
				p.write(t, dir)
				asShard(t, dir, data)
				asBatches(t, dir, data)
			}
		})
	}
	if seen < 100 {
		t.Errorf("%d files, want at least 100", seen)
	}
}

// asShard replaces the first shard by data.
func asShard(t *testing.T, dir string, data []byte) {
	old := contents(t, dir)
	forge(t, dir, func(m *shards.Manifest) {
		f := &m.Files[0]
		head := int64(8)
		if int64(len(data)) > f.Head.Length+16 {
			head = f.Head.Length
		}
		body := (int64(len(data)) - head) &^ 7
		if body == int64(len(data))-head {
			body -= 8
		}
		if body < 8 {
			return
		}
		rows := f.Rows
		f.FileSum = shards.SumBytes(f.Name, data)
		f.Head = shards.RegionOf(data, 0, head)
		f.Batches = []shards.Batch{{Region: shards.RegionOf(data, head, body), Meta: 8, Rows: rows}}
		f.Tail = shards.RegionOf(data, head+body, int64(len(data))-head-body)
	})
	replace(t, filepath.Join(dir, "train-00000.arrow"), data)
	mustBeCorrupt(t, problems(t, dir))
	for name, b := range old {
		replace(t, filepath.Join(dir, name), b)
	}
}

// asBatches puts each message in data between a good head and tail.
func asBatches(t *testing.T, dir string, data []byte) {
	text, seen := contents(t, dir)["manifest.json"], 0
	for at := 0; at+8 <= len(data); at += 8 {
		if binary.LittleEndian.Uint32(data[at:]) != 1<<32-1 {
			continue
		}
		msg := data[at:]
		msg = msg[:len(msg)&^7]
		meta := 8 + int64(binary.LittleEndian.Uint32(msg[4:]))
		if meta > int64(len(msg)) || meta%8 != 0 {
			continue
		}
		m, err := shards.DecodeManifest(text)
		if err != nil {
			t.Fatal(err)
		}
		for end := int(meta); end < len(msg); end += 64 {
			if shards.DecodeMessage(m, msg[:end], meta, m.Files[0].Rows) == nil {
				t.Errorf("message at %d of %d bytes was taken", at, end)
			}
		}
		if seen++; seen > 5 {
			continue // five through the whole reader
		}
		replace(t, filepath.Join(dir, "manifest.json"), text)
		forge(t, dir, func(m *shards.Manifest) {
			f := &m.Files[0]
			b, err := shards.Forge(m, f, [][]byte{msg}, []int64{meta}, []int64{f.Rows})
			if err != nil {
				t.Fatal(err)
			}
			replace(t, filepath.Join(dir, f.Name), b)
		})
		mustBeCorrupt(t, problems(t, dir))
	}
}

// FuzzMessage takes record batches apart that have the right checksum.
func FuzzMessage(f *testing.F) {
	var sets []*shards.Manifest
	for i, p := range []plan{tiny(), volumes(), digits(), volumes(), digits()} {
		switch i {
		case 3:
			p.options.Compression, p.meta.Shapes, p.meta.TargetShape = shards.ZSTD, nil, nil
		case 4:
			p.options.Compression = shards.LZ4
		}
		dir := filepath.Join(f.TempDir(), "set")
		m := p.write(f, dir)
		sets = append(sets, m)
		b := m.Files[0].Batches[0]
		f.Add(uint8(i), uint16(b.Meta), contents(f, dir)[m.Files[0].Name][b.Offset:b.Offset+b.Length])
	}
	f.Fuzz(func(t *testing.T, set uint8, meta uint16, msg []byte) {
		if int(meta) > len(msg) || meta < 8 || len(msg) > 1<<16 {
			return
		}
		m := sets[int(set)%len(sets)]
		_ = shards.DecodeMessage(m, msg, int64(meta), m.Files[0].Rows) // any error will do, no panic
	})
}

// FuzzOpen changes a file and leaves the manifest, or its place, alone.
func FuzzOpen(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "set")
	m := volumes().write(f, dir)
	files := contents(f, dir)
	names := []string{"manifest.json", "splits.csv", m.Files[0].Name, m.Files[2].Name}
	for i, n := range names {
		f.Add(uint8(i), files[n])
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		name := names[int(which)%len(names)]
		copyDir := filepath.Join(t.TempDir(), "set")
		if err := os.CopyFS(copyDir, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(copyDir, name)); err != nil {
			t.Fatal(err)
		}
		replace(t, filepath.Join(copyDir, name), data)
		if found := problems(t, copyDir); (len(found) == 0) != bytes.Equal(data, files[name]) {
			t.Errorf("%s changed is %v, found %v", name, !bytes.Equal(data, files[name]), found)
		}
	})
}

// FuzzManifest decodes manifests with the right id.
func FuzzManifest(f *testing.F) {
	for _, p := range []plan{tiny(), volumes(), digits()} {
		dir := filepath.Join(f.TempDir(), "set")
		p.write(f, dir)
		f.Add(contents(f, dir)["manifest.json"])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := shards.ReencodeManifest(data)
		if err != nil {
			return
		}
		again, err := shards.DecodeManifest(m)
		if err != nil {
			return
		}
		if b, err := again.Encode(); err != nil || !bytes.Equal(b, m) {
			t.Errorf("accepted, but written otherwise: %v", err)
		}
	})
}

func TestTruncatedUnderTheReader(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	p := tiny()
	p.meta.Shapes = [][]int{{100_000}}
	p.rows[0].sample.Inputs[0] = ingest.Array{Shape: []int{100_000}, Data: noise(rand.New(rand.NewPCG(1, 1)), 100_000)}
	m := p.write(t, dir)
	r := open(t, dir)
	if _, err := r.Sample(split.Train, 0); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, m.Files[0].Name)
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	_, err := r.Sample(split.Train, 0)
	if _, ok := errors.AsType[*shards.CorruptError](err); !ok {
		t.Errorf("Sample: got %v, want a CorruptError", err)
	}
	n := 0
	for range r.Verify(t.Context()) {
		n++
	}
	if n == 0 {
		t.Error("Verify found nothing")
	}
}

// TestMessageMetadata changes every word of a batch's metadata in turn. What is
// taken all the same must be one that means nothing.
func TestMessageMetadata(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	m := volumes().write(t, dir)
	b := m.Files[0].Batches[0]
	msg := contents(t, dir)[m.Files[0].Name][b.Offset : b.Offset+b.Length]
	if err := shards.DecodeMessage(m, msg, b.Meta, b.Rows); err != nil {
		t.Fatal(err)
	}
	taken := 0
	for at := int64(0); at < b.Meta; at += 8 {
		for _, delta := range []int64{8, -8, 1, 1 << 40, -1 << 62} {
			bad := bytes.Clone(msg)
			binary.LittleEndian.PutUint64(bad[at:], binary.LittleEndian.Uint64(bad[at:])+uint64(delta))
			if shards.DecodeMessage(m, bad, b.Meta, b.Rows) == nil {
				taken++
			}
		}
	}
	// Seen: 44 of 1,100, in vtables and padding.
	if all := int(b.Meta / 8 * 5); taken*20 > all {
		t.Errorf("%d of %d changes were taken", taken, all)
	}
}
