//go:build !windows && !((linux || darwin) && (amd64 || arm64))

package opencl

import (
	"errors"
	"fmt"
	"runtime"
)

func libraryNames() []string { return []string{"OpenCL"} }

const installHint = "use the cpu device"

func openLibrary(string) (uintptr, error) {
	return 0, fmt.Errorf("%s/%s: %w", runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

func symbol(uintptr, string) (uintptr, error) { return 0, errors.ErrUnsupported }

func call(uintptr, ...uintptr) uintptr { panic("opencl: not supported here") }

func callWith(uintptr, []uintptr) uintptr { panic("opencl: not supported here") }
