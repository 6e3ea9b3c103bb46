package phantom

import (
	"math"
	"math/rand/v2"
)

// rateHz is the sampling rate of the clips, as in the Free Spoken Digit
// Dataset.
const rateHz = 8000

// sound is a stretch of a word: where its formants end up, in Hz, what excites
// them, and its share of the word's length.
type sound struct {
	f1, f2, f3 float64
	voice      float64 // loudness of the glottis, 0 to 1
	hiss       float64 // loudness of noise made at the constriction
	hissHz     float64 // its middle
	share      float64
}

// The sounds of the ten English digits. Formants are those of the textbooks'
// adult male; what lies above 4 kHz is not in the band.
var (
	soundZ   = sound{280, 1650, 2500, 0.35, 0.35, 3500, 0.7}
	soundIR  = sound{430, 1950, 2450, 0.9, 0, 0, 0.8}
	soundR   = sound{400, 1200, 1600, 0.8, 0, 0, 0.5}
	soundOW  = sound{480, 880, 2400, 1, 0, 0, 1.2}
	soundW   = sound{300, 650, 2200, 0.7, 0, 0, 0.6}
	soundUH  = sound{640, 1190, 2390, 1, 0, 0, 1.1}
	soundN   = sound{270, 1300, 2300, 0.45, 0, 0, 0.8}
	soundHsh = sound{400, 1700, 2600, 0, 0, 0, 0.35} // the closure of a stop
	soundT   = sound{350, 1750, 2600, 0, 0.6, 3200, 0.3}
	soundUW  = sound{310, 900, 2250, 1, 0, 0, 1.6}
	soundTH  = sound{300, 1400, 2500, 0, 0.16, 2600, 0.6}
	soundIY  = sound{280, 2250, 2950, 1, 0, 0, 1.5}
	soundF   = sound{320, 1100, 2200, 0, 0.18, 1900, 0.8}
	soundAO  = sound{570, 840, 2410, 1, 0, 0, 1.2}
	soundER  = sound{470, 1250, 1650, 0.9, 0, 0, 0.8}
	soundAA  = sound{730, 1150, 2440, 1, 0, 0, 1}
	soundIH  = sound{390, 1990, 2550, 0.9, 0, 0, 0.7}
	soundV   = sound{300, 1100, 2200, 0.4, 0.1, 2000, 0.5}
	soundS   = sound{320, 1650, 2600, 0, 0.55, 3650, 0.8}
	soundK   = sound{350, 1900, 2500, 0, 0.45, 2200, 0.25}
	soundEH  = sound{530, 1840, 2480, 1, 0, 0, 0.9}
	soundEY  = sound{480, 2000, 2600, 1, 0, 0, 0.9}
)

// words are the digits' sounds in order.
var words = [10][]sound{
	{soundZ, soundIR, soundR, soundOW},
	{soundW, soundUH, soundN},
	{soundT, soundUW, soundUW},
	{soundTH, soundR, soundIY},
	{soundF, soundAO, soundER},
	{soundF, soundAA, soundIH, soundV},
	{soundS, soundIH, soundHsh, soundK, soundS},
	{soundS, soundEH, soundV, soundUH, soundN},
	{soundEY, soundIH, soundHsh, soundT},
	{soundN, soundAA, soundIH, soundN},
}

// voice is one speaker: pitch, length of the vocal tract, and habits.
type voice struct {
	pitchHz float64
	tract   float64 // formants over the standard ones
	breath  float64
	accent  [10][8][2]float64 // F1 and F2 of each sound of each word, over the standard ones
	pace    float64
}

func newVoice(r *rand.Rand) *voice {
	v := &voice{
		pitchHz: 125 * math.Exp(0.2*bell(r)),
		tract:   1 + 0.08*bell(r),
		breath:  between(r, 0.01, 0.05),
		pace:    1 + 0.1*bell(r),
	}
	for d := range v.accent {
		for i := range v.accent[d] {
			v.accent[d][i] = [2]float64{1 + 0.09*bell(r), 1 + 0.09*bell(r)}
		}
	}
	return v
}

