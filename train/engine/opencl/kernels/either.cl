// What the kernels for either layout, plain or BLOCKED, call their values. Where a
// program has them for both, this is there before either.

#undef T
#undef get
#undef put
#undef get1
#undef put1
#undef cell
#undef CELL
#undef CELLS
#undef cell_get
#undef cell_put
#undef float_cell

// T, get and put are of either layout, in kernels that are there for both.
#ifdef BLOCKED
#define T block
#define get(p, i, n) load(p, i)
#define put(x, p, i, n) store(x, p, i)
#define get1(p, i) load1(p, i)
#define put1(x, p, i) store1(x, p, i)
#else
#define T float
#define get(p, i, n) get_float(p, i, n)
#define put(x, p, i, n) put_float(x, p, i, n)
#define get1(p, i) (p)[i]
#define put1(x, p, i) ((p)[i] = (x))
#endif

// A cell is what a kernel over voxels handles at once: a vector of channels, or
// in plain tensors one value. CELLS of them are a voxel, of a plane: a block of
// 16 channels, or one channel, which is CELL floats.
#ifdef BLOCKED
#define cell vec
#define CELL LANES
#define CELLS Q
#define cell_get(p, i) load(p, (i) * V)
#define cell_put(x, p, i) store(x, p, (i) * V)
#define float_cell(p, i) PASTE(vload, V)(i, p)
#else
#define cell float
#define CELL 1
#define CELLS 1
#define cell_get(p, i) (p)[i]
#define cell_put(x, p, i) ((p)[i] = (x))
#define float_cell(p, i) (p)[i]
#endif
