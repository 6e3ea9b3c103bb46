package datasets_test

import (
	"context"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/datasets"
	"github.com/lacuna-ml/lacuna/ingest/modality"
)

// fake is a source of named subjects, whose samples say where they came from.
type fake struct {
	where string
	names []string
}

func (f fake) Modalities() modality.Set { return modality.MustSet("x") }

func (f fake) Subjects(context.Context) iter.Seq2[ingest.Subject, error] {
	return func(yield func(ingest.Subject, error) bool) {
		for _, n := range f.names {
			if !yield(ingest.Subject{Key: ingest.Key{Dataset: "fake", Subject: n}}, nil) {
				return
			}
		}
	}
}

func (f fake) Load(_ context.Context, s ingest.Subject) (*ingest.Sample, error) {
	return &ingest.Sample{Key: s.Key, Sources: []ingest.File{{Path: f.where}}}, nil
}

// packing is a source that can leave volumes packed.
type packing struct{ fake }

func (p packing) LoadPacked(ctx context.Context, s ingest.Subject) (*ingest.Packed, error) {
	out, err := p.Load(ctx, s)
	out.Sources[0].Path += " packed"
	return &ingest.Packed{Sample: out}, err
}

func TestJoinIsPackedWhereAllSourcesAre(t *testing.T) {
	plain, a, b := fake{"a", []string{"1"}}, packing{fake{"a", []string{"1"}}}, packing{fake{"b", []string{"2"}}}
	if _, ok := datasets.Join(plain, b).(ingest.PackedSource); ok {
		t.Error("one of two can pack, and the join says that it can")
	}
	j := datasets.Join(a, b)
	var got []string
	for s, err := range j.Subjects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		p, err := j.(ingest.PackedSource).LoadPacked(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Sample.Sources[0].Path)
	}
	if want := []string{"a packed", "b packed"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := j.(ingest.PackedSource).LoadPacked(t.Context(), ingest.Subject{}); err == nil {
		t.Error("a subject that nobody listed was loaded")
	}
}

func TestJoin(t *testing.T) {
	j := datasets.Join(fake{"a", []string{"1", "2"}}, fake{"b", []string{"3"}})
	var got []string
	for s, err := range j.Subjects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		sample, err := j.Load(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s.Key.Subject+sample.Sources[0].Path)
	}
	if want := []string{"1a", "2a", "3b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := j.Load(t.Context(), ingest.Subject{Key: ingest.Key{Subject: "4"}}); err == nil {
		t.Error("a subject that nobody listed was loaded")
	}
}

func TestJoinRefusesASubjectTwice(t *testing.T) {
	j := datasets.Join(fake{"a", []string{"1", "2"}}, fake{"b", []string{"2"}})
	var last error
	for _, err := range j.Subjects(t.Context()) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "fake/2") {
		t.Errorf("got %v, want an error that names fake/2", last)
	}
}

func valid(name string) datasets.Dataset {
	return datasets.Dataset{
		Name: name, Modalities: modality.MustSet("x"), Kinds: []datasets.Kind{datasets.Image},
		Inputs:  []datasets.Input{{Name: "in"}},
		Options: []datasets.Option{{Name: "colour", Values: []string{"red", "blue"}}, {Name: "note"}},
		Open: func(context.Context, map[string]fs.FS, map[string]string) (ingest.Source, error) {
			return fake{}, nil
		},
	}
}

func TestRegistry(t *testing.T) {
	r, err := datasets.NewRegistry(valid("b"), valid("a"))
	if err != nil {
		t.Fatal(err)
	}
	if all := r.All(); all[0].Name != "a" || all[1].Name != "b" {
		t.Errorf("All is not sorted: %s, %s", all[0].Name, all[1].Name)
	}
	if d, err := r.Lookup("b"); err != nil || d.Name != "b" {
		t.Errorf("Lookup(b) = %s, %v", d.Name, err)
	}
	if _, err := r.Lookup("c"); err == nil || !strings.Contains(err.Error(), "a, b") {
		t.Errorf("Lookup(c): %v, want an error that lists a and b", err)
	}
	noOpen, noKinds := valid("x"), valid("x")
	noOpen.Open, noKinds.Kinds = nil, nil
	for name, ds := range map[string][]datasets.Dataset{
		"twice": {valid("a"), valid("a")}, "no Open": {noOpen}, "kinds do not fit": {noKinds},
	} {
		if _, err := datasets.NewRegistry(ds...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOption(t *testing.T) {
	d := valid("a")
	for _, tc := range []struct {
		opts    map[string]string
		name    string
		want    string
		refused bool
	}{
		{nil, "colour", "red", false},
		{map[string]string{"colour": "blue"}, "colour", "blue", false},
		{map[string]string{"colour": "green"}, "colour", "", true},
		{map[string]string{"note": "any"}, "note", "any", false},
		{nil, "note", "", false},
	} {
		got, err := d.Option(tc.opts, tc.name)
		if got != tc.want || (err != nil) != tc.refused {
			t.Errorf("Option(%v, %s) = %q, %v", tc.opts, tc.name, got, err)
		}
	}
}
