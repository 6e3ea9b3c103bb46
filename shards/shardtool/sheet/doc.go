// Package sheet draws an [ingest.Sample] as one picture for people: a column a
// modality, its name above it, the sample's key and class on top.
//
//   - A volume gets three rows: the axial, coronal and sagittal planes through
//     the centre of mass of its label map, or through its middle without one.
//     The label map is laid over them: a light fill and a full outline a class,
//     with a legend.
//   - An image (H x W, all values 0 to 1) is enlarged, its pixels kept square.
//   - Any other H x W array is a map of features (MFCCs): coefficients upwards,
//     frames to the right, with axes and a colour bar.
//   - A waveform is drawn as its envelope.
//   - An absent modality is a hatched tile that says so; it is never black, for
//     black is what an empty patch looks like.
//
// Planes follow the radiological convention wherever the affine tells the
// axes: one looks at the patient from the feet and from the front, so that the
// patient's right is on the left of the picture, anterior is up in axial
// planes, superior is up in the others, and in sagittal planes the patient faces
// the left of the picture. Letters at the edges (R, L, A, P, S, I) say so; without
// an affine there are none and the axes are drawn as they are stored, the
// first upwards.
//
// Each volume is shown from its 1st percentile (black) to its 99th (white). The
// background counts for neither and is black, whatever number a normalisation
// has made of it: [ingest.Sample.Background] where the sample knows it, else
// one value, not the greatest, that more than a twentieth of the voxels share
// and that lies together.
package sheet
