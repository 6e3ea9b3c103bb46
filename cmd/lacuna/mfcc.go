package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest/wav"
	"github.com/lacuna-ml/lacuna/internal/cli"
	"github.com/lacuna-ml/lacuna/mfcc"
)

// clipLimit is the most sample memory of one WAV: 1.5 hours of mono at 48 kHz.
const clipLimit = 1 << 30

type mfccCmd struct {
	Files      []string `arg:"" name:"file" help:"WAV files; channels are averaged."`
	Definition string   `short:"d" default:"librosa" help:"One of ${mfccs}."`
	Npy        string   `placeholder:"DIR" help:"Write each as DIR/NAME.npy (float32, coefficients x frames) instead of JSON."`
	FFT        int      `name:"fft" placeholder:"N" help:"Points of the transform, a power of two."`
	Hop        int      `placeholder:"N" help:"Samples from frame to frame."`
	Mels       int      `placeholder:"N" help:"Mel bands."`
	Coefs      int      `placeholder:"N" help:"Coefficients kept."`
	Rate       int      `placeholder:"HZ" help:"Sampling rate to reckon with; the file's own unless given (smil reckons with 8000)."`
}

func (mfccCmd) Help() string {
	return `Examples:
  lacuna mfcc 7_theo_3.wav
      a line of JSON: definition, shape, values by coefficient
  lacuna mfcc -d dense20 --npy features recordings/*.wav
      features/7_theo_3.npy and so on

` + cli.ExitStatus
}

type mfccInfo struct {
	File       string      `json:"file"`
	Definition string      `json:"definition"`
	RateHz     int         `json:"rate_hz"`
	Shape      []int       `json:"shape"` // coefficients, frames
	MFCC       [][]float32 `json:"mfcc"`
}

func (c *mfccCmd) Run(a *app) error {
	written := map[string]string{}
	for _, file := range c.Files {
		if a.ctx.Err() != nil {
			return context.Cause(a.ctx)
		}
		info, flat, err := c.one(file)
		if err != nil {
			return err
		}
		if c.Npy == "" {
			if err := writeLine(a.stdout, info); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(c.Npy, 0o755); err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)) + ".npy"
		if first, ok := written[name]; ok {
			return cli.Usagef("%s and %s would both be %s: write them to two folders", first, file, name)
		}
		written[name] = file
		if err := writeNpy(filepath.Join(c.Npy, name), info.Shape, flat); err != nil {
			return err
		}
	}
	if c.Npy != "" {
		fmt.Fprintf(a.stderr, "wrote %s to %s\n", plural(len(c.Files), "file"), c.Npy)
	}
	return nil
}

func (c *mfccCmd) one(file string) (*mfccInfo, []float32, error) {
	if err := regular(file); err != nil {
		return nil, nil, err
	}
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	clip, err := wav.Decode(f, clipLimit)
	if err != nil {
		return nil, nil, corrupt(file, err)
	}
	cfg, err := mfcc.Lookup(c.Definition)
	if err != nil {
		return nil, nil, cli.Usagef("%w", err)
	}
	cfg.FFT, cfg.Hop, cfg.Mels, cfg.Coefs, cfg.RateHz = c.FFT, c.Hop, c.Mels, c.Coefs, c.Rate
	if cfg.RateHz == 0 && c.Definition != mfcc.SMIL && c.Definition != mfcc.SMILConstant {
		cfg.RateHz = clip.Header.RateHz
	}
	ex, err := mfcc.New(cfg)
	if err != nil {
		return nil, nil, cli.Usagef("%s: %w", file, err)
	}
	flat := ex.Append(nil, clip.Mono())
	coefs := ex.Config().Coefs
	frames := len(flat) / coefs
	info := &mfccInfo{file, ex.Config().ID(), clip.Header.RateHz, []int{coefs, frames}, nil}
	for i := range coefs {
		info.MFCC = append(info.MFCC, append([]float32{}, flat[i*frames:(i+1)*frames]...))
	}
	return info, flat, nil
}
