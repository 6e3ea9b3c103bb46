package opencl

import (
	"cmp"
	"fmt"
	"unsafe"
)

// api are the functions of OpenCL that the engine calls, of version 1.2 and
// before, which every platform has, and three of version 2 for shared virtual memory.
type api struct {
	getPlatformIDs, getPlatformInfo, getDeviceIDs, getDeviceInfo         uintptr
	createContext, releaseContext, createCommandQueue, releaseQueue      uintptr
	createProgram, buildProgram, getProgramBuildInfo, releaseProgram     uintptr
	createKernelsInProgram, getKernelInfo, setKernelArg, releaseKernel   uintptr
	createBuffer, createSubBuffer, releaseMemObject                      uintptr
	enqueueWriteBuffer, enqueueReadBuffer, enqueueNDRangeKernel          uintptr
	enqueueMarker, waitForEvents, releaseEvent, getEventInfo, flush, fin uintptr
	getEventProfilingInfo                                                uintptr
	svmAlloc, svmFree, setKernelExecInfo                                 uintptr // of version 2; 0 where there is none
}

// load opens the library. It is never closed: drivers leave threads behind.
func load() (*api, error) {
	var lib uintptr
	var first error
	for _, name := range libraryNames() {
		h, err := openLibrary(name)
		if err == nil {
			lib = h
			break
		}
		first = cmp.Or(first, err)
	}
	if lib == 0 {
		return nil, fmt.Errorf("opencl: no OpenCL library: %w; %s", first, installHint)
	}
	a := new(api)
	for _, f := range []struct {
		fn   *uintptr
		name string
	}{
		{&a.getPlatformIDs, "clGetPlatformIDs"},
		{&a.getPlatformInfo, "clGetPlatformInfo"},
		{&a.getDeviceIDs, "clGetDeviceIDs"},
		{&a.getDeviceInfo, "clGetDeviceInfo"},
		{&a.createContext, "clCreateContext"},
		{&a.releaseContext, "clReleaseContext"},
		{&a.createCommandQueue, "clCreateCommandQueue"},
		{&a.releaseQueue, "clReleaseCommandQueue"},
		{&a.createProgram, "clCreateProgramWithSource"},
		{&a.buildProgram, "clBuildProgram"},
		{&a.getProgramBuildInfo, "clGetProgramBuildInfo"},
		{&a.releaseProgram, "clReleaseProgram"},
		{&a.createKernelsInProgram, "clCreateKernelsInProgram"},
		{&a.getKernelInfo, "clGetKernelInfo"},
		{&a.setKernelArg, "clSetKernelArg"},
		{&a.releaseKernel, "clReleaseKernel"},
		{&a.createBuffer, "clCreateBuffer"},
		{&a.createSubBuffer, "clCreateSubBuffer"},
		{&a.releaseMemObject, "clReleaseMemObject"},
		{&a.enqueueWriteBuffer, "clEnqueueWriteBuffer"},
		{&a.enqueueReadBuffer, "clEnqueueReadBuffer"},
		{&a.enqueueNDRangeKernel, "clEnqueueNDRangeKernel"},
		{&a.enqueueMarker, "clEnqueueMarkerWithWaitList"},
		{&a.waitForEvents, "clWaitForEvents"},
		{&a.releaseEvent, "clReleaseEvent"},
		{&a.getEventInfo, "clGetEventInfo"},
		{&a.getEventProfilingInfo, "clGetEventProfilingInfo"},
		{&a.flush, "clFlush"},
		{&a.fin, "clFinish"},
	} {
		p, err := symbol(lib, f.name)
		if err != nil {
			return nil, err
		}
		*f.fn = p
	}
	a.svmAlloc, _ = symbol(lib, "clSVMAlloc") // devices say whether they can
	a.svmFree, _ = symbol(lib, "clSVMFree")
	a.setKernelExecInfo, _ = symbol(lib, "clSetKernelExecInfo")
	return a, nil
}

// The constants of CL/cl.h that are used.
const (
	platformName       = 0x0902
	deviceTypeAll      = 0xFFFFFFFF
	deviceType         = 0x1000
	deviceComputeUnits = 0x1002
	deviceMaxGroup     = 0x1004
	deviceMaxAlloc     = 0x1010
	deviceGlobalMem    = 0x101F
	deviceLocalMem     = 0x1023
	deviceAvailable    = 0x1027
	deviceCompiler     = 0x1028
	deviceName         = 0x102B
	driverVersion      = 0x102D
	deviceVersion      = 0x102F
	deviceExtensions   = 0x1030
	deviceSVM          = 0x1053
	kernelPointers     = 0x11B6
	contextPlatform    = 0x1084
	queueProfiling     = 2
	memReadWrite       = 1
	memFineGrain       = 1 << 10
	bufferRegion       = 0x1220
	programBuildLog    = 0x1183
	kernelFunctionName = 0x1190
	eventStatus        = 0x11D3
	profilingStart     = 0x1282
	profilingEnd       = 0x1283
	statusComplete     = 0
)

// status is what a function of OpenCL returns, 0 being success.
type status int32

const (
	deviceNotFound    status = -1
	allocationFailure status = -4
	outOfResources    status = -5
	outOfHostMemory   status = -6
	platformNotFound  status = -1001
)

var statusNames = map[status]string{
	-1: "device not found", -2: "device not available", -3: "compiler not available",
	-4: "memory object allocation failure", -5: "out of resources", -6: "out of host memory",
	-7: "profiling info not available", -11: "build program failure",
	-14: "an event of the wait list failed", -30: "invalid value", -33: "invalid device", -34: "invalid context",
	-36: "invalid command queue", -38: "invalid memory object", -44: "invalid program",
	-45: "invalid program executable", -46: "invalid kernel name", -48: "invalid kernel",
	-49: "invalid argument index", -50: "invalid argument value", -51: "invalid argument size",
	-52: "invalid kernel arguments", -54: "invalid work-group size", -55: "invalid work-item size",
	-61: "invalid buffer size", -1001: "no platform (no driver is installed)",
}

func (s status) Error() string {
	if name := statusNames[s]; name != "" {
		return name
	}
	return fmt.Sprintf("status %d", int32(s))
}

// check turns what a function returned into an error that says what was done.
func check(r uintptr, format string, args ...any) error {
	if s := status(r); s != 0 {
		return fmt.Errorf("opencl: %s: %w", fmt.Sprintf(format, args...), s)
	}
	return nil
}

// info returns what one of the clGet...Info functions of two handles, the last
// 0 for those of one, says of what.
func (a *api) info(fn, obj, obj2 uintptr, what uint32) ([]byte, error) {
	var size uintptr
	ask := func(n uintptr, p unsafe.Pointer, size *uintptr) uintptr {
		if obj2 != 0 {
			return call(fn, obj, obj2, uintptr(what), n, uintptr(p), uintptr(unsafe.Pointer(size)))
		}
		return call(fn, obj, uintptr(what), n, uintptr(p), uintptr(unsafe.Pointer(size)))
	}
	if err := check(ask(0, nil, &size), "info %#x", what); err != nil {
		return nil, err
	}
	if size > 1<<24 {
		return nil, fmt.Errorf("opencl: info %#x of %d bytes", what, size)
	}
	b := make([]byte, size)
	if size == 0 {
		return b, nil
	}
	return b, check(ask(size, unsafe.Pointer(&b[0]), &size), "info %#x", what)
}
