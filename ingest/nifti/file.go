package nifti

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ReadFile reads the image that the file name is a part of: .nii or .nii.gz, or
// one half of a pair (.hdr, .hdr.gz, .img or .img.gz), whose other half, either
// compressed or not, stands beside it. Any other name is read as a single file.
// Errors name the file. The limit is as for [Decode].
func ReadFile(fsys fs.FS, name string, limit int64) (*Image, error) {
	hdr, img, pair := halves(name)
	if !pair {
		f, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // only read
		im, err := Decode(f, limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return im, nil
	}
	h, _, err := first(fsys, name, hdr)
	if err != nil {
		return nil, err
	}
	defer h.Close() //nolint:errcheck // only read
	v, vname, err := first(fsys, name, img)
	if err != nil {
		return nil, err
	}
	defer v.Close() //nolint:errcheck // only read
	im, err := DecodePair(h, v, limit)
	if err != nil {
		return nil, fmt.Errorf("%s with %s: %w", name, vname, err)
	}
	return im, nil
}

// halves returns the names that the two halves of a pair may have, likeliest
// first, and whether name is of a pair at all.
func halves(name string) (hdr, img []string, pair bool) {
	base, zipped := strings.CutSuffix(name, ".gz")
	stem, isHdr := strings.CutSuffix(base, ".hdr")
	if !isHdr {
		var isImg bool
		if stem, isImg = strings.CutSuffix(base, ".img"); !isImg {
			return nil, nil, false
		}
	}
	either := func(ext string) []string {
		if zipped {
			return []string{stem + ext + ".gz", stem + ext}
		}
		return []string{stem + ext, stem + ext + ".gz"}
	}
	if isHdr {
		return []string{name}, either(".img"), true
	}
	return either(".hdr"), []string{name}, true
}

// first opens the first of the names that exists.
func first(fsys fs.FS, whole string, names []string) (fs.File, string, error) {
	for _, n := range names {
		f, err := fsys.Open(n)
		if err == nil {
			return f, n, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
	if len(names) == 1 {
		return nil, "", &fs.PathError{Op: "open", Path: names[0], Err: fs.ErrNotExist}
	}
	return nil, "", fmt.Errorf("%s: %w", whole, &FormatError{err: fs.ErrNotExist,
		Msg: fmt.Sprintf("the other half of the pair is missing: neither %s nor %s is there", names[0], names[1])})
}
