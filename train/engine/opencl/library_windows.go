package opencl

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/windows"
)

// libraryNames returns what OpenCL's library is called.
func libraryNames() []string { return []string{"OpenCL.dll"} }

const installHint = "install the GPU vendor's driver, which brings OpenCL.dll, or use the cpu device"

// openLibrary looks in the system's folder only, so that no DLL beside the data
// is taken for it.
func openLibrary(name string) (uintptr, error) {
	h, err := windows.LoadLibraryEx(name, 0, windows.LOAD_LIBRARY_SEARCH_SYSTEM32)
	return uintptr(h), err
}

func symbol(lib uintptr, name string) (uintptr, error) {
	p, err := windows.GetProcAddress(windows.Handle(lib), name)
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
	r, _, _ := syscall.SyscallN(fn, args...)
	return r
}

// callWith is call with arguments that hold no pointer, or pinned ones. It does
// not allocate.
func callWith(fn uintptr, args []uintptr) uintptr {
	r, _, _ := syscall.SyscallN(fn, args...)
	return r
}
