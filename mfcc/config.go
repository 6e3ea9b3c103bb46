package mfcc

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// The names of the definitions, as [Lookup] takes them.
const (
	SMIL         = "smil"
	SMILConstant = "smil-constant"
	Librosa      = "librosa"
	Dense20      = "dense20"
	Kaldi        = "kaldi"
)

// Padding says what stands before and after the signal where frames are
// centred on their sample.
type Padding string

// The paddings. NoPadding means that frames are not centred: the first starts
// at the first sample, and only whole frames count.
const (
	Constant  Padding = "constant" // zeros, as librosa >= 0.10
	Reflect   Padding = "reflect"  // numpy's, bouncing as often as it takes, as librosa 0.7
	NoPadding Padding = "none"
)

// Config is a definition by name and what of it is changed. In every field but
// Name the zero value stands for the definition's own; -1 says "none" in the
// two where 0 could be meant. The definitions themselves are in the package's
// documentation.
type Config struct {
	Name    string
	RateHz  int     // of the signals; librosa 22050, kaldi 16000, else 8000
	FFT     int     // points of the transform, a power of two, 32 to 32768
	Window  int     // samples a frame, at most FFT; librosa centres it in FFT, kaldi puts it first
	Hop     int     // samples from frame to frame; not for dense20
	Mels    int     // mel bands, at most 1024
	Coefs   int     // cepstral coefficients kept, at most Mels
	LowHz   float64 // lower edge of the first mel band; -1 for 0 Hz
	HighHz  float64 // upper edge of the last, at most RateHz/2
	Padding Padding // librosa and smil only
	// Frames is the fixed number of columns: fewer are padded on the right with
	// zeros, more are cut. -1 for as many as the signal has. dense20 spreads
	// this many over the signal.
	Frames int
}

// Lookup returns the definition of that name, unchanged.
func Lookup(name string) (Config, error) {
	if _, ok := recipeOf(name); !ok {
		return Config{}, fmt.Errorf("mfcc: no definition %q: there are %s", name, strings.Join(Names(), ", "))
	}
	return Config{Name: name}, nil
}

// Names returns the names of the definitions, sorted.
func Names() []string { return []string{Dense20, Kaldi, Librosa, SMIL, SMILConstant} }

// recipe is the part of a definition that is not a parameter.
type recipe struct {
	version int
	stride  int  // every stride-th sample is kept, without a filter
	spread  bool // peak-normalised, frames spread evenly over the signal
	kaldi   bool // Kaldi's frames: int16 scale, no DC, pre-emphasis, Povey window, energy, lifter
	slaney  bool // Slaney's mel scale and area norm; else HTK's
	db      bool // decibels, at most topDB below the loudest band; else natural log
	config  Config
}

func recipeOf(name string) (recipe, bool) {
	librosa := Config{Name: name, FFT: 2048, Hop: 512, Mels: 128, Coefs: 20}
	switch name {
	case Librosa:
		c := librosa
		c.RateHz, c.Padding = 22050, Constant
		return recipe{version: 1, stride: 1, slaney: true, db: true, config: c}, true
	case SMIL, SMILConstant:
		c := librosa
		c.RateHz, c.Padding, c.Frames = 8000, Reflect, 20
		if name == SMILConstant {
			c.Padding = Constant
		}
		return recipe{version: 1, stride: 3, slaney: true, db: true, config: c}, true
	case Dense20:
		c := Config{Name: name, RateHz: 8000, FFT: 512, Mels: 40, Coefs: 20, LowHz: 50, HighHz: 4000, Padding: NoPadding, Frames: 20}
		return recipe{version: 1, stride: 1, spread: true, config: c}, true
	case Kaldi:
		c := Config{Name: name, RateHz: 16000, Mels: 23, Coefs: 13, LowHz: 20, Padding: NoPadding}
		return recipe{version: 1, stride: 1, kaldi: true, config: c}, true
	}
	return recipe{}, false
}

// Resolve returns the configuration with every zero field filled in from its
// definition, or an error that says which field can't be. In what it returns,
// Frames is -1 where the number of columns follows the signal, and LowHz is -1
// where 0 Hz is not the definition's own.
func (c Config) Resolve() (Config, error) {
	r, ok := recipeOf(c.Name)
	if !ok {
		_, err := Lookup(c.Name)
		return Config{}, err
	}
	c = c.fill(r)
	return c, c.validate(r)
}

func (c Config) fill(r recipe) Config {
	d := r.config
	orInt := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	orInt(&c.RateHz, d.RateHz)
	if r.kaldi { // 25 ms every 10 ms, and the next power of two
		orInt(&c.Window, int(int64(c.RateHz)*25/1000))
		orInt(&c.Hop, int(int64(c.RateHz)*10/1000))
		orInt(&c.FFT, max(32, 1<<bits.Len(uint(max(c.Window, 1)-1))))
	}
	orInt(&c.FFT, d.FFT)
	orInt(&c.Window, c.FFT)
	orInt(&c.Hop, d.Hop)
	orInt(&c.Mels, d.Mels)
	orInt(&c.Coefs, d.Coefs)
	orInt(&c.Frames, d.Frames)
	if c.Frames == 0 {
		c.Frames = -1
	}
	if c.LowHz == 0 || c.LowHz == -1 && d.LowHz == 0 {
		c.LowHz = d.LowHz
	}
	if c.HighHz == 0 {
		c.HighHz = d.HighHz
	}
	if c.HighHz == 0 {
		c.HighHz = float64(c.RateHz) / 2
	}
	if c.Padding == "" {
		c.Padding = d.Padding
	}
	return c
}

