//go:build amd64 && !purego

package isa

import "golang.org/x/sys/cpu"

// best returns the highest level of this machine. The cpu package has asked
// the system whether it keeps the registers.
func best() Level {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return AVX512
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return AVX2
	}
	return Plain
}
