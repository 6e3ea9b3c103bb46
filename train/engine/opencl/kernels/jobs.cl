// Jobs: the kernels of many calls in one launch, for CPUs. A launch of OpenCL costs
// a CPU up to 15 us, threads going to sleep and being woken, which is more than
// most kernels of small networks take.
//
// A group of run is a thread. It goes through the jobs in their order, and takes
// groups of each, some at a time, as long as there are any. Before it takes the
// first it waits for the jobs that the job needs, all of whose groups others have
// taken by then, and are at work on: no order in which groups of run begin can stop
// it, and one that stops waiting leaves nothing that nobody does.

// job is record of jobs.go. Its counters have lines of the cache to themselves.
typedef struct {
	int kind, groups[3], needs; // jobs up to this one must be done
	int pad0[11], taken, pad1[15], done, pad2[15];
	ulong2 args[16];
} job;

#define POINTER(i, type) ((type)args[i].x)
#define INT(i) ((int)args[i].x)
#define UINT(i) ((uint)args[i].x)
#define FLOAT(i) as_float((uint)args[i].x)
#define INT4(i) as_int4(args[i])

// PATIENCE is how often a group of run looks whether a job is done before it leaves
// the rest to the others: where a thread has lost its core to another process, one
// that waits for it had better sleep.
#define PATIENCE (1 << 15)

static int wait_for(global job *j) {
	int all = j->groups[0] * j->groups[1] * j->groups[2];
	volatile global int *done = &j->done;
	for (int i = 0; *done < all; i++) {
		if (i == PATIENCE) return 0;
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
	}
	mem_fence(CLK_GLOBAL_MEM_FENCE);
	return 1;
}

#define CASE(kind, call) \
	case kind: \
		for (int g = first; g < last; g++) { \
			int4 group_ = (int4)(g % groups_.x, g / groups_.x % groups_.y, g / groups_.x / groups_.y, 0); \
			call; \
		} \
		break;

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void run(ulong at, int count) {
	global job *jobs = (global job *)at;
	for (int j = 0, done = 0; j < count; j++) {
		global job *here = jobs + j;
		for (; done <= here->needs; done++)
			if (!wait_for(jobs + done)) return;
		int4 groups_ = (int4)(here->groups[0], here->groups[1], here->groups[2], 0);
		int all = groups_.x * groups_.y * groups_.z, left, mine = 0;
		global const ulong2 *args = here->args;
		while ((left = all - *(volatile global int *)&here->taken) > 0) {
			int share = max(1, left / (4 * (int)get_num_groups(0))); // less and less, so that all end together
			int first = atomic_add(&here->taken, share), last = min(first + share, all);
			if (first >= all) break;
			switch (here->kind) {
			CASES
			}
			mine += last - first;
		}
		if (mine > 0) {
			mem_fence(CLK_GLOBAL_MEM_FENCE);
			atomic_add(&here->done, mine);
		}
	}
}
