package datasettest

import (
	"context"

	"github.com/lacuna-ml/lacuna/ingest"
)

// packed compares LoadPacked of a source that has it with Load.
func (k *kit) packed(ctx context.Context, s ingest.Subject, whole *ingest.Sample) {
	src, ok := k.src.(ingest.PackedSource)
	if !ok || whole.Check(k.d.Modalities) != nil {
		return
	}
	p, err := src.LoadPacked(ctx, s)
	if err == nil {
		err = p.Check(k.d.Modalities)
	}
	if err != nil {
		k.errorf("%s: LoadPacked: %w", s.Key, err)
		return
	}
	got := p.Unpack()
	p.Release()
	// Another subject in the memory that was given back must not show.
	if next, err := src.LoadPacked(ctx, k.subjects[0]); err == nil {
		next.Release()
	}
	if digest(got) != digest(whole) {
		k.errorf("%s: unpacked it differs from what Load gives", s.Key)
	}
}
