// What the convolutions of both shapes share. Inside them a convolution goes
// from a source to a destination, the forward one from x to y, the gradient to
// the data from dy to dx. Each tap of the kernel takes a voxel of the source to
// one of the destination, through 16 x 16 weights of a block of the source
// (rows) and one of the destination (columns):
//
//	dst[n][to][q] = bias[to] + sum over from, k of src[n][from][at(q, k)] w[to][from][k]
//
// D, H, W are x, y, z of an int4.

#define TILE (LANES * LANES) // weights of a tap

// An axis of a convolution: tap k takes voxel j step + offset(k) of the source
// to voxel phase + j phases of the destination. The forward pass has one phase;
// the gradient to the data of a convolution of stride s has s of them, and only
// every s-th tap, or none, for each.
//
// tap_at returns the offset, or NONE where the tap does not meet the phase.
#define NONE INT_MIN
static int tap_at(int k, int phase, int phases, int pad, int dilation, int back) {
	if (!back) return k * dilation - pad;
	int at = phase + pad - k * dilation;
	return at % phases == 0 ? at / phases : NONE;
}

// within reports whether a volume of the size has voxel v.
static int within(int4 v, int4 size) {
	return v.x >= 0 && v.x < size.x && v.y >= 0 && v.y < size.y && v.z >= 0 && v.z < size.z;
}
