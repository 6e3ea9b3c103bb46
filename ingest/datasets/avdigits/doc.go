// Package avdigits is Audiovision-MNIST: spoken digits of the Free Spoken Digit
// Dataset (FSDD), each paired with a written one of MNIST.
//
// # Files
//
// The input audio is a folder with <digit>_<speaker>_<index>.wav, itself or in
// folders down to four levels below. The input images is a folder with MNIST's
// IDX files, likewise: train-images-idx3-ubyte and so on, with a dot for the
// dash before idx, with .gz or without, and with a word of one's own after train
// or t10k (t10k-first6000-images-idx3-ubyte.gz), which counts only where the
// plain name isn't there. Names may be in upper or lower case: 0_JACKSON_0.WAV is
// the clip 0_jackson_0. The same name in two folders is an error, since
// nothing tells MNIST from a set that borrowed its names. Files may be symbolic
// links; linked folders are not followed. A name of a clip that is a folder, a
// pipe or a link to nothing is a clip that can't be read, never an absent one.
//
// # Subjects
//
// A subject is a pair, named as its clip: 7_theo_12. Its group is itself, its
// stratum digit and speaker (7/theo), its domain the speaker. The option pairing
// says which pairs there are:
//
//   - paper: the 1,500 of SMIL (Ma et al. 2021, src/dataset/soundmnist.py):
//     speakers jackson, nicolas and theo, clips 0 to 49 of each digit. Clips 0
//     to 14 are test, 15 to 49 are train; of these, 15 to 19 are val, which SMIL
//     doesn't have: 900, 150 and 450 pairs. Images are taken as if each were a
//     file <index>.png in its digit's folder and sorted as text (1, 1000, 10005,
//     10010...): for train the first 105 of each digit of MNIST's train set, for
//     test the last 45 of each digit of its test set. Pair k of a digit is clip
//     k and image k; train clips are ordered by speaker, then index; test clips
//     as text (0, 1, 10, ..., 14, 2, ...). Clips of other speakers are no part of
//     it; clips with an index above 49 neither, which a warning says.
//   - full: every clip there is, of all speakers, each with an image of MNIST's
//     train set of its own. Clips are placed in order of index, then speaker:
//     each starts at the place in its digit's images that the SHA-256 of its
//     name points to, and takes the first that is free from there on. So more
//     takes move no pair, and more speakers move only those pairs whose image
//     they take first. The order of the folder or its path have no part in it.
//     It has no official splits.
//
// # What is absent, odd or broken
//
// A pair of paper whose clip isn't there stays, without audio: its bit in the
// mask is cleared and a warning says so. Likewise without image where there are
// too few images of its digit, or no MNIST test set. Where an MNIST file holds
// another number of images than MNIST's (say the first 6,000 of the test set),
// first and last are taken of those there, and each pair concerned has a warning
// that its image isn't the published one.
//
// A broken WAV or IDX file, an IDX file of images whose labels are there without
// it, a clip without samples or with a value that isn't finite, and images that
// are not 28 x 28 are an error of each subject that needs the file. Broken labels
// are an error of the listing, since they say which pairs there are. Warnings:
// more than one channel (averaged), a rate other than 8,000 Hz (not resampled:
// Sample.RateHz has it; features are made at 8,000 Hz only), values beyond -1 to 1 (clipped), a silent clip, a blank
// image.
package avdigits
