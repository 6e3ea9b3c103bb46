// What all kernels share. A program is this file and some others behind it,
// built with
//
//	V      floats of a vector: 16 for a CPU, 4 for a GPU
//	L      items of a work-group: 1 for a CPU, whose kernels loop instead
//	CHUNK  floats of an elementwise kernel's item, a multiple of V
//	SLICE  voxels of a group of the kernels that take each channel by itself
//	BATCH  rows of a group of the kernels over rows
//	HALF   defined where blocked tensors are in half precision
//
// Groups are counted along three axes, items along the first only. A work-item
// of a CPU has a whole block of 16 channels in a vector; four items of a GPU
// share it.

#define LANES 16        // channels of a block
#define Q (LANES / V)   // vectors of a block

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
typedef PASTE(float, V) vec;
typedef PASTE(int, V) ivec;
typedef PASTE(uint, V) uvec;
#define to_ivec PASTE(convert_int, V)
#define to_vec PASTE(convert_float, V)
#define as_uvec PASTE(as_uint, V)

// A kernel for GPUs is one of OpenCL. One for CPUs is a function, of one group,
// that jobs.cl calls: PLACE are its first parameters, which say which group it is of
// how many, and HERE hands them on.
#if L > 1
#define KERNEL kernel __attribute__((reqd_work_group_size(L, 1, 1)))
#define GROUP(axis) ((int)get_group_id(axis))
#define GROUPS(axis) ((int)get_num_groups(axis))
#define ITEM ((int)get_local_id(0))
#define SHARED(all) local vec all[L]
#else
#define KERNEL static
#define PLACE int4 group_, int4 groups_,
#define HERE group_, groups_,
#define GROUP(axis) (group_.s##axis)
#define GROUPS(axis) (groups_.s##axis)
#define ITEM 0
#define SHARED(all) local vec *all = 0
#endif

// EACH is the loop of an elementwise kernel over n floats, a vector at a time.
#define EACH(i, n) \
	for (int i = (GROUP(0) * L + ITEM) * CHUNK, stop_ = min(i + CHUNK, n); i < stop_; i += V)

// EACH_STRETCH and EACH_OF_STRETCH are the loop of a group over floats from start
// to below end, a vector at a time, in stretches whose sums are taken by
// themselves first: less is rounded than in one long sum.
#define STRETCH (32 * L * V)
#define EACH_STRETCH(i0, start, end) for (int i0 = (start) + ITEM * V, stop_ = (end); i0 < stop_; i0 += STRETCH)
#define EACH_OF_STRETCH(i, i0) for (int i = i0; i < min(i0 + STRETCH, stop_); i += L * V)

// get and put read and write a vector of floats at index i of n: of the last one
// only what is there.
static vec get_float(global const float *p, int i, int n) {
	if (i + V <= n) return PASTE(vload, V)(0, p + i);
	float part[V];
	for (int j = 0; j < V; j++) part[j] = i + j < n ? p[i + j] : 0;
	return PASTE(vload, V)(0, part);
}

static void put_float(vec x, global float *p, int i, int n) {
	if (i + V <= n) {
		PASTE(vstore, V)(x, 0, p + i);
		return;
	}
	float part[V];
	PASTE(vstore, V)(x, 0, part);
	for (int j = 0; i + j < n; j++) p[i + j] = part[j];
}

// load and store are for blocked tensors, whose vectors are always whole.
#ifdef HALF
typedef half block;
#define load(p, i) PASTE(vload_half, V)(0, (p) + (i))
#define store(x, p, i) PASTE(vstore_half, V)(x, 0, (p) + (i))
#define load1(p, i) vload_half(0, (p) + (i))
#define store1(x, p, i) vstore_half(x, 0, (p) + (i))
#else
typedef float block;
#define load(p, i) PASTE(vload, V)(0, (p) + (i))
#define store(x, p, i) PASTE(vstore, V)(x, 0, (p) + (i))
#define load1(p, i) (p)[i]
#define store1(x, p, i) ((p)[i] = (x))
#endif

// lanes returns 0, 1, 2, ...
static ivec lanes(void) {
#if V == 16
	return (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
	return (int4)(0, 1, 2, 3);
#endif
}

// group_sum adds x over the items of a group whose number is the same modulo q,
// in an order that is always the same, for all of them. all has L vectors.
static vec group_sum(vec x, int q, local vec *all) {
#if L > 1
	barrier(CLK_LOCAL_MEM_FENCE);
	all[ITEM] = x;
	for (int s = L / 2; s >= q; s /= 2) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (ITEM < s) all[ITEM] += all[ITEM + s];
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	x = all[ITEM % q];
#endif
	return x;
}

// group_max is group_sum with the larger for the sum, and q = 1.
static vec group_max(vec x, local vec *all) {
#if L > 1
	barrier(CLK_LOCAL_MEM_FENCE);
	all[ITEM] = x;
	for (int s = L / 2; s >= 1; s /= 2) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (ITEM < s) all[ITEM] = fmax(all[ITEM], all[ITEM + s]);
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	x = all[0];
#endif
	return x;
}

// of_channels returns p[c stride] for the V channels c of a block from first on,
// instead of which there is without p or beyond the last channel.
static vec of_channels(global const float *p, int stride, int first, int channels, float instead) {
	if (!p) return instead; // by itself: masked loads from nowhere are slow
	float part[V];
	for (int j = 0; j < V; j++) part[j] = first + j < channels ? p[(first + j) * stride] : instead;
	return PASTE(vload, V)(0, part);
}

// to_channels is its inverse.
static void to_channels(vec x, global float *p, int stride, int first, int channels) {
	float part[V];
	PASTE(vstore, V)(x, 0, part);
	for (int j = 0; j < V && first + j < channels; j++) p[(first + j) * stride] = part[j];
}

// total adds the floats of a vector.
static float total(vec x) {
#if V == 16
	float8 a = x.lo + x.hi;
	float4 b = a.lo + a.hi;
#else
	float4 b = x;
#endif
	float2 c = b.lo + b.hi;
	return c.x + c.y;
}

static float largest(vec x) {
#if V == 16
	float8 a = fmax(x.lo, x.hi);
	float4 b = fmax(a.lo, a.hi);
#else
	float4 b = x;
#endif
	float2 c = fmax(b.lo, b.hi);
	return fmax(c.x, c.y);
}