// Bounds of a configuration: far beyond use, and small enough that no table or
// buffer of an Extractor is large before a signal is seen.
const (
	minFFT, maxFFT = 32, 1 << 15
	maxRateHz      = 10_000_000
	maxMels        = 1024
	maxHop         = 1 << 24
	maxFrames      = 1 << 16
)

func (c Config) validate(r recipe) error {
	bad := func(field string, got any, want string) error {
		return fmt.Errorf("mfcc: %s: %s %v: want %s", c.Name, field, got, want)
	}
	switch {
	case c.RateHz < 1 || c.RateHz > maxRateHz:
		return bad("RateHz", c.RateHz, fmt.Sprintf("1 to %d", maxRateHz))
	case c.FFT < minFFT || c.FFT > maxFFT || c.FFT&(c.FFT-1) != 0:
		return bad("FFT", c.FFT, fmt.Sprintf("a power of two, %d to %d", minFFT, maxFFT))
	case c.Window < 2 || c.Window > c.FFT:
		return bad("Window", c.Window, fmt.Sprintf("2 to FFT, %d", c.FFT))
	case r.spread && c.Hop != 0:
		return bad("Hop", c.Hop, "none: Frames are spread evenly over the signal")
	case !r.spread && (c.Hop < 1 || c.Hop > maxHop):
		return bad("Hop", c.Hop, fmt.Sprintf("1 to %d", maxHop))
	case c.Mels < 1 || c.Mels > maxMels:
		return bad("Mels", c.Mels, fmt.Sprintf("1 to %d", maxMels))
	case c.Coefs < 1 || c.Coefs > c.Mels:
		return bad("Coefs", c.Coefs, fmt.Sprintf("1 to Mels, %d", c.Mels))
	case !(c.HighHz > 0 && c.HighHz <= float64(c.RateHz)/2):
		return bad("HighHz", c.HighHz, fmt.Sprintf("above 0, at most half of RateHz, %g", float64(c.RateHz)/2))
	case c.LowHz != -1 && !(c.LowHz >= 0 && c.LowHz < c.HighHz):
		return bad("LowHz", c.LowHz, fmt.Sprintf("-1 for none, else above 0 and below HighHz, %g", c.HighHz))
	case c.Frames < -1 || c.Frames > maxFrames || r.spread && c.Frames < 1:
		return bad("Frames", c.Frames, fmt.Sprintf("1 to %d, or -1 where frames follow the signal", maxFrames))
	}
	if r.spread || r.kaldi {
		if c.Padding != NoPadding {
			return bad("Padding", c.Padding, string(NoPadding))
		}
		return nil
	}
	switch c.Padding {
	case Constant, Reflect, NoPadding:
		return nil
	}
	return bad("Padding", c.Padding, "constant, reflect or none")
}

// ID returns the versioned id of the definition with every parameter that is
// changed: "librosa/1", "librosa/1:rate=8000,n_fft=512". Two configurations
// with the same id give the same values. The number grows when the same
// parameters come to mean other values.
func (c Config) ID() string {
	r, ok := recipeOf(c.Name)
	if !ok {
		return c.Name + "/0"
	}
	// What follows from the rate (Kaldi's window, HighHz) is no change.
	plain := Config{Name: c.Name, RateHz: c.RateHz}.fill(r)
	c = c.fill(r)
	var diff []string
	add := func(key string, changed bool, value string) {
		if changed {
			diff = append(diff, key+"="+value)
		}
	}
	num := func(key string, v, was int) { add(key, v != was, strconv.Itoa(v)) }
	real := func(key string, v, was float64) {
		add(key, math.Float64bits(v) != math.Float64bits(was), strconv.FormatFloat(v, 'g', -1, 64))
	}
	num("rate", c.RateHz, r.config.RateHz)
	num("n_fft", c.FFT, plain.FFT)
	if r.kaldi {
		num("win", c.Window, plain.Window)
	} else {
		num("win", c.Window, c.FFT)
	}
	num("hop", c.Hop, plain.Hop)
	num("mels", c.Mels, plain.Mels)
	num("coefs", c.Coefs, plain.Coefs)
	real("fmin", max(c.LowHz, 0), plain.LowHz)
	real("fmax", c.HighHz, plain.HighHz)
	add("pad", c.Padding != plain.Padding, string(c.Padding))
	num("frames", c.Frames, plain.Frames)
	id := fmt.Sprintf("%s/%d", c.Name, r.version)
	if len(diff) > 0 {
		id += ":" + strings.Join(diff, ",")
	}
	return id
}
