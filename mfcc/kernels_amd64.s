//go:build amd64 && !purego

#include "textflag.h"

// A row is 32 bytes (8 lanes), a complex point 64 (real row, imaginary row).
// No fused multiply-add anywhere: see kernels.go, which is the specification.

// TRANSPOSE4 turns 4 samples of 8 frames, windowed by Y15, into 4 rows.
// Y0-Y3 hold frames 0-3 in their low half and frames 4-7 in their high half.
#define TRANSPOSE4 \
	VMULPS Y15, Y0, Y0       \
	VMULPS Y15, Y1, Y1       \
	VMULPS Y15, Y2, Y2       \
	VMULPS Y15, Y3, Y3       \
	VUNPCKLPS Y1, Y0, Y4     \
	VUNPCKLPS Y3, Y2, Y5     \
	VUNPCKHPS Y1, Y0, Y6     \
	VUNPCKHPS Y3, Y2, Y7     \
	VUNPCKLPD Y5, Y4, Y8     \
	VUNPCKHPD Y5, Y4, Y9     \
	VUNPCKLPD Y7, Y6, Y10    \
	VUNPCKHPD Y7, Y6, Y11    \
	VMOVUPS Y8, (DI)         \
	VMOVUPS Y9, 32(DI)       \
	VMOVUPS Y10, 64(DI)      \
	VMOVUPS Y11, 96(DI)

// func loadAVX2(dst *float32, frames *[lanes]*float32, window *float32, n int)
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
	VBROADCASTF128 (DX)(SI*1), Y15
	VMOVUPS (R8)(SI*1), X0
	VMOVUPS (R9)(SI*1), X1
	VMOVUPS (R10)(SI*1), X2
	VMOVUPS (R11)(SI*1), X3
	VINSERTF128 $1, (R12)(SI*1), Y0, Y0
	VINSERTF128 $1, (R13)(SI*1), Y1, Y1
	VINSERTF128 $1, (AX)(SI*1), Y2, Y2
	VINSERTF128 $1, (BX)(SI*1), Y3, Y3
	TRANSPOSE4
	ADDQ $128, DI
	ADDQ $16, SI
	SUBQ $4, CX
	JNZ  load4
	VZEROUPPER
	RET

// BUTTERFLY loads points a, b, c, d at DI, DI+R8, DI+2 R8, DI+R9, and leaves
// a-ib-c+id in Y10, Y11; a-b+c-d in Y8, Y9; a+ib-c-id in Y12, Y13.
// It stores a+b+c+d in the place of a.
#define BUTTERFLY \
	VMOVUPS (DI), Y0           \
	VMOVUPS 32(DI), Y1         \
	VMOVUPS (DI)(R8*2), Y4     \
	VMOVUPS 32(DI)(R8*2), Y5   \
	VMOVUPS (DI)(R8*1), Y2     \
	VMOVUPS 32(DI)(R8*1), Y3   \
	VMOVUPS (DI)(R9*1), Y6     \
	VMOVUPS 32(DI)(R9*1), Y7   \
	VADDPS Y4, Y0, Y8          \
	VSUBPS Y4, Y0, Y0          \
	VADDPS Y5, Y1, Y9          \
	VSUBPS Y5, Y1, Y1          \
	VADDPS Y6, Y2, Y10         \
	VSUBPS Y6, Y2, Y2          \
	VADDPS Y7, Y3, Y11         \
	VSUBPS Y7, Y3, Y3          \
	VADDPS Y10, Y8, Y12        \
	VADDPS Y11, Y9, Y13        \
	VMOVUPS Y12, (DI)          \
	VMOVUPS Y13, 32(DI)        \
	VSUBPS Y10, Y8, Y8         \
	VSUBPS Y11, Y9, Y9         \
	VADDPS Y3, Y0, Y10         \
	VSUBPS Y2, Y1, Y11         \
	VSUBPS Y3, Y0, Y12         \
	VADDPS Y2, Y1, Y13

// TWIDDLE multiplies r + i I by the scalars at off(SI) and stores at to.
#define TWIDDLE(off, r, i, to) \
	VBROADCASTSS off(SI), Y0       \
	VBROADCASTSS (off+4)(SI), Y1   \
	VMULPS Y0, r, Y2               \
	VMULPS Y1, i, Y3               \
	VMULPS Y1, r, Y4               \
	VMULPS Y0, i, Y5               \
	VSUBPS Y3, Y2, Y2              \
	VADDPS Y5, Y4, Y4              \
	VMOVUPS Y2, (DI)(to)           \
	VMOVUPS Y4, 32(DI)(to)

