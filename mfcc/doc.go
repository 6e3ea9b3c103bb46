// Package mfcc provides mel-frequency cepstral coefficients by named, versioned
// definitions that agree with the tools they are named after.
//
// A [Config] is a definition by name ([Lookup], [Names]) and what of it is
// changed; its [Config.ID] names both and goes into whatever is made with it.
// An [Extractor] turns one channel of samples into Coefs x Frames values, row
// by coefficient:
//
//	c_k(f) = sum_m D_km log( sum_b W_mb |FFT(w x_f)_b|^2 )
//
// with x_f the samples of frame f, w the window, W the mel bands, D the first
// rows of the orthonormal DCT-II.
//
// # Definitions
//
//   - librosa: librosa.feature.mfcc with its defaults. Frames of 2048 every
//     512, centred on sample 512 f, zeros beyond the ends; periodic Hann; 128
//     bands on Slaney's scale, of equal area; 10 log10 max(power, 1e-10), at
//     most 80 dB below the loudest band of the whole signal; 20 coefficients.
//   - smil: what SMIL and its descendants feed their audio networks
//     (src/utils/wav2mfcc.py, librosa 0.7), bug for bug: every third sample of
//     8 kHz with no filter before, still called 8 kHz; librosa's features, but
//     reflected at the ends as numpy reflects, several times for a short clip;
//     zeros to the right up to 20 columns; columns beyond are cut (SMIL fails
//     there), after the 80 dB of the whole clip.
//   - smil-constant: the same with librosa >= 0.10, which pads by zeros.
//   - dense20: 20 frames of 512 samples spread evenly, the first at the first
//     sample, the last ending with the last; signal divided by its peak;
//     periodic Hann; 40 HTK bands from 50 to 4000 Hz of height 1; ln(power +
//     1e-4); 20 coefficients. A clip below 512 samples is extended by zeros.
//   - kaldi: compute-mfcc-feats with its defaults but no dither: int16 scale,
//     25 ms every 10 ms, whole frames only (snip edges), mean removed, energy
//     taken, pre-emphasis 0.97, Povey window, 23 HTK bands from 20 Hz whose
//     sides are straight in mel, ln max(power, 2^-23), 13 coefficients, lifter
//     22, coefficient 0 replaced by the log energy.
//
// Why dense20: a spoken digit lasts 0.4 s, of which smil makes three columns.
// 86 % of all its columns are padding (measured on 1,800 FSDD clips:
// TestPaddingShare). In a prototype, a network of the same size that heard
// dense20 instead was right 96.6 % of the time where it had been 89 %. Its
// frames follow the length of the clip, so that slow and fast speakers look
// alike; dividing by the peak makes the 1e-4 a fixed floor, 82 dB below a sine
// at full scale; 512 samples are 64 ms, short enough for a stop consonant.
//
// # Parity
//
// Largest absolute difference over 1,800 FSDD clips (8 kHz), and over the
// golden vectors of testdata. Values reach 1e3.
//
//	definition              reference                            clips    goldens  tolerance
//	librosa                 librosa 0.11.0                       1.2e-4   2.4e-4   1e-3
//	librosa, 512/128/40     librosa 0.11.0                       9.2e-5   1.5e-5   1e-3
//	librosa                 torchaudio 2.11.0 transforms.MFCC,   4.6e-4   6.9e-5   1e-3
//	                        Slaney, norm slaney
//	smil                    librosa 0.11.0, pad_mode reflect     9.2e-5   1.7e-5   1e-3
//	smil                    float64 numpy (1,050 clips)          6.1e-5            1e-3
//	smil-constant           librosa 0.11.0                       6.1e-5   1.1e-5   1e-3
//	dense20                 float64 numpy, librosa's HTK bands   1.5e-5   1.6e-5   1e-4
//	kaldi                   torchaudio 2.11.0 compliance.kaldi,  9.2e-4   7.3e-4   1e-3
//	                        use_energy, energy_floor 0, dither 0
//
// Over 5,100 drawn signals (tones of any level, with and without noise, chirps,
// square waves, clicks, a constant; 256 to 4096 points, 20 to 128 bands) librosa
// is within 2.4e-4 of librosa 0.11.0, and half of them within 6.1e-5; but for one
// of the kind told of under Limits, 3.8e-4.
//
// bench/golden_mfcc.py makes the goldens.
//
// # Limits
//
// Up to the power spectrum the arithmetic is float64, as librosa's: the bands
// that count reach 80 dB below the loudest, and what a transform in float32
// rounds off a pure tone at full scale is heard there (up to 2e-2 in a
// coefficient, measured on the same signals). Then it is float32, but for the
// sums of the cosine transform. Kaldi has no 80 dB limit and a float32
// transform, so that the far bands of a pure tone are its rounding noise: there
// is nothing to agree on.
//
// With Reflect, a Hop of at least FFT/2 and a signal of a whole number of hops,
// librosa >= 0.10 errs in the last sample of the last frame, which it reflects
// within that frame; here, as in librosa 0.7, it is reflected in the signal. The
// window is (pi/FFT)^2 there.
//
// An empty signal has no frames: zeros where the number of columns is fixed,
// but for dense20, which takes it for silence. A signal shorter than a frame
// has none where frames are not centred. Samples that are not finite count as
// 0; signals above 2^24 are scaled by a power of two and the logarithms moved
// back, so that whatever is finite gives finite values.
//
// # Speed and reproducibility
//
// Eight frames are worked on at once, one a lane of a register. Each kernel is
// a plain loop in kernels.go, and beside it assembly (AVX2 with FMA, AVX-512)
// with the same operations in the same order, fused where the loop says
// math.FMA and nowhere else; tests hold them equal to the bit. So features do
// not depend on the machine, but for tables of sines and logarithms, whose last
// bit is the math package's. The build tag purego leaves the assembly out.
// Where the processor can't fuse (386, wasm), math.FMA is software, and slow.
//
// bench/mfcc_peers.py measures it beside librosa and torchaudio. On one core
// with AVX-512, 60 s at 16 kHz take 2.0 ms: 10.4 times as fast as librosa and
// 9.7 times as torchaudio; clips of half a second are 86 and 11 times as fast.
// With AVX2 alone the time is twice that.
package mfcc
