package avdigits_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets/avdigits"
	"github.com/lacuna-ml/lacuna/ingest/datasets/datasettest"
)

func TestOpenRefuses(t *testing.T) {
	one := folder("7_theo_0.wav", tone())
	good := mnist(20)
	with := func(base fstest.MapFS, more fstest.MapFS) fstest.MapFS {
		m := maps.Clone(base)
		maps.Copy(m, more)
		return m
	}
	for _, tc := range []struct {
		name          string
		audio, images fs.FS
		pairing       string
		want          string // in the error
	}{
		{"no audio input", nil, good, "full", `"audio"`},
		{"no images input", one, nil, "full", `"images"`},
		{"unknown pairing", one, good, "best", "paper, full"},
		{"no clip", folder("readme.txt", tone()), good, "full", "no <digit>"},
		{"clips too deep", folder("a/b/c/d/e/7_theo_0.wav", tone()), good, "full", "no <digit>"},
		{"a clip twice", folder("a/7_theo_0.wav", tone(), "b/7_theo_0.wav", tone()), good, "full", "a/7_theo_0.wav and b/7_theo_0.wav"},
		{"no MNIST", one, folder("x", tone()), "full", "no train-labels"},
		{"only MNIST's test set", one, folder("t10k-labels-idx1-ubyte", cyclic(10)), "full", "no train-labels"},
		{"images without labels", one, folder("m/train-images.idx3-ubyte", numbered(10, 28, 28)), "full", "m/train-images.idx3-ubyte has no labels"},
		{"MNIST beside its imitation", one, folder("FashionMNIST/raw/train-labels-idx1-ubyte", cyclic(10), "MNIST/raw/train-labels-idx1-ubyte", cyclic(10)), "full", "both look like MNIST"},
		{"paper without a speaker", with(one, folder("7_theo_20.wav", tone())), good, "paper", "jackson"},
		{"paper without train clips", folder("7_jackson_0.wav", tone()), good, "paper", "clip 15 to 49 of jackson"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := map[string]fs.FS{}
			if tc.audio != nil {
				in["audio"] = tc.audio
			}
			if tc.images != nil {
				in["images"] = tc.images
			}
			_, err := avdigits.Dataset.Open(t.Context(), in, map[string]string{"pairing": tc.pairing})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestFilesThatAreTaken(t *testing.T) {
	for _, tc := range []struct {
		name          string
		audio, images fstest.MapFS
		subjects      string
		image         string // path in the first sample's sources
	}{
		{"clips anywhere, extension of any case", folder("a/b/7_theo_0.WAV", tone(), "7_ann_3.wav", tone(), "a/b/c/d/0_theo_1.wav", tone()), mnist(20),
			"0_theo_1 7_ann_3 7_theo_0", "train-images-idx3-ubyte.gz"},
		{"odd names are not clips", folder("7_theo_0.wav", tone(), "7_theo_01.wav", tone(), "17_theo_1.wav", tone(), "7_the_o_1.wav", tone(), "._7_theo_2.wav", tone(), ".x/7_theo_3.wav", tone(), "7_theo_4.wav.txt", tone()), mnist(20),
			"7_theo_0", "train-images-idx3-ubyte.gz"},
		{"names of any case", folder("0_JACKSON_0.WAV", tone(), "7_Theo_3.Wav", tone()),
			folder("TRAIN-LABELS-IDX1-UBYTE", cyclic(10), "Train-Images.IDX3-ubyte.GZ", zipped(numbered(10, 28, 28))), "0_jackson_0 7_theo_3", "Train-Images.IDX3-ubyte.GZ"},
		{"a dot before idx", folder("7_theo_0.wav", tone()),
			folder("m/train-labels.idx1-ubyte.gz", zipped(cyclic(10)), "m/train-images.idx3-ubyte", numbered(10, 28, 28)), "7_theo_0", "m/train-images.idx3-ubyte"},
		{"the plain file over the compressed", folder("7_theo_0.wav", tone()),
			folder("train-labels-idx1-ubyte", cyclic(10), "train-images-idx3-ubyte", numbered(10, 28, 28), "train-images-idx3-ubyte.gz", []byte("broken")), "7_theo_0", "train-images-idx3-ubyte"},
		{"a word of one's own where nothing else is", folder("7_theo_0.wav", tone()),
			folder("train-half-labels-idx1-ubyte", cyclic(10), "train-half-images-idx3-ubyte", numbered(10, 28, 28)), "7_theo_0", "train-half-images-idx3-ubyte"},
		{"the whole set over the half", folder("7_theo_0.wav", tone()),
			folder("train-half-labels-idx1-ubyte", cyclic(10), "train-half-images-idx3-ubyte", numbered(10, 28, 28), "train-labels-idx1-ubyte", cyclic(20), "train-images-idx3-ubyte", numbered(20, 28, 28)), "7_theo_0", "train-images-idx3-ubyte"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src := openWith(t, tc.audio, tc.images, "full")
			var names []string
			all := subjects(t, src)
			for _, s := range all {
				names = append(names, s.Key.Subject)
			}
			if got := strings.Join(names, " "); got != tc.subjects {
				t.Errorf("got subjects %q, want %q", got, tc.subjects)
			}
			x, err := src.Load(t.Context(), all[0])
			if err != nil {
				t.Fatal(err)
			}
			if got := x.Sources[0].Path; got != tc.image {
				t.Errorf("got the image from %s, want %s", got, tc.image)
			}
		})
	}
}

func TestSampleIsWholeAndTraced(t *testing.T) {
	audio, images := folder("rec/7_theo_12.wav", clipOf(8000, 1, func(i int) int16 { return int16(i - 400) })), mnist(20)
	src := openWith(t, audio, images, "full")
	s := subjects(t, src)[0]
	want := ingest.Subject{Key: ingest.Key{Dataset: "avdigits", Subject: "7_theo_12"}, Group: "7_theo_12", Stratum: "7/theo", Class: 7, Domain: "theo"}
	if s != want {
		t.Errorf("got subject %+v\nwant %+v", s, want)
	}
	x, err := src.Load(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Check(src.Modalities()); err != nil {
		t.Error(err)
	}
	if got := x.Inputs[1]; len(got.Data) != 800 || got.Data[0] != -400.0/32768 || got.Data[799] != 399.0/32768 {
		t.Errorf("audio: got %d samples from %v to %v", len(got.Data), got.Data[0], got.Data[799])
	}
	if p := place(x.Inputs[0]); p%10 != 7 || x.Inputs[0].Data[0] != 1 || !slices.Equal(x.Inputs[0].Shape, []int{28, 28}) {
		t.Errorf("image: got place %d, first pixel %v, shape %v", p, x.Inputs[0].Data[0], x.Inputs[0].Shape)
	}
	sources := []ingest.File{
		{Role: "image", Path: "train-images-idx3-ubyte.gz", SHA256: sha256.Sum256(images["train-images-idx3-ubyte.gz"].Data)},
		{Role: "audio", Path: "rec/7_theo_12.wav", SHA256: sha256.Sum256(audio["rec/7_theo_12.wav"].Data)},
	}
	if !reflect.DeepEqual(x.Sources, sources) {
		t.Errorf("got sources %v\nwant %v", x.Sources, sources)
	}
	if !slices.Equal(x.Definitions, []string{"avdigits-full/1"}) || x.Target.Data[0] != 7 || x.Subject != s || len(x.Warnings) != 0 {
		t.Errorf("got definitions %v, target %v, subject %v, warnings %v", x.Definitions, x.Target, x.Subject, x.Warnings)
	}
}

func TestBrokenFilesAreErrorsOfTheSubject(t *testing.T) {
	labels, images := cyclic(20), numbered(20, 28, 28)
	lfs := []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
	const clip, train = "7_theo_0.wav", "train-images-idx3-ubyte.gz"
	for _, tc := range []struct {
		name   string
		clip   []byte
		images []byte // nil: not there
		labels []byte
		want   string // paths and kinds of the problems
	}{
		{"clip cut short", tone()[:30], images, labels, clip + " truncated"},
		{"clip cut among its samples", tone()[:200], images, labels, clip + " truncated"},
		{"clip empty", nil, images, labels, clip + " empty"},
		{"clip is a pointer of git-lfs", lfs, images, labels, clip + " lfs-pointer"},
		{"clip is a web page", []byte("<!DOCTYPE html><html>not logged in, and so on</html>"), images, labels, clip + " format"},
		{"clip without samples", floatClip(), images, labels, clip + " empty"},
		{"clip with NaN", floatClip(0, float32(math.NaN()), 1), images, labels, clip + " nonfinite"},
		{"clip with infinity", floatClip(0, float32(math.Inf(-1)), 1), images, labels, clip + " nonfinite"},
		{"images cut short", tone(), images[:len(images)-1], labels, train + " truncated"},
		{"compressed images cut short", tone(), zipped(images)[:60], labels, train + " truncated"},
		{"images empty", tone(), []byte{}, labels, train + " empty"},
		{"images are a pointer of git-lfs", tone(), lfs, labels, train + " lfs-pointer"},
		{"images not there", tone(), nil, labels, train + " missing"},
		{"images of another size", tone(), numbered(20, 28, 27), labels, train + " shape"},
		{"images of another set than the labels", tone(), images, cyclic(30), train + " format"},
		{"labels for images", tone(), labels, labels, train + " format"},
		{"both", []byte("RIFF"), images[:99], labels, train + " truncated " + clip + " truncated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mn := folder("train-labels-idx1-ubyte.gz", zipped(tc.labels))
			if tc.images != nil {
				mn["train-images-idx3-ubyte.gz"] = &fstest.MapFile{Data: tc.images}
			}
			src := openWith(t, folder("7_theo_0.wav", tc.clip), mn, "full")
			if got := len(subjects(t, src)); got != 1 {
				t.Fatalf("got %d subjects, want 1", got)
			}
			_, err := src.Load(t.Context(), subject("7_theo_0"))
			var bad *ingest.SubjectError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a SubjectError", err)
			}
			var got []string
			for _, p := range bad.Problems {
				got = append(got, p.Path, p.Kind)
				if p.Kind == "" || p.Reason == "" || p.Fix == "" {
					t.Errorf("problem %+v lacks something", p)
				}
			}
			if strings.Join(got, " ") != tc.want || bad.Key.Subject != "7_theo_0" || bad.Err == nil {
				t.Errorf("got %v of %v with cause %v, want %s", got, err, bad.Err, tc.want)
			}
			if tc.images == nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v isn't fs.ErrNotExist", err)
			}
		})
	}
}