// speak returns one take of the digit, 0.3 to 0.6 s long.
func (v *voice) speak(digit int, r *rand.Rand) []int16 {
	seconds := min(max(0.43*v.pace*(1+0.12*bell(r)), 0.3), 0.6)
	n := int(seconds * rateHz)
	track := v.track(digit, n, r)

	var tract [3]resonator
	var tip resonator
	pitch := v.pitchHz * (1 + 0.06*bell(r))
	phase, glottis := 0.0, 0.0
	out := make([]float64, n)
	for i := range out {
		s := &track[i/frame]
		if i%frame == 0 {
			tract[0].tune(s.f1, 70)
			tract[1].tune(s.f2, 100)
			tract[2].tune(s.f3, 160)
			tip.tune(s.hissHz, 600)
		}
		at := float64(i) / float64(n)
		phase += pitch * (1.12 - 0.3*at) * (1 + 0.02*r.NormFloat64()) / rateHz
		pulse := 0.0
		if phase >= 1 {
			phase--
			pulse = 1
		}
		glottis = 0.9*glottis + pulse // the glottal wave falls off with pitch
		noise := r.NormFloat64()
		e := s.voice*(glottis+v.breath*noise) - s.voice*0.12
		y := tract[2].step(tract[1].step(tract[0].step(e)))
		out[i] = y + 0.35*s.hiss*tip.step(noise)
	}
	return v.record(out, r)
}

// frame is how many samples the formants stay for: 5 ms.
const frame = rateHz / 200

// track returns the state of the mouth in each frame of a take of n samples:
// the word's sounds, this take's and this voice's way, run into one another.
func (v *voice) track(digit, n int, r *rand.Rand) []sound {
	word := words[digit]
	mine := make([]sound, len(word))
	var total float64
	for i, s := range word {
		a := v.accent[digit][i]
		s.f1 *= v.tract * a[0] * (1 + 0.07*bell(r))
		s.f2 *= v.tract * a[1] * (1 + 0.07*bell(r))
		s.f3 *= v.tract * (1 + 0.03*bell(r))
		s.hissHz = min(max(s.hissHz*(1+0.08*bell(r)), 800), 3750)
		s.hiss *= math.Exp(0.6 * bell(r))
		s.share *= math.Exp(0.3 * bell(r))
		total += s.share
		mine[i] = s
	}
	bend := math.Exp(0.35 * bell(r)) // hurried at one end, drawled at the other
	attack, decay := between(r, 0.02, 0.12), between(r, 0.05, 0.3)
	frames := make([]sound, (n+frame-1)/frame)
	i, until := 0, mine[0].share/total
	now := mine[0]
	for f := range frames {
		at := (float64(f) + 0.5) / float64(len(frames))
		for math.Pow(at, bend) > until && i < len(mine)-1 {
			i++
			until += mine[i].share / total
		}
		// The mouth takes about 20 ms to get anywhere.
		now.f1, now.f2, now.f3 = mix(now.f1, mine[i].f1, 0.22), mix(now.f2, mine[i].f2, 0.22), mix(now.f3, mine[i].f3, 0.22)
		now.voice, now.hiss = mix(now.voice, mine[i].voice, 0.4), mix(now.hiss, mine[i].hiss, 0.4)
		now.hissHz = mine[i].hissHz
		frames[f] = now
		// Words rise and fade.
		k := min(at/attack, (1-at)/decay, 1)
		frames[f].voice *= k
		frames[f].hiss *= k
	}
	return frames
}

// record scales the sound to a microphone's level, lays room noise under it,
// and returns 16-bit samples.
func (v *voice) record(sound []float64, r *rand.Rand) []int16 {
	// The distance to the microphone colours the sound.
	tilt, last := between(r, -0.6, 0.6), 0.0
	var peak float64
	for i, s := range sound {
		sound[i], last = s+tilt*last, s
		peak = max(peak, math.Abs(sound[i]))
	}
	level := between(r, 0.15, 0.8) * 32767
	floor := level * math.Exp(between(r, -6, -2.5))
	out := make([]int16, len(sound))
	for i, s := range sound {
		x := s/max(peak, 1e-9)*level + floor*r.NormFloat64()
		out[i] = int16(min(max(math.Round(x), -32768), 32767))
	}
	return out
}

// resonator is a two-pole filter of unit gain at 0 Hz (Klatt 1980, equation 2).
type resonator struct{ a, b, c, y1, y2 float64 }

// tune sets the middle and the bandwidth, both in Hz.
func (f *resonator) tune(hz, bandHz float64) {
	f.c = -math.Exp(-2 * math.Pi * bandHz / rateHz)
	f.b = 2 * math.Exp(-math.Pi*bandHz/rateHz) * math.Cos(2*math.Pi*hz/rateHz)
	f.a = 1 - f.b - f.c
}

func (f *resonator) step(x float64) float64 {
	y := f.a*x + f.b*f.y1 + f.c*f.y2
	f.y2, f.y1 = f.y1, y
	return y
}
