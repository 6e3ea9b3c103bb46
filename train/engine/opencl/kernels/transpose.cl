#if V == 16
// transpose exchanges the rows and columns of 16 x 16 floats: interleaving row i
// with row i + 8 four times brings bit after bit of one index to the other.
#define INTERLEAVE(a, b, r) r.even = a; r.odd = b;
static void transpose(float16 *x) {
	_Pragma("unroll") for (int stage = 0; stage < 4; stage++) {
		float16 y[LANES];
		_Pragma("unroll") for (int i = 0; i < 8; i++) {
			INTERLEAVE(x[i].lo, x[i + 8].lo, y[2 * i])
			INTERLEAVE(x[i].hi, x[i + 8].hi, y[2 * i + 1])
		}
		_Pragma("unroll") for (int i = 0; i < LANES; i++) x[i] = y[i];
	}
}
#endif

