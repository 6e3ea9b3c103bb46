package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// header is the JSON. Package encoding/json would take the last of two equal
// keys, and keys in other case: so it is read token by token.
type header struct {
	metadata map[string]string
	entries  []entry
}

type entry struct {
	at         int64 // of its name in the file
	name       string
	dtype      string
	shape      []int
	begin, end int64 // from the end of the header
}

type parser struct{ d *json.Decoder }

func parse(text []byte) (*header, error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, &FormatError{8, "", "the header does not begin with {: not a safetensors file"}
	}
	if !utf8.Valid(text) { // which package json would mend
		return nil, &FormatError{8, "", "the header is no UTF-8"}
	}
	p := parser{json.NewDecoder(bytes.NewReader(text))}
	p.d.UseNumber()
	h := &header{metadata: map[string]string{}}
	err := p.object(func(name string) error {
		if name == metadata {
			return p.object(func(key string) (err error) {
				h.metadata[key], err = p.text()
				return err
			})
		}
		e := entry{at: 8 + p.d.InputOffset(), name: name}
		err := p.entry(&e)
		h.entries = append(h.entries, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := p.d.Token(); !errors.Is(err, io.EOF) {
		return nil, p.fail("something follows the header's object")
	}
	return h, nil
}

// entry reads what the header says of an array.
func (p parser) entry(e *entry) error {
	var offsets []int
	seen := 0
	err := p.object(func(key string) (err error) {
		seen++
		switch key {
		case "dtype":
			e.dtype, err = p.text()
		case "shape":
			e.shape, err = p.sizes()
		case "data_offsets":
			offsets, err = p.sizes()
		default:
			err = p.fail("an unknown key %q", key)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case seen != 3 || len(offsets) != 2:
		return &FormatError{e.at, e.name, "want a dtype, a shape, and the two data_offsets"}
	case others[e.dtype]:
		return UnsupportedError(fmt.Sprintf("%q holds values of type %s", e.name, e.dtype))
	case width[e.dtype] == 0:
		return &FormatError{e.at, e.name, fmt.Sprintf("an unknown dtype %q", e.dtype)}
	}
	e.begin, e.end = int64(offsets[0]), int64(offsets[1])
	return nil
}

// object calls f on every key of an object; f reads the value.
func (p parser) object(f func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.d.More() {
		key, err := p.text()
		if err == nil && seen[key] {
			err = p.fail("the key %q a second time", key)
		}
		if err != nil {
			return err
		}
		seen[key] = true
		if err := f(key); err != nil {
			return err
		}
	}
	return p.delim('}')
}

// sizes reads a list of numbers, each 0 or more and whole.
func (p parser) sizes() ([]int, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	list := []int{}
	for p.d.More() {
		tok, err := p.token()
		if err != nil {
			return nil, err
		}
		number, _ := tok.(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, strconv.IntSize-1)
		if err != nil {
			return nil, p.fail("%v, want a size", tok)
		}
		list = append(list, int(n))
	}
	return list, p.delim(']')
}

func (p parser) text() (string, error) {
	tok, err := p.token()
	if err != nil {
		return "", err
	}
	s, ok := tok.(string)
	if !ok {
		return "", p.fail("%v, want a string", tok)
	}
	return s, nil
}

func (p parser) delim(want json.Delim) error {
	tok, err := p.token()
	if err == nil && tok != want {
		err = p.fail("%v, want %v", tok, want)
	}
	return err
}

func (p parser) token() (json.Token, error) {
	tok, err := p.d.Token()
	if err != nil {
		return nil, p.fail("the header is no JSON: %v", err)
	}
	return tok, nil
}

func (p parser) fail(format string, args ...any) error {
	return &FormatError{8 + p.d.InputOffset(), "", fmt.Sprintf(format, args...)}
}
