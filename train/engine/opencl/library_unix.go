//go:build (linux || darwin) && (amd64 || arm64)

package opencl

import (
	"fmt"
	"runtime"

	"github.com/ebitengine/purego"
)

// libraryNames returns what OpenCL's library is called, the likeliest first.
func libraryNames() []string {
	if runtime.GOOS == "darwin" {
		return []string{"/System/Library/Frameworks/OpenCL.framework/OpenCL"}
	}
	return []string{"libOpenCL.so.1", "libOpenCL.so"}
}

const installHint = "install an OpenCL loader and a driver " +
	"(Debian and Ubuntu: apt install ocl-icd-libopencl1, and pocl-opencl-icd for the CPU, " +
	"or the GPU vendor's driver), or use the cpu device"

func openLibrary(name string) (uintptr, error) {
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func symbol(lib uintptr, name string) (uintptr, error) {
	p, err := purego.Dlsym(lib, name)
	if err != nil {
		return 0, fmt.Errorf("opencl: the library has no %s: %w", name, err)
	}
	return p, nil
}

// call calls the C function fn. Pointers among args must be converted in the
// call itself, as unsafe.Pointer's fourth rule asks.
//
//go:uintptrescapes
func call(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}

// callWith is call with arguments that hold no pointer, or pinned ones. It does
// not allocate.
func callWith(fn uintptr, args []uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}
