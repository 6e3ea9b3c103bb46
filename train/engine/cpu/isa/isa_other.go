//go:build !amd64 || purego

package isa

func best() Level { return Plain }