func TestBrokenLabelsEndTheListing(t *testing.T) {
	for name, labels := range map[string][]byte{"cut short": cyclic(20)[:20], "images": numbered(20, 28, 28), "empty": nil} {
		t.Run(name, func(t *testing.T) {
			src := openWith(t, folder("7_theo_0.wav", tone()), folder("m/train-labels-idx1-ubyte", labels), "full")
			n := 0
			for _, err := range src.Subjects(t.Context()) {
				n++
				if err == nil || !strings.Contains(err.Error(), "m/train-labels-idx1-ubyte") {
					t.Errorf("got %v, want an error that names the file", err)
				}
			}
			if n != 1 {
				t.Errorf("got %d values, want the error alone", n)
			}
			if _, err := src.Load(t.Context(), subject("7_theo_0")); err == nil {
				t.Error("Load gave no error")
			}
		})
	}
}

func TestOddFilesAreWarnings(t *testing.T) {
	blank := func() []byte { b := numbered(20, 28, 28); clear(b[16:]); return b }()
	images := numbered(20, 28, 28)
	for _, tc := range []struct {
		name   string
		audio  fstest.MapFS
		images []byte
		kinds  string
		check  func(x *ingest.Sample) bool
	}{
		{"two channels", folder("7_theo_0.wav", clipOf(8000, 2, func(i int) int16 { return int16(i%2*200 + i) })), images, "channels",
			func(x *ingest.Sample) bool {
				return len(x.Inputs[1].Data) == 800 && x.Inputs[1].Data[1] == 102.5/32768
			}},
		{"another rate", folder("7_theo_0.wav", clipOf(16000, 1, func(i int) int16 { return int16(i) })), images, "rate",
			func(x *ingest.Sample) bool {
				return x.RateHz == 16000 && len(x.Inputs[1].Data) == 800 && x.Warnings[0].Fix == "resample to 8000 Hz"
			}},
		{"silent", folder("7_theo_0.wav", clipOf(8000, 1, func(int) int16 { return 5 })), images, "silent", nil},
		{"beyond full scale", folder("7_theo_0.wav", floatClip(0, 1.5, -1)), images, "range",
			func(x *ingest.Sample) bool { return slices.Equal(x.Inputs[1].Data, []float32{0, 1, -1}) }},
		{"a blank image", folder("7_theo_0.wav", tone()), blank, "blank", nil},
		{"a WAV of another name", folder("7_theo_0.wav", tone(), "theo_7_0.wav", tone()), images, "name", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src := openWith(t, tc.audio, folder("train-labels-idx1-ubyte", cyclic(20), "train-images-idx3-ubyte", tc.images), "full")
			x, err := src.Load(t.Context(), subject("7_theo_0"))
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, w := range x.Warnings {
				kinds = append(kinds, w.Kind)
			}
			if got := strings.Join(kinds, " "); got != tc.kinds {
				t.Errorf("got warnings %v, want %q", x.Warnings, tc.kinds)
			}
			if tc.check != nil && !tc.check(x) {
				t.Errorf("got %d samples at %d Hz from %v", len(x.Inputs[1].Data), x.RateHz, x.Inputs[1].Data[:2])
			}
		})
	}
}

