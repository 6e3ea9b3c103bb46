package split_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/shards/split"
)

var few = []ingest.Subject{
	{Key: ingest.Key{Dataset: "d", Subject: "p1-0"}, Group: "p1", Stratum: "HGG"},
	{Key: ingest.Key{Dataset: "d", Subject: "p1-1"}, Group: "p1", Stratum: "HGG"},
	{Key: ingest.Key{Dataset: "d", Subject: "p2-0"}, Group: "p2", Stratum: "LGG"},
	{Key: ingest.Key{Dataset: "d", Subject: `odd, "name"`}},
}

func TestCSVRoundTrip(t *testing.T) {
	a := assign(t, few, split.Plan{Seed: 5})
	var first, second bytes.Buffer
	if err := a.WriteCSV(&first); err != nil {
		t.Fatal(err)
	}
	b, err := split.ReadCSV(iotest.OneByteReader(bytes.NewReader(first.Bytes())), few)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.WriteCSV(&second); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("wrote\n%s\nread back as\n%s", &first, &second)
	}
	if !strings.HasPrefix(first.String(), "subject,group,stratum,split\n\"odd, ") {
		t.Errorf("got\n%s", &first)
	}
}

func TestReadCSV(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       [3]int // subjects per split
		err        string // or else
	}{
		{"by subject, the group follows", "subject,split\np1-0,val\np2-0,test\n", [3]int{0, 2, 1}, ""},
		{"by group", "split,group\ntrain,p1\n", [3]int{2, 0, 0}, ""},
		{"BOM, CRLF, more columns, space", "\ufeffsubject,age,split\r\np2-0,7, train\r\n", [3]int{1, 0, 0}, ""},
		{"unknown subjects are passed over", "subject,split\nnew,val\np2-0,test\n", [3]int{0, 0, 1}, ""},
		{"same line twice", "group,split\np1,val\np1,val\n", [3]int{0, 2, 0}, ""},

		{"empty", "", [3]int{}, "empty"},
		{"no split column", "subject,set\np1-0,val\n", [3]int{}, `"subject,set"`},
		{"no name column", "id,split\np1-0,val\n", [3]int{}, "subject or group"},
		{"unknown split", "subject,split\np1-0,val\np2-0,dev\n", [3]int{}, `line 3: split "dev"`},
		{"tears a group", "subject,split\np1-0,val\np1-1,test\n", [3]int{}, "line 3: group \"p1\" goes to test, but line 2 sent it to val"},
		{"another grouping", "subject,group,split\np1-0,p2,val\n", [3]int{}, `line 2: subject "p1-0" is of group "p2" here, of "p1"`},
		{"nameless", "subject,split\n,val\n", [3]int{}, "line 2: neither"},
		{"ragged", "subject,split\np1-0\n", [3]int{}, "line 2"},
		{"open quote", "subject,split\n\"p1-0,val\n", [3]int{}, "line 2"},
		{"another data set", "subject,split\nx,val\n", [3]int{}, "none of the subjects"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := split.ReadCSV(strings.NewReader(tc.text), few)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v, want an error with %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := sizes(a); got != tc.want {
				t.Errorf("sizes %v, want %v", got, tc.want)
			}
		})
	}
}

// endless is a list that has no end.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, "unknown,val\n")
	e.read += int64(n)
	return n, nil
}

func TestReadCSVIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 128 MiB")
	}
	e := &endless{}
	_, err := split.ReadCSV(io.MultiReader(strings.NewReader("subject,split\n"), e), few)
	if err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("after %d bytes: %v, want an error about the length", e.read, err)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("subject,group,stratum,split\np1-0,p1,HGG,train\n")
	f.Add("group,split\np1,val\np2,test\n")
	f.Add("\ufeffsplit,subject\r\nval,\"odd, \"\"name\"\"\"\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := split.ReadCSV(strings.NewReader(text), few)
		if err != nil {
			return
		}
		if a.Overlap() != 0 {
			t.Fatalf("Overlap is %d", a.Overlap())
		}
		var out, again bytes.Buffer
		if err := a.WriteCSV(&out); err != nil {
			t.Fatal(err)
		}
		b, err := split.ReadCSV(bytes.NewReader(out.Bytes()), few)
		if err != nil {
			t.Fatalf("its own output: %v\n%s", err, &out)
		}
		if err := b.WriteCSV(&again); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
			t.Fatalf("wrote %s, then %s, %v", &out, &again, err)
		}
	})
}
