//go:build amd64 && !purego

#include "textflag.h"

// A row is 8 lanes: 32 bytes of float32 or, in the transform, 64 of float64,
// where a half is 4 lanes and a complex point a real row and an imaginary one.
// Products and sums are fused just where kernels.go, the specification, does it.

// WINDOWED turns a row of float32 samples into one of float64, windowed.
#define WINDOWED(off, x, y) \
	VBROADCASTSD (off/8)(DX)(SI*2), Y12  \
	VEXTRACTF128 $1, y, X13              \
	VCVTPS2PD x, Y14                     \
	VCVTPS2PD X13, Y13                   \
	VMULPD Y12, Y14, Y14                 \
	VMULPD Y12, Y13, Y13                 \
	VMOVUPD Y14, off(DI)                 \
	VMOVUPD Y13, (off+32)(DI)

// func loadAVX2(dst *float64, frames *[lanes]*float32, window *float64, n int)
TEXT ·loadAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ frames+8(FP), SI
	MOVQ window+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ 0(SI), R8
	MOVQ 8(SI), R9
	MOVQ 16(SI), R10
	MOVQ 24(SI), R11
	MOVQ 32(SI), R12
	MOVQ 40(SI), R13
	MOVQ 48(SI), AX
	MOVQ 56(SI), BX
	XORQ SI, SI

load4:
	VMOVUPS (R8)(SI*1), X0
	VMOVUPS (R9)(SI*1), X1
	VMOVUPS (R10)(SI*1), X2
	VMOVUPS (R11)(SI*1), X3
	VINSERTF128 $1, (R12)(SI*1), Y0, Y0
	VINSERTF128 $1, (R13)(SI*1), Y1, Y1
	VINSERTF128 $1, (AX)(SI*1), Y2, Y2
	VINSERTF128 $1, (BX)(SI*1), Y3, Y3
	VUNPCKLPS Y1, Y0, Y4
	VUNPCKLPS Y3, Y2, Y5
	VUNPCKHPS Y1, Y0, Y6
	VUNPCKHPS Y3, Y2, Y7
	VUNPCKLPD Y5, Y4, Y0
	VUNPCKHPD Y5, Y4, Y1
	VUNPCKLPD Y7, Y6, Y2
	VUNPCKHPD Y7, Y6, Y3
	WINDOWED(0, X0, Y0)
	WINDOWED(64, X1, Y1)
	WINDOWED(128, X2, Y2)
	WINDOWED(192, X3, Y3)
	ADDQ $256, DI
	ADDQ $16, SI
	SUBQ $4, CX
	JNZ  load4
	VZEROUPPER
	RET

// BUTTERFLY loads half h of points a, b, c, d at DI, DI+R8, DI+2 R8, DI+R9, and
// leaves a-ib-c+id in Y10, Y11; a-b+c-d in Y8, Y9; a+ib-c-id in Y12, Y13.
// It stores a+b+c+d in the place of a.
#define BUTTERFLY(h) \
	VMOVUPD h(DI), Y0              \
	VMOVUPD (h+64)(DI), Y1         \
	VMOVUPD h(DI)(R8*2), Y4        \
	VMOVUPD (h+64)(DI)(R8*2), Y5   \
	VMOVUPD h(DI)(R8*1), Y2        \
	VMOVUPD (h+64)(DI)(R8*1), Y3   \
	VMOVUPD h(DI)(R9*1), Y6        \
	VMOVUPD (h+64)(DI)(R9*1), Y7   \
	VADDPD Y4, Y0, Y8              \
	VSUBPD Y4, Y0, Y0              \
	VADDPD Y5, Y1, Y9              \
	VSUBPD Y5, Y1, Y1              \
	VADDPD Y6, Y2, Y10             \
	VSUBPD Y6, Y2, Y2              \
	VADDPD Y7, Y3, Y11             \
	VSUBPD Y7, Y3, Y3              \
	VADDPD Y10, Y8, Y12            \
	VADDPD Y11, Y9, Y13            \
	VMOVUPD Y12, h(DI)             \
	VMOVUPD Y13, (h+64)(DI)        \
	VSUBPD Y10, Y8, Y8             \
	VSUBPD Y11, Y9, Y9             \
	VADDPD Y3, Y0, Y10             \
	VSUBPD Y2, Y1, Y11             \
	VSUBPD Y3, Y0, Y12             \
	VADDPD Y2, Y1, Y13