func TestLoadFromManyGoroutines(t *testing.T) {
	src := openWith(t, paperClips(), mnist(1200), "full")
	all := subjects(t, src)[:64]
	got := make([][]*ingest.Sample, 8)
	var wg sync.WaitGroup
	for g := range got {
		wg.Go(func() {
			for _, s := range all {
				x, err := src.Load(t.Context(), s)
				if err != nil {
					t.Error(err)
					return
				}
				got[g] = append(got[g], x)
			}
		})
	}
	wg.Wait()
	for g := range got {
		if !reflect.DeepEqual(got[g], got[0]) {
			t.Errorf("goroutine %d loaded other samples than goroutine 0", g)
		}
	}
	// A sample is the caller's: writing into it changes no other.
	x := got[0][0]
	clear(x.Inputs[0].Data)
	clear(x.Inputs[1].Data)
	y, err := src.Load(t.Context(), all[0])
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(y, got[1][0]) {
		t.Error("a sample changed when another was written into")
	}
}

func TestCancelled(t *testing.T) {
	src := openWith(t, paperClips(), mnist(1200), "full")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("enough")
	n := 0
	for _, err := range src.Subjects(ctx) {
		if n++; n == 3 {
			cancel(why)
		}
		if n == 4 && !errors.Is(err, why) || n > 4 {
			t.Fatalf("value %d: got %v, want the end with %v", n, err, why)
		}
	}
	if _, err := src.Load(ctx, subject("7_theo_1")); !errors.Is(err, why) {
		t.Errorf("Load: got %v, want %v", err, why)
	}
	if _, err := avdigits.Dataset.Open(ctx, map[string]fs.FS{"audio": paperClips(), "images": mnist(10)}, nil); !errors.Is(err, why) {
		t.Errorf("Open: got %v, want %v", err, why)
	}
}

