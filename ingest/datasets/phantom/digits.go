package phantom

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"

	"github.com/klauspost/compress/gzip"

	"github.com/lacuna-ml/lacuna/ingest/idx"
	"github.com/lacuna-ml/lacuna/ingest/wav"
)

// DigitOptions says how many digits [WriteDigits] makes. The zero value is a
// good one.
type DigitOptions struct {
	// Speakers is their number, 1 to 60; 0 is 3. The first three are jackson,
	// nicolas and theo, those of the published pairs.
	Speakers int
	// PerDigit is the number of clips of each digit by each speaker, 1 to 1000;
	// 0 is 6. The published pairs need 50: 0 to 14 are its test, 15 to 19 its
	// val, 20 to 49 its train.
	PerDigit int
	Seed     uint64
}

func (o *DigitOptions) validate() error {
	if o.Speakers == 0 {
		o.Speakers = 3
	}
	if o.PerDigit == 0 {
		o.PerDigit = 6
	}
	if o.Speakers < 1 || o.Speakers > 60 {
		return fmt.Errorf("phantom: %d speakers, want 1 to 60", o.Speakers)
	}
	if o.PerDigit < 1 || o.PerDigit > 1000 {
		return fmt.Errorf("phantom: %d clips of each digit, want 1 to 1000", o.PerDigit)
	}
	return nil
}

// speaker returns the name of speaker i: those of the Free Spoken Digit Dataset
// first, in whose place these stand.
func speaker(i int) string {
	names := [...]string{"jackson", "nicolas", "theo", "george", "lucas", "yweweler"}
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("phantom%02d", i+1)
}

// The least images of each digit: what the published pairs take.
const (
	trainImages = 105
	testImages  = 45
)

// WriteDigits makes clips and images below dir:
//
//	recordings/<digit>_<speaker>_<index>.wav   8 kHz, 16 bit, mono, 0.3 to 0.6 s
//	mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz   28 x 28
//
// There are as many training images of each digit as clips, and at least those
// that the published pairs take. dir is made where it isn't there; a file that
// is there already is written anew, and it is an error if recordings or mnist
// hold any other. Each file is whole or absent; when ctx ends, WriteDigits stops
// between two of them.
func WriteDigits(ctx context.Context, dir string, o DigitOptions) error {
	if err := o.validate(); err != nil {
		return err
	}
	planned := map[string]bool{}
	for _, set := range []string{"train", "t10k"} {
		planned[imagesFile(set)], planned[labelsFile(set)] = true, true
	}
	for s := range o.Speakers {
		for d := range 10 {
			for k := range o.PerDigit {
				planned[clipFile(d, s, k)] = true
			}
		}
	}
	folders := []string{"recordings", "mnist"}
	if err := checkLeftovers(dir, folders, planned); err != nil {
		return err
	}
	for _, f := range folders {
		if err := os.MkdirAll(filepath.Join(dir, f), 0o777); err != nil {
			return fmt.Errorf("phantom: %w", err)
		}
	}
	if err := writeClips(ctx, dir, o); err != nil {
		return err
	}
	if err := writeImages(ctx, dir, "train", max(trainImages, o.Speakers*o.PerDigit), o.Seed); err != nil {
		return err
	}
	return writeImages(ctx, dir, "t10k", testImages, o.Seed)
}

func imagesFile(set string) string { return path.Join("mnist", set+"-images-idx3-ubyte.gz") }
func labelsFile(set string) string { return path.Join("mnist", set+"-labels-idx1-ubyte.gz") }

func clipFile(digit, who, index int) string {
	return path.Join("recordings", fmt.Sprintf("%d_%s_%d.wav", digit, speaker(who), index))
}

func writeClips(ctx context.Context, dir string, o DigitOptions) error {
	for s := range o.Speakers {
		v := newVoice(newRand(o.Seed, "digits/voice/"+speaker(s)))
		for d := range 10 {
			for k := range o.PerDigit {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				name := clipFile(d, s, k)
				pcm := v.speak(d, newRand(o.Seed, "digits/"+name))
				err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), func(w io.Writer) error {
					return wav.Encode(w, rateHz, 1, pcm)
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// writeImages writes a set with perDigit images of each digit, in blocks of ten
// that hold each once, in an order of their own.
func writeImages(ctx context.Context, dir, set string, perDigit int, seed uint64) error {
	images := &idx.Images{N: 10 * perDigit, Rows: side, Cols: side}
	var labels []uint8
	for block := range perDigit {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r := newRand(seed, fmt.Sprintf("digits/%s/%d", set, block))
		for _, d := range r.Perm(10) {
			own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
			images.Pixels = append(images.Pixels, drawDigit(d, own)...)
			labels = append(labels, uint8(d))
		}
	}
	zipped := func(name string, encode func(io.Writer) error) error {
		return writeFile(filepath.Join(dir, filepath.FromSlash(name)), func(w io.Writer) error {
			z := gzip.NewWriter(w)
			if err := encode(z); err != nil {
				return err
			}
			return z.Close()
		})
	}
	if err := zipped(imagesFile(set), func(w io.Writer) error { return idx.EncodeImages(w, images) }); err != nil {
		return err
	}
	return zipped(labelsFile(set), func(w io.Writer) error { return idx.EncodeLabels(w, labels) })
}
