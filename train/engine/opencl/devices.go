package opencl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unsafe"
)

// Kind says what a device is.
type Kind string

// The kinds of devices.
const (
	CPU         Kind = "cpu"
	GPU         Kind = "gpu"
	Accelerator Kind = "accelerator"
)

// Device is one device of OpenCL.
type Device struct {
	Index    int    // its place in what Devices returns
	Platform string // of the driver: "NVIDIA CUDA", "Portable Computing Language"
	Name     string
	Kind     Kind
	Units    int    // compute units
	Memory   int64  // bytes
	Local    int    // bytes of memory that a work-group shares
	Half     bool   // computes in half precision; storing it, which Options.Half asks for, all can
	Version  string // of OpenCL and the driver

	platform, id uintptr
	maxGroup     int
	maxAlloc     int64
	shares       bool // virtual memory with the host, fine-grained
}

// String returns "1: NVIDIA A100 (NVIDIA CUDA)".
func (d Device) String() string { return fmt.Sprintf("%d: %s (%s)", d.Index, d.Name, d.Platform) }

// Devices returns the devices that can be used, those of one platform together,
// or an error that says what to install where there is no library. A library
// without a driver has no devices, which is no error.
func Devices() ([]Device, error) {
	a, err := load()
	if err != nil {
		return nil, err
	}
	return a.devices()
}

func (a *api) devices() ([]Device, error) {
	platforms, err := handles(func(n uint32, p *uintptr, count *uint32) uintptr {
		return call(a.getPlatformIDs, uintptr(n), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(count)))
	})
	if err != nil {
		return nil, fmt.Errorf("opencl: platforms: %w", err)
	}
	var all []Device
	for _, p := range platforms {
		name, err := a.info(a.getPlatformInfo, p, 0, platformName)
		if err != nil {
			return nil, err
		}
		ids, err := handles(func(n uint32, ids *uintptr, count *uint32) uintptr {
			return call(a.getDeviceIDs, p, deviceTypeAll, uintptr(n), uintptr(unsafe.Pointer(ids)), uintptr(unsafe.Pointer(count)))
		})
		if err != nil {
			return nil, fmt.Errorf("opencl: devices of %s: %w", text(name), err)
		}
		for _, id := range ids {
			d := Device{Index: len(all), Platform: text(name), platform: p, id: id}
			usable, err := a.describe(&d)
			if err != nil {
				return nil, fmt.Errorf("opencl: a device of %s: %w", d.Platform, err)
			}
			if usable {
				all = append(all, d)
			}
		}
	}
	return all, nil
}

// handles asks for a list, first how long it is. None is no error.
func handles(ask func(n uint32, p *uintptr, count *uint32) uintptr) ([]uintptr, error) {
	var n uint32
	switch s := status(ask(0, nil, &n)); {
	case s == deviceNotFound || s == platformNotFound || s == 0 && n == 0:
		return nil, nil
	case s != 0:
		return nil, s
	}
	if n > 1024 {
		return nil, fmt.Errorf("%d of them", n)
	}
	list := make([]uintptr, n)
	if s := status(ask(n, &list[0], &n)); s != 0 {
		return nil, s
	}
	return list, nil
}

// describe fills in what the driver says of d, and whether it can be used.
func (a *api) describe(d *Device) (usable bool, err error) {
	var errs []error
	get := func(what uint32) []byte {
		b, err := a.info(a.getDeviceInfo, d.id, 0, what)
		errs = append(errs, err)
		return b
	}
	kind := number(get(deviceType))
	switch {
	case kind&4 != 0:
		d.Kind = GPU
	case kind&2 != 0:
		d.Kind = CPU
	default:
		d.Kind = Accelerator
	}
	d.Name = text(get(deviceName))
	d.Units = int(number(get(deviceComputeUnits)))
	d.Memory = int64(number(get(deviceGlobalMem)))
	d.Local = int(number(get(deviceLocalMem)))
	d.Version = text(get(deviceVersion)) + ", driver " + text(get(driverVersion))
	d.Half = strings.Contains(text(get(deviceExtensions)), "cl_khr_fp16")
	d.maxGroup = int(number(get(deviceMaxGroup)))
	d.maxAlloc = int64(number(get(deviceMaxAlloc)))
	if svm, err := a.info(a.getDeviceInfo, d.id, 0, deviceSVM); err == nil { // version 1 does not know the question
		d.shares = number(svm)&2 != 0
	}
	usable = number(get(deviceAvailable)) != 0 && number(get(deviceCompiler)) != 0
	return usable, errors.Join(errs...)
}

// text is a C string's, without its end and without spaces around it.
func text(b []byte) string { return string(bytes.TrimSpace(bytes.TrimRight(b, "\x00"))) }

// number reads an unsigned number of 4 or 8 bytes.
func number(b []byte) uint64 {
	switch len(b) {
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	case 8:
		return binary.NativeEndian.Uint64(b)
	}
	return 0
}

// choose returns the device that want names: by its index, or by a part of its
// name or platform; "" is the first GPU, or the first device where there is none.
func choose(all []Device, want string) (Device, error) {
	if len(all) == 0 {
		return Device{}, fmt.Errorf("opencl: the library has no device; %s", installHint)
	}
	if want == "" {
		for _, d := range all {
			if d.Kind == GPU {
				return d, nil
			}
		}
		return all[0], nil
	}
	if i, err := strconv.Atoi(want); err == nil && 0 <= i && i < len(all) {
		return all[i], nil
	}
	var names []string
	for _, d := range all {
		if strings.Contains(strings.ToLower(d.Name+" "+d.Platform), strings.ToLower(want)) {
			return d, nil
		}
		names = append(names, "number "+d.String())
	}
	return Device{}, fmt.Errorf("opencl: no device has the number or name %q; there is %s", want, strings.Join(names, ", "))
}
