//go:build !purego

#include "textflag.h"

// func lanesAVX(v *float32, n int, shift float64, sum, sq *[4]float64, lo, hi *[4]float32)
TEXT ·lanesAVX(SB), NOSPLIT, $0-56
	MOVQ         v+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSD shift+16(FP), Y0
	MOVQ         sum+24(FP), DI
	MOVQ         sq+32(FP), R8
	MOVQ         lo+40(FP), R9
	MOVQ         hi+48(FP), R10
	VMOVUPD      (DI), Y1
	VMOVUPD      (R8), Y2
	VMOVUPS      (R9), X3
	VMOVUPS      (R10), X4

loop:
	VMOVUPS   (SI), X5
	VCVTPS2PD X5, Y6
	VSUBPD    Y0, Y6, Y6
	VADDPD    Y6, Y1, Y1
	VMULPD    Y6, Y6, Y7
	VADDPD    Y7, Y2, Y2
	VMINPS    X3, X5, X3 // X5 < X3 ? X5 : X3, as the plain loop has it, also for NaN and -0
	VMAXPS    X4, X5, X4
	ADDQ      $16, SI
	SUBQ      $4, CX
	JNZ       loop

	VMOVUPD Y1, (DI)
	VMOVUPD Y2, (R8)
	VMOVUPS X3, (R9)
	VMOVUPS X4, (R10)
	VZEROUPPER
	RET
