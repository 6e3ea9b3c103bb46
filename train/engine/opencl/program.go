package opencl

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/lacuna-ml/lacuna/train/tensor"
)

//go:embed kernels/*.cl
var sources embed.FS

// How kernels are cut, see kernels/prelude.cl.
const (
	gpuGroup  = 128 // items of a work-group
	gpuVector = 4   // floats of an item
	gpuSlice  = 256
	cpuChunk  = 16384
	cpuSlice  = 1024
	cpuBatch  = 16
)

// slice returns how many voxels a group has of a kernel that takes each block by
// itself.
func (d *device) slice() int {
	if d.forCPU {
		return cpuSlice
	}
	return gpuSlice
}

// program is some of the files, built together.
type program struct {
	layout  tensor.Layout // of what its kernels take
	files   []string
	defines string
	suffix  string // of the kernels' names
}

// The files of the kernels for either layout, for plain tensors and for blocked
// ones.
var (
	eitherFiles  = []string{"either", "elementwise", "samples", "upsample", "channels"}
	plainFiles   = []string{"running", "rows", "losses", "optimisers"}
	blockedFiles = []string{"layout", "norm", "pool", "conv", "pack"}
)

// programs returns the programs for a GPU. The kernels for either layout are
// built twice: where blocked tensors are in half precision they differ, and some
// always do.
func (d *device) programs() []program {
	list := []program{
		{layout: tensor.Plain, files: slices.Concat(eitherFiles, plainFiles, []string{"matmul_gpu"})},
		{layout: tensor.Blocked, files: slices.Concat(eitherFiles, []string{"transpose"}, blockedFiles)},
	}
	list = append(list, program{layout: tensor.Blocked, files: []string{"conv", "fetch", "conv_gpu_grad"}})
	for _, t := range d.tilings {
		list = append(list, program{tensor.Blocked, []string{"conv", "fetch", "conv_gpu"}, fmt.Sprintf(" -DROWS=%d -DBLOCKS=%d", t.rows, t.blocks), t.suffix})
	}
	return list
}

func (d *device) build() error {
	d.kernels = map[kernelName]kernel{}
	if d.forCPU {
		return d.buildJobs()
	}
	for _, p := range d.programs() {
		if err := d.buildProgram(p); err != nil {
			return err
		}
	}
	return nil
}

// options are those of the compiler. None allows it to reckon without NaN.
func (d *device) options(p program) string {
	o := "-cl-std=CL1.2" + p.defines
	if d.forCPU {
		o += fmt.Sprintf(" -DV=16 -DL=1 -DCHUNK=%d -DSLICE=%d -DBATCH=%d", cpuChunk, cpuSlice, cpuBatch)
	} else {
		o += fmt.Sprintf(" -DV=%d -DL=%d -DCHUNK=%d -DSLICE=%d -DBATCH=1", gpuVector, gpuGroup, gpuVector, gpuSlice)
	}
	if d.half {
		o += " -DHALF"
	}
	if p.layout == tensor.Blocked {
		o += " -DBLOCKED"
	}
	return o
}

func (d *device) buildProgram(p program) error {
	text, err := source(append([]string{"prelude"}, p.files...))
	if err != nil {
		return err
	}
	list, err := d.compile(text, d.options(p))
	if err != nil {
		return fmt.Errorf("%w (files %v)", err, p.files)
	}
	for _, k := range list {
		k.items = gpuGroup
		d.kernels[kernelName{k.name + p.suffix, p.layout}] = k
	}
	return nil
}

// source puts files together, the prelude first.
func source(files []string) (string, error) {
	var b strings.Builder
	for _, f := range files {
		text, err := sources.ReadFile("kernels/" + f + ".cl")
		if err != nil {
			return "", err
		}
		b.Write(text)
	}
	return b.String(), nil
}

// compile builds a program and returns its kernels.
func (d *device) compile(text, options string) ([]kernel, error) {
	var s status
	start, size := unsafe.StringData(text), uintptr(len(text))
	pointers := [1]unsafe.Pointer{unsafe.Pointer(start)}
	prog := call(d.api.createProgram, d.ctx, 1, uintptr(unsafe.Pointer(&pointers)), uintptr(unsafe.Pointer(&size)), uintptr(unsafe.Pointer(&s)))
	if s != 0 {
		return nil, fmt.Errorf("opencl: program: %w", s)
	}
	defer call(d.api.releaseProgram, prog) // its kernels keep it
	opt := append([]byte(options), 0)
	id := d.info.id
	if r := call(d.api.buildProgram, prog, 1, uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&opt[0])), 0, 0); r != 0 {
		log, _ := d.api.info(d.api.getProgramBuildInfo, prog, id, programBuildLog) // best effort
		return nil, fmt.Errorf("opencl: building the kernels: %w\n%s", status(r), log)
	}
	return d.kernelsOf(prog)
}

func (d *device) kernelsOf(prog uintptr) ([]kernel, error) {
	ids, err := handles(func(n uint32, p *uintptr, count *uint32) uintptr {
		return call(d.api.createKernelsInProgram, prog, uintptr(n), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(count)))
	})
	if err != nil {
		return nil, fmt.Errorf("opencl: kernels: %w", err)
	}
	var list []kernel
	var errs []error
	for _, id := range ids {
		name, err := d.api.info(d.api.getKernelInfo, id, 0, kernelFunctionName)
		list, errs = append(list, kernel{id: id, name: text(name), set: new([mostArgs]arg)}), append(errs, err)
	}
	return list, errors.Join(errs...)
}
