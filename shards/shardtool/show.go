package shardtool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/shards"
	"github.com/lacuna-ml/lacuna/shards/shardtool/sheet"
	"github.com/lacuna-ml/lacuna/shards/split"
)

// ShowOptions says what Show draws and where.
type ShowOptions struct {
	Rows
	// Out is a directory, which is made where it is not there, or the name of a
	// .png file when there is one row to draw. "" is the working directory.
	Out       string
	NoOverlay bool // leave label maps out of the pictures
}

// Show draws rows of the data sets at dirs or below as PNG files, one sheet a
// row (see package sheet), and writes the files' paths to w, one a line. In a
// directory the files are named by split and id: train_brats_case_fg-0.png.
func Show(ctx context.Context, w io.Writer, dirs []string, o ShowOptions) error {
	if strings.EqualFold(filepath.Ext(o.Out), ".png") {
		return showOne(ctx, w, dirs, o)
	}
	if o.Out != "" {
		if err := os.MkdirAll(o.Out, 0o777); err != nil {
			return err
		}
	}
	drawn := map[string]string{} // path: id
	return o.all(ctx, dirs, nil, func(m *shards.Manifest, sp split.Split, s *ingest.Sample) error {
		path := filepath.Join(o.Out, sheetName(sp, s.Key))
		if id, ok := drawn[path]; ok {
			return fmt.Errorf("%s and %s would share the file %s: draw them by --id into two directories", id, s.Key, path)
		}
		drawn[path] = s.Key.String()
		picture, err := encode(m, sp, s, o.NoOverlay)
		if err != nil {
			return err
		}
		return write(w, path, picture)
	})
}

// showOne draws the one row that there must be.
func showOne(ctx context.Context, w io.Writer, dirs []string, o ShowOptions) error {
	var picture []byte
	err := o.all(ctx, dirs, nil, func(m *shards.Manifest, sp split.Split, s *ingest.Sample) (err error) {
		if picture != nil {
			return fmt.Errorf("%s is one file and there is more than one row to draw: give a directory", o.Out)
		}
		picture, err = encode(m, sp, s, o.NoOverlay)
		return err
	})
	if err != nil {
		return err
	}
	if picture == nil {
		return errors.New("no row to draw")
	}
	return write(w, o.Out, picture)
}

// sheetName returns a file name for a row: letters, digits, '-', '.' and '+' of
// its id, '_' for the rest. The split in front keeps it from beginning with a
// dot.
func sheetName(sp split.Split, k ingest.Key) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-.+", r):
			return r
		}
		return '_'
	}, sp.String()+"_"+k.String())
	return name[:min(len(name), 200)] + ".png" // file systems allow 255 bytes
}

func encode(m *shards.Manifest, sp split.Split, s *ingest.Sample, noOverlay bool) ([]byte, error) {
	img, err := sheet.Draw(s, sheet.Options{Modalities: m.Set(), Classes: m.Classes, Note: sp.String(), NoOverlay: noOverlay})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = png.Encode(&b, img)
	return b.Bytes(), err
}

// write makes the file and tells w its path.
func write(w io.Writer, path string, data []byte) error {
	if err := os.WriteFile(path, data, 0o666); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, path)
	return err
}
