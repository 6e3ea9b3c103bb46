package shards

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/zeebo/xxh3"
)

// file is what a writer needs of an *os.File.
type file interface {
	io.WriteCloser
	Sync() error
}

// writeSize is how much goes to the file at once: enough that the system makes
// large pages of its cache of it (at 128 KiB a write takes half as long again),
// and little enough that what was summed is still in the processor's.
const writeSize = 512 << 10

// digest passes writes on in large pieces and sums them: the whole file, and
// the region since the last cut. sha is left to the Writer's goroutine, since at
// some 0.55 ns a byte it takes longer than all the rest.
type digest struct {
	w      io.Writer
	buf    []byte // not yet passed on, up to writeSize
	n      int64
	start  int64 // of the region
	whole  *xxh3.Hasher
	region *xxh3.Hasher
	sha    hash.Hash
}

func newDigest(w io.Writer) *digest {
	return &digest{w: w, whole: xxh3.New(), region: xxh3.New(), sha: sha256.New()}
}

// Write does not touch sha. p is not kept. After an error the digest is of no
// further use.
func (d *digest) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		k := min(len(rest), writeSize-len(d.buf))
		piece := rest[:k]
		rest = rest[k:]
		_, _ = d.whole.Write(piece) // a hash never errs
		_, _ = d.region.Write(piece)
		d.n += int64(k)
		if k == writeSize { // it needs no copy
			if err := d.pass(piece); err != nil {
				return 0, err
			}
			continue
		}
		if d.buf == nil {
			d.buf = make([]byte, 0, writeSize)
		}
		if d.buf = append(d.buf, piece...); len(d.buf) == writeSize {
			if err := d.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

func (d *digest) pass(p []byte) error {
	n, err := d.w.Write(p)
	if err == nil && n != len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// flush passes on what is left.
func (d *digest) flush() error {
	if len(d.buf) == 0 {
		return nil
	}
	err := d.pass(d.buf)
	d.buf = d.buf[:0]
	return err
}

// cut ends the region.
func (d *digest) cut() Region {
	r := Region{Offset: d.start, Length: d.n - d.start, XXH3: hex64(d.region.Sum64())}
	d.start = d.n
	d.region.Reset()
	return r
}

func (d *digest) sum(name string) FileSum {
	return FileSum{Name: name, Bytes: d.n, XXH3: hex64(d.whole.Sum64()), SHA256: hex.EncodeToString(d.sha.Sum(nil))}
}

func hex64(v uint64) string { return fmt.Sprintf("%016x", v) }

// sumBytes is the FileSum of a file with this content.
func sumBytes(name string, b []byte) FileSum {
	sha := sha256.Sum256(b)
	return FileSum{Name: name, Bytes: int64(len(b)), XXH3: hex64(xxh3.Hash(b)), SHA256: hex.EncodeToString(sha[:])}
}
