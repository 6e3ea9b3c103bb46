package shards

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"github.com/lacuna-ml/lacuna/shards/split"
)

// check reports what makes a manifest contradict itself or exceed a bound. What
// it lets pass can't make a reader look outside a file.
func (m *Manifest) check() error {
	l, err := m.layout()
	if err != nil {
		return err
	}
	_, sum, err := configBytes(m.Config)
	if err != nil {
		return err
	}
	if sum != m.ConfigSHA256 {
		return errors.New("config_sha256 is not that of config")
	}
	if m.Overlap != 0 {
		return fmt.Errorf("%d groups stand in two splits", m.Overlap)
	}
	if len(m.Splits) != 3 || len(m.Files) > maxList || len(m.Definitions) > maxList {
		return fmt.Errorf("%d splits, %d files, %d definitions: want 3, at most %d and %d", len(m.Splits), len(m.Files), len(m.Definitions), maxList, maxList)
	}
	for i, s := range m.Splits {
		if s.Split != split.Train+split.Split(i) {
			return fmt.Errorf("split %d is %s", i, s.Split)
		}
		if err := s.check(l); err != nil {
			return fmt.Errorf("%s: %w", s.Split, err)
		}
	}
	if m.SplitsFile.Name != SplitsName {
		return fmt.Errorf("splits_file is %.80q, want %s", m.SplitsFile.Name, SplitsName)
	}
	if err := m.SplitsFile.check(maxSplitsCSV); err != nil {
		return err
	}
	return m.checkFiles()
}

func (s SplitInfo) check(l layout) error {
	if s.Samples < 0 || s.Unlabelled < 0 || s.Subjects < 0 || s.Groups < 0 || s.Groups > s.Subjects || int64(s.Subjects) > s.Samples {
		return fmt.Errorf("%d samples of %d subjects of %d groups", s.Samples, s.Subjects, s.Groups)
	}
	if len(s.Stats) != l.mods.Len() || len(s.Labels) != len(l.classes) {
		return fmt.Errorf("%d statistics and %d label counts for %d modalities and %d classes", len(s.Stats), len(s.Labels), l.mods.Len(), len(l.classes))
	}
	for i, st := range s.Stats {
		if st.Modality != l.mods.Name(i) {
			return fmt.Errorf("statistics %d are of %.80q, want %s", i, st.Modality, l.mods.Name(i))
		}
	}
	var n int64
	last := -1
	for _, c := range s.Masks {
		mask, err := l.mods.Parse(c.Mask)
		switch {
		case err != nil:
			return err
		case l.mods.Format(mask) != c.Mask || int(mask) <= last:
			return fmt.Errorf("mask %.80q out of place", c.Mask)
		case c.Samples < 1 || c.Samples > s.Samples-n:
			return fmt.Errorf("mask %s: %d samples", c.Mask, c.Samples)
		}
		n, last = n+c.Samples, int(mask)
	}
	if n != s.Samples {
		return fmt.Errorf("masks add up to %d samples, not %d", n, s.Samples)
	}
	return nil
}

func (f FileSum) check(limit int64) error {
	if f.Bytes < 0 || f.Bytes > limit {
		return fmt.Errorf("%.80s: %d bytes, at most %d", f.Name, f.Bytes, limit)
	}
	if !isHex(f.XXH3, 16) || !isHex(f.SHA256, 64) {
		return fmt.Errorf("%.80s: a checksum is not hexadecimal", f.Name)
	}
	return nil
}

func isHex(s string, n int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(s) == n && hex.EncodeToString(b) == s
}

// fileName returns the name of the nth shard of a split. Manifests have no
// other names in them, so none leads out of the directory.
func fileName(sp split.Split, n int) string { return fmt.Sprintf("%s-%05d.arrow", sp, n) }

func (m *Manifest) checkFiles() error {
	var rows [4]int64
	next, last := 0, split.Train
	for _, f := range m.Files {
		if f.Split < last || f.Split > split.Test {
			return fmt.Errorf("file %.80q out of order", f.Name)
		}
		if f.Split != last {
			next, last = 0, f.Split
		}
		if want := fileName(f.Split, next); f.Name != want {
			return fmt.Errorf("file %.80q, want %s", f.Name, want)
		}
		next++
		if err := f.check(math.MaxInt64); err != nil {
			return err
		}
		if err := f.checkRegions(); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if rows[f.Split] += f.Rows; rows[f.Split] < 0 {
			return fmt.Errorf("%s: too many rows", f.Name)
		}
	}
	for _, s := range m.Splits {
		if rows[s.Split] != s.Samples {
			return fmt.Errorf("files of %s have %d rows, the split %d samples", s.Split, rows[s.Split], s.Samples)
		}
	}
	return nil
}

// checkRegions sees to it that head, batches and tail cover the file without a
// gap or an overlap.
func (f File) checkRegions() error {
	if len(f.Batches) == 0 || len(f.Batches) > maxList {
		return fmt.Errorf("%d batches, want 1 to %d", len(f.Batches), maxList)
	}
	var at, rows int64
	place := func(r Region) error {
		if r.Offset != at || r.Length <= 0 || r.Length%8 != 0 && r != f.Tail || r.Length > f.Bytes-at {
			return fmt.Errorf("region %d+%d at byte %d of %d", r.Offset, r.Length, at, f.Bytes)
		}
		if !isHex(r.XXH3, 16) {
			return errors.New("a checksum is not hexadecimal")
		}
		at += r.Length
		return nil
	}
	if err := place(f.Head); err != nil {
		return err
	}
	for _, b := range f.Batches {
		if err := place(b.Region); err != nil {
			return err
		}
		if b.Meta < 8 || b.Meta > b.Length || b.Meta%8 != 0 || b.Meta > math.MaxInt32 {
			return fmt.Errorf("batch at %d: %d of %d bytes are metadata", b.Offset, b.Meta, b.Length)
		}
		if b.Rows < 1 || b.Rows > MaxBatchBytes || b.Rows > b.Length {
			return fmt.Errorf("batch at %d: %d rows", b.Offset, b.Rows)
		}
		rows += b.Rows
	}
	if err := place(f.Tail); err != nil {
		return err
	}
	if at != f.Bytes || rows != f.Rows {
		return fmt.Errorf("regions and batches add up to %d bytes and %d rows, not %d and %d", at, rows, f.Bytes, f.Rows)
	}
	return nil
}
