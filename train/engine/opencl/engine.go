package opencl

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/engine"
)

// Options say which device and how. The zero value takes the first GPU, or the
// first device where there is none, and keeps everything in single precision.
type Options struct {
	// Device is the index of a device in [Devices], or a part of its name or
	// platform in any case. Empty is the first GPU, or the first device.
	Device string
	// Half keeps blocked tensors in half precision: half the memory and half the
	// traffic, 11 bits of precision, up to 65504. Sums stay in single precision.
	Half bool
	// Kernels are those for the device's kind, unless others are asked for.
	Kernels Kernels
	// CacheDir is a folder for the work-group sizes that were found best on a
	// device, so that they are looked for once. Empty looks again in each process.
	CacheDir string
}

// Kernels says for what sort of device kernels are shaped.
type Kernels uint8

// The shapes of kernels.
const (
	ByKind Kernels = iota // ForCPU on CPUs that can, else ForGPU
	ForCPU                // groups of one item, vectors of 16 floats, many kernels in a launch; for CPUs with shared virtual memory
	ForGPU                // work-groups of many items that share local memory
)

// device is an engine.Engine.
type device struct {
	api     *api
	info    Device
	forCPU  bool
	half    bool
	ctx     uintptr
	queue   uintptr
	kernels map[kernelName]kernel
	memory
	jobs
	transfers
	launches
	tuning
	check engine.Check
	err   error // the first that happened; nothing is done after it
}

var _ engine.Engine = (*device)(nil)

// New returns an engine on a device of OpenCL. It compiles the kernels, which takes
// PoCL half a minute where it has not kept them from the last time.
func New(o Options) (engine.Engine, error) {
	a, err := load()
	if err != nil {
		return nil, err
	}
	all, err := a.devices()
	if err != nil {
		return nil, err
	}
	info, err := choose(all, o.Device)
	if err != nil {
		return nil, err
	}
	can := info.Kind == CPU && info.shares && a.svmAlloc != 0 && a.svmFree != 0 && a.setKernelExecInfo != 0
	if o.Kernels == ForCPU && !can {
		return nil, fmt.Errorf("%v: opencl: kernels for a CPU need one that shares its memory with the host, fine-grained", info)
	}
	d := &device{api: a, info: info, half: o.Half, forCPU: can && o.Kernels != ForGPU}
	// An engine that is dropped without Close must not keep memory of the device.
	runtime.SetFinalizer(d, func(d *device) { _ = d.Close() })
	if err := d.open(o.CacheDir); err != nil {
		_ = d.Close() // err says why
		return nil, fmt.Errorf("%v: %w", info, err)
	}
	return d, nil
}

func (d *device) open(cacheDir string) error {
	if !d.forCPU && d.info.maxGroup < gpuGroup {
		return fmt.Errorf("opencl: work-groups have at most %d items, %d are needed", d.info.maxGroup, gpuGroup)
	}
	var s status
	props := [3]uintptr{contextPlatform, d.info.platform, 0}
	id := d.info.id
	d.ctx = call(d.api.createContext, uintptr(unsafe.Pointer(&props)), 1, uintptr(unsafe.Pointer(&id)), 0, 0, uintptr(unsafe.Pointer(&s)))
	if s != 0 {
		return fmt.Errorf("opencl: context: %w", s)
	}
	var err error
	if d.queue, err = d.newQueue(0); err != nil {
		return err
	}
	d.openLaunches()
	d.openTuning(cacheDir)
	if err := d.build(); err != nil {
		return err
	}
	if d.forCPU {
		return d.openJobs()
	}
	return nil
}

func (d *device) newQueue(properties uintptr) (uintptr, error) {
	var s status
	q := call(d.api.createCommandQueue, d.ctx, d.info.id, properties, uintptr(unsafe.Pointer(&s)))
	if s != 0 {
		return 0, fmt.Errorf("opencl: command queue: %w", s)
	}
	return q, nil
}

// Name says "opencl, NVIDIA A100 (NVIDIA CUDA), 108 units".
func (d *device) Name() string {
	name := fmt.Sprintf("opencl, %s (%s), %d units", d.info.Name, d.info.Platform, d.info.Units)
	if d.forCPU != (d.info.Kind == CPU) {
		name += map[bool]string{true: ", kernels for a CPU", false: ", kernels for a GPU"}[d.forCPU]
	}
	if d.half {
		name += ", half precision"
	}
	return name
}

// fail keeps the first error.
func (d *device) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *device) Wait() error {
	d.launchJobs()
	d.limit = fewJobs
	if d.err == nil {
		d.fail(check(call(d.api.fin, d.queue), "waiting"))
	}
	return d.err
}

func (d *device) Close() error {
	runtime.SetFinalizer(d, nil)
	if d.queue != 0 {
		call(d.api.fin, d.queue)
	}
	d.closeJobs()
	d.closeTransfers()
	d.closeLaunches()
	d.closeTuning()
	d.closeMemory()
	for _, k := range d.kernels {
		call(d.api.releaseKernel, k.id)
	}
	if d.queue != 0 {
		call(d.api.releaseQueue, d.queue)
	}
	if d.ctx != 0 {
		call(d.api.releaseContext, d.ctx)
	}
	d.queue, d.ctx, d.kernels = 0, 0, nil
	err := d.err
	d.fail(errClosed)
	return err
}
