package shards

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/zeebo/xxh3"
)

// file is what a writer needs of an *os.File.
type file interface {
	io.WriteCloser
	Sync() error
}

// digest passes writes on and sums them: the whole file, and the region since
// the last cut.
type digest struct {
	w      io.Writer
	n      int64
	start  int64 // of the region
	whole  *xxh3.Hasher
	region *xxh3.Hasher
	sha    hash.Hash
	queue  chan []byte // to the goroutine of aside
}

func newDigest(w io.Writer) *digest {
	return &digest{w: w, whole: xxh3.New(), region: xxh3.New(), sha: sha256.New()}
}

// aside runs f while a goroutine makes the SHA-256 of what f writes: at some
// 0.5 ns a byte it is the slowest sum, and takes about as long as the write. f
// must leave the memory of large writes alone until aside returns.
func (d *digest) aside(f func() error) error {
	d.queue = make(chan []byte, 64) // about the writes of a batch, so that neither waits for the other
	var wg sync.WaitGroup
	wg.Go(func() {
		for p := range d.queue {
			d.sha.Write(p)
		}
	})
	err := f()
	close(d.queue)
	wg.Wait()
	d.queue = nil
	return err
}

func (d *digest) Write(p []byte) (int, error) {
	switch {
	case d.queue == nil:
		d.sha.Write(p)
	case len(p) < 4096: // the caller may reuse it
		d.queue <- bytes.Clone(p)
	default:
		d.queue <- p
	}
	n, err := d.w.Write(p)
	d.whole.Write(p)
	d.region.Write(p)
	d.n += int64(n)
	if err == nil && n != len(p) {
		err = io.ErrShortWrite
	}
	return n, err
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
