// Package phantom makes data sets from a seed: BraTS-like cases ([WriteBraTS])
// and spoken and drawn digits ([WriteDigits]), as files on disk in the layouts
// of the real ones. So the whole path from files is exercised on a machine that
// has no data.
//
// # Brains
//
// Each case is a head of adult size: cortex with folds, white matter, deep grey,
// ventricles, cerebellum, a coat of fluid, and outside of it air that is exactly
// 0, as after skull stripping. In it grows a tumour whose regions show where
// they really do: oedema in FLAIR and T2, the core dark in T1, the enhancing rim
// in T1ce and nowhere else. The rim is of random thickness and broken at random,
// in low grades thin and in pieces; one patient in ten, of a low grade, has a
// nodule alone. Vessels (T1ce), the rims of the ventricles and white matter spots
// (FLAIR) are there to be taken for tumour. Each scan has its own contrasts,
// gains, smooth bias field and noise. Labels are those of BraTS 2018: 1 core,
// 2 oedema, 4 enhancing.
//
// # Digits
//
// A clip is the word's sounds as a chain of formants, excited by pulses and
// noise, with a speaker's pitch, vocal tract and accent, and each take's own
// pace and room. An image is the digit's strokes with a hand's slant, width and
// pen.
//
// # What is promised
//
// The same options give the same bytes on the same architecture (others may
// fuse multiplications and additions, and round otherwise). Everything is drawn
// from the seed and its own name, so a higher count adds files and changes none
// of those before; for drawn digits, whose files hold all of them, none of the
// images before.
//
// The phantoms are for tests and first steps. No figure measured on them says
// anything about patients.
package phantom
