package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// advise asks the system for large pages: kernels that go over megabytes wait
// less for addresses. It is advice, so that an error changes nothing.
func advise(v []float32) {
	const page = 2 << 20
	b := unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*4)
	skip := int(-uintptr(unsafe.Pointer(&v[0])) % page)
	if len(b) >= skip+page {
		_ = unix.Madvise(b[skip:skip+(len(b)-skip)/page*page], unix.MADV_HUGEPAGE)
	}
}