// TWIDDLE multiplies r + i I by the scalars at off(SI) and stores it as half h
// at to.
#define TWIDDLE(h, off, r, i, to) \
	VBROADCASTSD off(SI), Y0       \
	VBROADCASTSD (off+8)(SI), Y1   \
	VMULPD Y1, i, Y2               \
	VMULPD Y0, i, Y3               \
	VFMSUB231PD Y0, r, Y2          \
	VFMADD231PD Y1, r, Y3          \
	VMOVUPD Y2, h(DI)(to)          \
	VMOVUPD Y3, (h+64)(DI)(to)

#define DIF4(h) \
	BUTTERFLY(h)                        \
	TWIDDLE(h, 0, Y10, Y11, R8*1)       \
	TWIDDLE(h, 16, Y8, Y9, R8*2)        \
	TWIDDLE(h, 32, Y12, Y13, R9*1)

// func dif4AVX2(x, twiddle *float64, q, blocks int)
TEXT ·dif4AVX2(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ twiddle+8(FP), DX
	MOVQ q+16(FP), R10
	MOVQ blocks+24(FP), BX
	MOVQ R10, R8
	SHLQ $7, R8
	LEAQ (R8)(R8*2), R9

block:
	MOVQ DX, SI
	MOVQ R10, CX

point:
	DIF4(0)
	DIF4(32)
	ADDQ $48, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  point
	ADDQ R9, DI
	DECQ BX
	JNZ  block
	VZEROUPPER
	RET

#define LAST4(h) \
	BUTTERFLY(h)                 \
	VMOVUPD Y10, (h+128)(DI)     \
	VMOVUPD Y11, (h+192)(DI)     \
	VMOVUPD Y8, (h+256)(DI)      \
	VMOVUPD Y9, (h+320)(DI)      \
	VMOVUPD Y12, (h+384)(DI)     \
	VMOVUPD Y13, (h+448)(DI)

// func dif4LastAVX2(x *float64, blocks int)
TEXT ·dif4LastAVX2(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), DI
	MOVQ blocks+8(FP), CX
	MOVQ $128, R8
	MOVQ $384, R9

last4:
	LAST4(0)
	LAST4(32)
	ADDQ $512, DI
	DECQ CX
	JNZ  last4
	VZEROUPPER
	RET

#define LAST2(h) \
	VMOVUPD h(DI), Y0          \
	VMOVUPD (h+128)(DI), Y1    \
	VADDPD Y1, Y0, Y2          \
	VSUBPD Y1, Y0, Y3          \
	VMOVUPD Y2, h(DI)          \
	VMOVUPD Y3, (h+128)(DI)

// func dif2LastAVX2(x *float64, blocks int)
TEXT ·dif2LastAVX2(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), DI
	MOVQ blocks+8(FP), CX

last2:
	LAST2(0)
	LAST2(32)
	LAST2(64)
	LAST2(96)
	ADDQ $256, DI
	DECQ CX
	JNZ  last2
	VZEROUPPER
	RET

// UNPACK makes half h of the two bins of points R8 and R9: X0 and X2.
#define UNPACK(h) \
	VMOVUPD h(BX)(R8*1), Y0        \
	VMOVUPD (h+64)(BX)(R8*1), Y1   \
	VMOVUPD h(BX)(R9*1), Y2        \
	VMOVUPD (h+64)(BX)(R9*1), Y3   \
	VADDPD Y2, Y0, Y4              \
	VSUBPD Y3, Y1, Y5              \
	VSUBPD Y2, Y0, Y6              \
	VADDPD Y3, Y1, Y7              \
	VMULPD Y15, Y7, Y8             \
	VMULPD Y14, Y7, Y9             \
	VFMSUB231PD Y14, Y6, Y8        \
	VFMADD231PD Y15, Y6, Y9        \
	VADDPD Y8, Y4, Y0              \
	VADDPD Y9, Y5, Y1              \
	VSUBPD Y8, Y4, Y2              \
	VSUBPD Y9, Y5, Y3              \
	VMULPD Y0, Y0, Y0              \
	VMULPD Y2, Y2, Y2              \
	VFMADD231PD Y1, Y1, Y0         \
	VFMADD231PD Y3, Y3, Y2         \
	VCVTPD2PSY Y0, X0              \
	VCVTPD2PSY Y2, X2              \
	VMOVUPS X0, (h/2)(DI)(R10*1)   \
	VMOVUPS X2, (h/2)(DI)(R11*1)

// func unpackAVX2(dst *float32, x *float64, pairs *pair, n int)
TEXT ·unpackAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ pairs+16(FP), SI
	MOVQ n+24(FP), CX

unpack1:
	MOVLQSX 0(SI), R8
	MOVLQSX 4(SI), R9
	MOVLQSX 8(SI), R10
	MOVLQSX 12(SI), R11
	VBROADCASTSD 16(SI), Y14
	VBROADCASTSD 24(SI), Y15
	UNPACK(0)
	UNPACK(32)
	ADDQ $32, SI
	DECQ CX
	JNZ  unpack1
	VZEROUPPER
	RET

// func melAVX2(dst, power *float32, spans *span, weights *float32, bands int)
TEXT ·melAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ power+8(FP), BX
	MOVQ spans+16(FP), SI
	MOVQ weights+24(FP), DX
	MOVQ bands+32(FP), CX

band:
	VXORPS Y0, Y0, Y0
	MOVLQSX 0(SI), R8
	MOVLQSX 4(SI), R9
	SHLQ $5, R8
	ADDQ BX, R8
	TESTQ R9, R9
	JZ   sum

bin:
	VBROADCASTSS (DX), Y1
	VMULPS (R8), Y1, Y1
	VADDPS Y1, Y0, Y0
	ADDQ $4, DX
	ADDQ $32, R8
	DECQ R9
	JNZ  bin

sum:
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	ADDQ $8, SI
	DECQ CX
	JNZ  band
	VZEROUPPER
	RET

DATA logc<>+0(SB)/4, $0x3f3504f3  // bits of sqrt 1/2
DATA logc<>+4(SB)/4, $0x3f800000  // 1
DATA logc<>+8(SB)/4, $0x40000000  // 2
DATA logc<>+12(SB)/4, $0x3e638e39 // 2/9
DATA logc<>+16(SB)/4, $0x3e924925 // 2/7
DATA logc<>+20(SB)/4, $0x3ecccccd // 2/5
DATA logc<>+24(SB)/4, $0x3f2aaaab // 2/3
DATA logc<>+28(SB)/4, $0xb95e8083 // ln2Lo
DATA logc<>+32(SB)/4, $0x3f318000 // ln2Hi
GLOBL logc<>(SB), RODATA|NOPTR, $36

// func logAVX2(x *float32, rows int, c *logParams, top *row)
TEXT ·logAVX2(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ rows+8(FP), CX
	MOVQ c+16(FP), SI
	MOVQ top+24(FP), DX
	LEAQ logc<>(SB), BX
	VMOVUPS (DX), Y15
	VBROADCASTSS 0(SI), Y14  // add
	VBROADCASTSS 4(SI), Y13  // floor
	VBROADCASTSS 8(SI), Y12  // scale
	VBROADCASTSS 12(SI), Y11 // offset
	VBROADCASTSS 16(SI), Y10 // low
	VBROADCASTSS 0(BX), Y9
	VBROADCASTSS 4(BX), Y8
	VBROADCASTSS 8(BX), Y7

log1:
	VADDPS (DI), Y14, Y0
	VMAXPS Y13, Y0, Y0
	VPSUBD Y9, Y0, Y1
	VPSRAD $23, Y1, Y1  // e
	VPSLLD $23, Y1, Y2
	VPSUBD Y2, Y0, Y0
	VCVTDQ2PS Y1, Y1    // n
	VSUBPS Y8, Y0, Y0   // f
	VADDPS Y7, Y0, Y2
	VDIVPS Y2, Y0, Y0   // s
	VMULPS Y0, Y0, Y2   // z
	VBROADCASTSS 12(BX), Y3
	VMULPS Y3, Y2, Y3
	VBROADCASTSS 16(BX), Y4
	VADDPS Y4, Y3, Y3
	VMULPS Y2, Y3, Y3
	VBROADCASTSS 20(BX), Y4
	VADDPS Y4, Y3, Y3
	VMULPS Y2, Y3, Y3
	VBROADCASTSS 24(BX), Y4
	VADDPS Y4, Y3, Y3
	VMULPS Y2, Y3, Y3
	VMULPS Y0, Y3, Y3   // p
	VBROADCASTSS 28(BX), Y4
	VMULPS Y4, Y1, Y4
	VADDPS Y3, Y4, Y4
	VADDPS Y0, Y0, Y0
	VADDPS Y0, Y4, Y4
	VBROADCASTSS 32(BX), Y3
	VMULPS Y3, Y1, Y3
	VADDPS Y3, Y4, Y4
	VMULPS Y12, Y4, Y4
	VADDPS Y11, Y4, Y4
	VMAXPS Y10, Y4, Y4
	VMOVUPS Y4, (DI)
	VMAXPS Y4, Y15, Y15
	ADDQ $32, DI
	DECQ CX
	JNZ  log1
	VMOVUPS Y15, (DX)
	VZEROUPPER
	RET

// func foldAVX2(dst, x, last *float32, pairs int, floor float32)
TEXT ·foldAVX2(SB), NOSPLIT, $0-36
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ last+16(FP), DX
	MOVQ pairs+24(FP), CX
	VBROADCASTSS floor+32(FP), Y15

fold1:
	VMAXPS (SI), Y15, Y0
	VMAXPS (DX), Y15, Y1
	VADDPS Y1, Y0, Y2
	VSUBPS Y1, Y0, Y3
	VMOVUPS Y2, (DI)
	VMOVUPS Y3, 32(DI)
	ADDQ $32, SI
	SUBQ $32, DX
	ADDQ $64, DI
	DECQ CX
	JNZ  fold1
	VZEROUPPER
	RET

// DCT adds half a row of sums and half a row of differences, times 4 weights.
#define DCT(off, a, b, c, d) \
	VCVTPS2PD off(SI), Y8        \
	VCVTPS2PD (off+32)(SI), Y9   \
	VFMADD231PD Y8, Y10, a       \
	VFMADD231PD Y9, Y11, b       \
	VFMADD231PD Y8, Y12, c       \
	VFMADD231PD Y9, Y13, d

// ROW writes a row of float64, in halves a and b, as float32.
#define ROW(off, a, xa, b, xb) \
	VCVTPD2PSY a, xa             \
	VCVTPD2PSY b, xb             \
	VMOVUPS xa, off(DI)          \
	VMOVUPS xb, (off+16)(DI)

// func dctAVX2(dst, x *float32, mat *float64, groups, pairs int)
TEXT ·dctAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ mat+16(FP), DX
	MOVQ groups+24(FP), R8
	MOVQ pairs+32(FP), R9

group:
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	VXORPD Y6, Y6, Y6
	VXORPD Y7, Y7, Y7
	MOVQ BX, SI
	MOVQ R9, CX

dct1:
	VBROADCASTSD (DX), Y10
	VBROADCASTSD 8(DX), Y11
	VBROADCASTSD 16(DX), Y12
	VBROADCASTSD 24(DX), Y13
	DCT(0, Y0, Y1, Y2, Y3)
	DCT(16, Y4, Y5, Y6, Y7)
	ADDQ $32, DX
	ADDQ $64, SI
	DECQ CX
	JNZ  dct1
	ROW(0, Y0, X0, Y4, X4)
	ROW(32, Y1, X1, Y5, X5)
	ROW(64, Y2, X2, Y6, X6)
	ROW(96, Y3, X3, Y7, X7)
	ADDQ $128, DI
	DECQ R8
	JNZ  group
	VZEROUPPER
	RET

// func peakAVX2(x *float32, n int) uint32
TEXT ·peakAVX2(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), DI
	MOVQ n+8(FP), CX
	VPCMPEQD Y1, Y1, Y1
	VPSRLD $1, Y1, Y1 // 0x7fffffff
	VPXOR Y0, Y0, Y0

peak8:
	VPAND (DI), Y1, Y2
	VPMAXUD Y2, Y0, Y0
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ  peak8
	VEXTRACTI128 $1, Y0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMAXUD X1, X0, X0
	VMOVD X0, AX
	MOVL AX, ret+16(FP)
	VZEROUPPER
	RET
