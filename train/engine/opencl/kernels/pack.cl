// Weights of convolutions, to and from the order in which conv.cl has them.

// pack writes the weights as [to][from][tap][16][16], zeros where there is no
// channel, and behind them a float for each [to][from] that is not 0 where one of
// its weights is infinite or NaN: those must not meet the zeros that stand for
// padding, of which there are 16 at the end. Channels are to_step and from_step floats apart in w; with flip the
// taps come in the opposite order. Groups are blocks from, blocks to.
KERNEL void pack(global float *packed, global const float *w, int channels_to, int channels_from, int to_step, int from_step, int taps, int flip) {
	SHARED(all);
	int from = GROUP(0) * LANES, to = GROUP(1) * LANES, pair = GROUP(1) * GROUPS(0) + GROUP(0);
	global float *odd = packed + (size_t)GROUPS(0) * GROUPS(1) * taps * TILE;
	packed += (size_t)pair * taps * TILE;
	vec check = 0;
	for (int e = ITEM * V; e < taps * TILE; e += L * V) {
		int k = e / TILE, i = e / LANES % LANES, j = e % LANES;
		vec v = 0;
		if (from + i < channels_from)
			v = of_channels(w + (size_t)(from + i) * from_step + (flip ? taps - 1 - k : k), to_step, to + j, channels_to, 0);
		PASTE(vstore, V)(v, 0, packed + e);
		check += v * 0; // NaN for what is not finite
	}
	float sum = total(group_sum(check, 1, all));
	if (ITEM > 0) return;
	odd[pair] = sum != 0;
	if (pair == 0)
		for (int i = 0; i < LANES; i++) odd[GROUPS(0) * GROUPS(1) + i] = 0;
}

// unpack_grad adds the parts of a gradient to the weights and writes it plain. A
// part is [block of columns][block of rows][tap][row][column]; rows are channels of
// x and columns those of y, or the other way. Channels are row_step and
// column_step floats apart in dw. Groups are taps, blocks of rows, blocks of columns.
KERNEL void unpack_grad(global float *dw, global const float *parts, int count, int rows, int columns, int row_step, int column_step) {
	int k = GROUP(0), taps = GROUPS(0), row = GROUP(1) * LANES, column = GROUP(2) * LANES;
	size_t size = (size_t)GROUPS(2) * GROUPS(1) * taps * TILE;
	parts += (size_t)((GROUP(2) * GROUPS(1) + GROUP(1)) * taps + k) * TILE;
	// An item has SUMS vectors, L of them apart.
#define SUMS ((TILE + L * V - 1) / (L * V))
	vec sum[SUMS];
	for (int s = 0; s < SUMS; s++) sum[s] = 0;
	for (int p = 0; p < count; p++)
		for (int s = 0; s < SUMS; s++) {
			int e = (s * L + ITEM) * V;
			if (e / LANES < rows - row && e < TILE) sum[s] += PASTE(vload, V)(0, parts + p * size + e);
		}
	for (int s = 0; s < SUMS; s++) {
		int e = (s * L + ITEM) * V, i = e / LANES, j = e % LANES;
		if (i < rows - row && e < TILE)
			to_channels(sum[s], dw + (size_t)(row + i) * row_step + k, column_step, column + j, columns);
	}
}
