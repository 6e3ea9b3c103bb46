package mfcc_test

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/lacuna-ml/lacuna/mfcc"
)

// dataFolder returns a folder of the shared test data. Without it the test is
// skipped, or fails where LACUNA_FORBID_SKIP is 1.
func dataFolder(tb testing.TB, name string) string {
	tb.Helper()
	root := os.Getenv("LACUNA_DATA")
	path := filepath.Join(root, name)
	_, err := os.Stat(path)
	switch {
	case root != "" && err == nil:
		return path
	case os.Getenv("LACUNA_FORBID_SKIP") == "1":
		tb.Fatalf("no %s below LACUNA_DATA=%q, and LACUNA_FORBID_SKIP is set", name, root)
	default:
		tb.Skipf("no %s: set LACUNA_DATA to the folder of test data", name)
	}
	return ""
}

// readFSDD reads a WAV as all of FSDD's are: 44 bytes of header, then mono
// PCM16.
func readFSDD(tb testing.TB, path string) []float32 {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if len(b) < 44 || string(b[36:40]) != "data" || b[22] != 1 || b[34] != 16 {
		tb.Fatalf("%s is not a plain mono PCM16 file", path)
	}
	b = b[44:][:binary.LittleEndian.Uint32(b[40:])]
	x := make([]float32, len(b)/2)
	for i := range x {
		x[i] = float32(int16(binary.LittleEndian.Uint16(b[2*i:]))) / 32768
	}
	return x
}

// readNPY reads float32 values from a gzipped .npy of version 1.
func readNPY(t *testing.T, path string) []float32 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	b = b[10+int(binary.LittleEndian.Uint16(b[8:])):]
	x := make([]float32, len(b)/4)
	if _, err := binary.Decode(b, binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestSMILPairs compares with a float64 re-implementation of SMIL's features
// of all 1,050 training clips.
func TestSMILPairs(t *testing.T) {
	pairs, fsdd := dataFolder(t, "soundmnist"), dataFolder(t, "fsdd/recordings")
	f, err := os.Open(filepath.Join(pairs, "pairs_train.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows = rows[1:] // the header
	for _, tc := range []struct{ definition, file string }{
		{mfcc.SMIL, "mfcc20_train_reflect.npy.gz"},
		{mfcc.SMILConstant, "mfcc20_train_constant.npy.gz"},
	} {
		t.Run(tc.definition, func(t *testing.T) {
			want := readNPY(t, filepath.Join(pairs, tc.file))
			e, err := mfcc.New(mfcc.Config{Name: tc.definition})
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) != 1050 || len(want) != len(rows)*400 {
				t.Fatalf("%d pairs, %d values; want 1050 pairs of 400", len(rows), len(want))
			}
			worst := 0.0
			var got []float32
			for i, r := range rows {
				got = e.Append(got[:0], readFSDD(t, filepath.Join(fsdd, r[4])))
				for j, v := range got {
					d := math.Abs(float64(v - want[i*400+j]))
					// float32 against float64, on values up to 1e3; measured
					// 1e-4. The data's README allows 1e-2.
					if !(d <= 1e-3) {
						t.Fatalf("%s: coefficient %d of frame %d: got %g, want %g", r[4], j/20, j%20, v, want[i*400+j])
					}
					worst = max(worst, d)
				}
			}
			t.Logf("%d clips within %.1e", len(rows), worst)
		})
	}
}

// TestPaddingShare says how much of each definition's 20 columns is padding:
// why dense20 exists. See doc.go.
func TestPaddingShare(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dataFolder(t, "fsdd/recordings"), "*.wav"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, tc := range []struct {
		definition string
		low, high  float64 // share of the columns that are padding
	}{
		{mfcc.SMIL, 0.83, 0.89},
		{mfcc.Dense20, 0, 0},
	} {
		e, err := mfcc.New(mfcc.Config{Name: tc.definition})
		if err != nil {
			t.Fatal(err)
		}
		empty, all := 0, 0
		var got []float32
		for _, f := range files {
			got = e.Append(got[:0], readFSDD(t, f))
			for c := range 20 {
				any := false
				for k := range 20 {
					any = any || got[k*20+c] != 0
				}
				all++
				if !any {
					empty++
				}
			}
		}
		share := float64(empty) / float64(all)
		if share < tc.low || share > tc.high {
			t.Errorf("%s: %.3f of the columns are padding, want %g to %g", tc.definition, share, tc.low, tc.high)
		}
		t.Logf("%s: %.1f %% of %d columns are padding", tc.definition, 100*share, all)
	}
}