func TestLoadOfAStranger(t *testing.T) {
	src := openWith(t, folder("7_theo_0.wav", tone()), mnist(20), "full")
	if _, err := src.Load(t.Context(), subject("7_theo_1")); err == nil {
		t.Error("a subject that isn't listed was loaded")
	}
}

func TestConformance(t *testing.T) {
	images := mnist(1200)
	maps.Copy(images, folder("t10k-labels-idx1-ubyte.gz", zipped(cyclic(500)), "t10k-images-idx3-ubyte", numbered(500, 28, 28)))
	for _, pairing := range []string{"paper", "full"} {
		t.Run(pairing, func(t *testing.T) {
			datasettest.Run(t, avdigits.Dataset, map[string]fs.FS{"audio": paperClips(), "images": images}, map[string]string{"pairing": pairing})
		})
	}
}

func ExampleDataset() {
	ctx := context.Background()
	src, err := avdigits.Dataset.Open(ctx, map[string]fs.FS{
		"audio":  folder("recordings/7_theo_0.wav", tone()), // os.DirFS of FSDD's folder
		"images": mnist(20),                                 // os.DirFS of MNIST's
	}, map[string]string{"pairing": "full"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for s, err := range src.Subjects(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		x, err := src.Load(ctx, s)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(s.Key, src.Modalities().Format(x.Present), x.Inputs[0].Shape, x.Inputs[1].Shape, x.RateHz)
	}
	// Output: avdigits/7_theo_0 image+audio [28 28] [800] 8000
}
