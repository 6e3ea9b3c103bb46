// Package wav decodes and encodes RIFF/WAVE sound.
//
// [Decode] reads a whole clip, [DecodeHeader] stops before the first sample,
// [Encode] writes 16-bit PCM. A decoder reads a stream once, front to back, and
// allocates by the bytes that really come, never by what a header claims.
//
// # Samples
//
// A sample is the float32 nearest to this float64 value, nominally -1 to 1:
//
//   - 8-bit PCM (and less than 8 bits): (u - 128) / 128, u unsigned.
//   - PCM of more bits: v / 2^(8n-1), v the signed value of the container of n
//     bytes. Fewer valid bits than the container has (24 in 32, 12 in 16, 20 in
//     24) are the upper ones, so the container's value is taken as it is.
//   - IEEE float of 32 and 64 bits: as stored; beyond -1 to 1 is allowed.
//   - A-law and mu-law (ITU-T G.711): the 16-bit linear value / 32768.
//
// # What is read
//
// PCM of 1 to 64 bits, float, A-law and mu-law, plain or WAVE_FORMAT_EXTENSIBLE,
// 1 to [MaxChannels] channels, up to [MaxRateHz]; RIFF, RIFX (big-endian), RF64
// and BW64 (64-bit sizes in a ds64 chunk). Chunks that are not needed are
// skipped wherever they stand, with the pad byte after an odd length, which may
// be missing at the end of the file and may be counted in the length of the
// data. The RIFF size and the byte rate are ignored: both are often wrong and
// say nothing that the chunks do not.
//
// A program that writes to a pipe can't know a length. The data then run to the
// end of the stream: where the data size is 0xFFFFFFFF (ffmpeg) or the greatest
// multiple of a frame within 0x7FFFF000 (sox), or where it is 0 in a file
// whose RIFF size is 0 or 0xFFFFFFFF too (a recorder that was stopped before
// it came back to its header). A data size of 0 in any other file is a clip of
// no frames.
//
// # What is refused
//
// Broken input is a [*FormatError] that says where and what; a file that is well
// made but not for this package (ADPCM, GSM, MP3, 16-bit float) is an
// [UnsupportedError]; a clip beyond the caller's limit is [ErrLimit]. Refused as
// broken, though some programs read them somehow:
//
//   - data cut short or ending inside a frame: what is there may be any part of
//     the sound;
//   - a NaN, an infinity, or a magnitude above [MaxAmplitude]: one such sample
//     makes every feature computed from the clip worthless;
//   - a block alignment or a number of valid bits that contradicts the bits and
//     channels; a second fmt chunk; a second data chunk; data before fmt; RF64
//     without ds64.
package wav