// func dif4AVX2(x, twiddle *float32, q, blocks int)
TEXT ·dif4AVX2(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ twiddle+8(FP), DX
	MOVQ q+16(FP), R10
	MOVQ blocks+24(FP), BX
	MOVQ R10, R8
	SHLQ $6, R8
	LEAQ (R8)(R8*2), R9

block:
	MOVQ DX, SI
	MOVQ R10, CX

point:
	BUTTERFLY
	TWIDDLE(0, Y10, Y11, R8*1)
	TWIDDLE(8, Y8, Y9, R8*2)
	TWIDDLE(16, Y12, Y13, R9*1)
	ADDQ $24, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  point
	ADDQ R9, DI
	DECQ BX
	JNZ  block
	VZEROUPPER
	RET

// func dif4LastAVX2(x *float32, blocks int)
TEXT ·dif4LastAVX2(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), DI
	MOVQ blocks+8(FP), CX
	MOVQ $64, R8
	MOVQ $192, R9

last4:
	BUTTERFLY
	VMOVUPS Y10, 64(DI)
	VMOVUPS Y11, 96(DI)
	VMOVUPS Y8, 128(DI)
	VMOVUPS Y9, 160(DI)
	VMOVUPS Y12, 192(DI)
	VMOVUPS Y13, 224(DI)
	ADDQ $256, DI
	DECQ CX
	JNZ  last4
	VZEROUPPER
	RET

// func dif2LastAVX2(x *float32, blocks int)
TEXT ·dif2LastAVX2(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), DI
	MOVQ blocks+8(FP), CX

last2:
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	VADDPS Y2, Y0, Y4
	VADDPS Y3, Y1, Y5
	VSUBPS Y2, Y0, Y6
	VSUBPS Y3, Y1, Y7
	VMOVUPS Y4, (DI)
	VMOVUPS Y5, 32(DI)
	VMOVUPS Y6, 64(DI)
	VMOVUPS Y7, 96(DI)
	ADDQ $128, DI
	DECQ CX
	JNZ  last2
	VZEROUPPER
	RET

// func unpackAVX2(low, high, x *float32, pairs *pair, n int)
TEXT ·unpackAVX2(SB), NOSPLIT, $0-40
	MOVQ low+0(FP), DI
	MOVQ high+8(FP), DX
	MOVQ x+16(FP), BX
	MOVQ pairs+24(FP), SI
	MOVQ n+32(FP), CX

unpack1:
	MOVLQSX 0(SI), R8
	MOVLQSX 4(SI), R9
	VMOVUPS (BX)(R8*1), Y0
	VMOVUPS 32(BX)(R8*1), Y1
	VMOVUPS (BX)(R9*1), Y2
	VMOVUPS 32(BX)(R9*1), Y3
	VBROADCASTSS 8(SI), Y14
	VBROADCASTSS 12(SI), Y15
	VADDPS Y2, Y0, Y4  // er
	VSUBPS Y3, Y1, Y5  // ei
	VSUBPS Y2, Y0, Y6  // or
	VADDPS Y3, Y1, Y7  // oi
	VMULPS Y14, Y6, Y8
	VMULPS Y15, Y7, Y9
	VMULPS Y14, Y7, Y10
	VMULPS Y15, Y6, Y11
	VSUBPS Y9, Y8, Y8   // tr
	VADDPS Y11, Y10, Y9 // ti
	VADDPS Y8, Y4, Y0
	VADDPS Y9, Y5, Y1
	VSUBPS Y8, Y4, Y2
	VSUBPS Y9, Y5, Y3
	VMULPS Y0, Y0, Y0
	VMULPS Y1, Y1, Y1
	VMULPS Y2, Y2, Y2
	VMULPS Y3, Y3, Y3
	VADDPS Y1, Y0, Y0
	VADDPS Y3, Y2, Y2
	VMOVUPS Y0, (DI)
	VMOVUPS Y2, (DX)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $32, DX
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

// DCT adds sums and differences at off(SI), times 4 weights at w(DX).
#define DCT(off, w, a, b, c, d) \
	VMOVUPS off(SI), Y8            \
	VMOVUPS (off+32)(SI), Y9       \
	VBROADCASTSS w(DX), Y10        \
	VBROADCASTSS (w+4)(DX), Y11    \
	VBROADCASTSS (w+8)(DX), Y12    \
	VBROADCASTSS (w+12)(DX), Y13   \
	VMULPS Y8, Y10, Y10            \
	VMULPS Y9, Y11, Y11            \
	VMULPS Y8, Y12, Y12            \
	VMULPS Y9, Y13, Y13            \
	VADDPS Y10, a, a               \
	VADDPS Y11, b, b               \
	VADDPS Y12, c, c               \
	VADDPS Y13, d, d

// func dctAVX2(dst, x, mat *float32, groups, pairs int)
TEXT ·dctAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ mat+16(FP), DX
	MOVQ groups+24(FP), R8
	MOVQ pairs+32(FP), R9

group:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	MOVQ BX, SI
	MOVQ R9, CX

dct2:
	DCT(0, 0, Y0, Y1, Y2, Y3)
	DCT(64, 16, Y4, Y5, Y6, Y7)
	ADDQ $32, DX
	ADDQ $128, SI
	SUBQ $2, CX
	JNZ  dct2
	VADDPS Y4, Y0, Y0
	VADDPS Y5, Y1, Y1
	VADDPS Y6, Y2, Y2
	VADDPS Y7, Y3, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
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
