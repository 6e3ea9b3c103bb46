//go:build amd64 && !purego

#include "textflag.h"

// The kernels that take most of the time, with a row of float64 in one
// register, and with two passes in one where that spares the second level of
// the cache: load and the first butterflies, the last butterflies and unpack.

// SUMS leaves a+c, a-c, b+d, b-d in Z8, Z10; Z9, Z11; Z12, Z14; Z13, Z15.
#define SUMS(ar, ai, br, bi, cr, ci, dr, di) \
	VADDPD cr, ar, Z8    \
	VSUBPD cr, ar, Z9    \
	VADDPD ci, ai, Z10   \
	VSUBPD ci, ai, Z11   \
	VADDPD dr, br, Z12   \
	VSUBPD dr, br, Z13   \
	VADDPD di, bi, Z14   \
	VSUBPD di, bi, Z15

// ENDS makes of SUMS a+b+c+d, a-ib-c+id, a-b+c-d, a+ib-c-id.
#define ENDS(ar, ai, br, bi, cr, ci, dr, di) \
	VADDPD Z12, Z8, ar   \
	VADDPD Z14, Z10, ai  \
	VADDPD Z15, Z9, br   \
	VSUBPD Z13, Z11, bi  \
	VSUBPD Z12, Z8, cr   \
	VSUBPD Z14, Z10, ci  \
	VSUBPD Z15, Z9, dr   \
	VADDPD Z13, Z11, di

// TWIDDLE multiplies r + i I by the scalars at off(tw) and stores it at to.
#define TWIDDLE(tw, off, r, i, to, disp) \
	VBROADCASTSD off(tw), Z8       \
	VBROADCASTSD (off+8)(tw), Z9   \
	VMULPD Z9, i, Z10              \
	VMULPD Z8, i, Z11              \
	VFMSUB231PD Z8, r, Z10         \
	VFMADD231PD Z9, r, Z11         \
	VMOVUPD Z10, disp(DI)(to)      \
	VMOVUPD Z11, (disp+64)(DI)(to)

// WINDOWED turns a sample of the frames into a windowed row.
#define WINDOWED(off, y, z) \
	VCVTPS2PD y, z               \
	VMULPD.BCST off(DX)(SI*2), z, z

// QUARTER loads 4 samples of 8 frames as 4 windowed rows and goes on to the
// next quarter of the frames.
#define QUARTER(a, b, c, d) \
	VMOVUPS (R8)(SI*1), X0                   \
	VMOVUPS (R9)(SI*1), X1                   \
	VMOVUPS (R10)(SI*1), X2                  \
	VMOVUPS (R11)(SI*1), X3                  \
	VINSERTF128 $1, (R12)(SI*1), Y0, Y0      \
	VINSERTF128 $1, (R13)(SI*1), Y1, Y1      \
	VINSERTF128 $1, (AX)(SI*1), Y2, Y2       \
	VINSERTF128 $1, (BX)(SI*1), Y3, Y3       \
	VUNPCKLPS Y1, Y0, Y4                     \
	VUNPCKLPS Y3, Y2, Y5                     \
	VUNPCKHPS Y1, Y0, Y6                     \
	VUNPCKHPS Y3, Y2, Y7                     \
	VUNPCKLPD Y5, Y4, Y0                     \
	VUNPCKHPD Y5, Y4, Y1                     \
	VUNPCKLPD Y7, Y6, Y2                     \
	VUNPCKHPD Y7, Y6, Y3                     \
	WINDOWED(0, Y0, a)                       \
	WINDOWED(8, Y1, b)                       \
	WINDOWED(16, Y2, c)                      \
	WINDOWED(24, Y3, d)                      \
	ADDQ R14, SI

// FIRST is the butterfly of one point at disp(DI), its twiddles at off(R15).
#define FIRST(disp, off) \
	ENDS(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)         \
	VMOVUPD Z0, disp(DI)                         \
	VMOVUPD Z1, (disp+64)(DI)                    \
	TWIDDLE(R15, off, Z2, Z3, CX*1, disp)        \
	TWIDDLE(R15, (off+16), Z4, Z5, CX*2, disp)   \
	ADDQ CX, DI                                  \
	TWIDDLE(R15, (off+32), Z6, Z7, CX*2, disp)   \
	SUBQ CX, DI

// func firstAVX512(dst *float64, frames *[lanes]*float32, window, twiddle *float64, q int)
TEXT ·firstAVX512(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ frames+8(FP), SI
	MOVQ window+16(FP), DX
	MOVQ twiddle+24(FP), R15
	MOVQ q+32(FP), R14
	MOVQ R14, CX
	SHLQ $7, CX // from a point to that of the next quarter
	SHLQ $3, R14 // from a sample to that of the next quarter
	MOVQ 0(SI), R8
	MOVQ 8(SI), R9
	MOVQ 16(SI), R10
	MOVQ 24(SI), R11
	MOVQ 32(SI), R12
	MOVQ 40(SI), R13
	MOVQ 48(SI), AX
	MOVQ 56(SI), BX
	XORQ SI, SI

first2:
	QUARTER(Z16, Z17, Z18, Z19)
	QUARTER(Z20, Z21, Z22, Z23)
	QUARTER(Z24, Z25, Z26, Z27)
	QUARTER(Z28, Z29, Z30, Z31)
	SUBQ R14, SI
	SUBQ R14, SI
	SUBQ R14, SI
	SUBQ R14, SI
	SUMS(Z16, Z17, Z20, Z21, Z24, Z25, Z28, Z29)
	FIRST(0, 0)
	SUMS(Z18, Z19, Z22, Z23, Z26, Z27, Z30, Z31)
	FIRST(128, 48)
	ADDQ $96, R15
	ADDQ $256, DI
	ADDQ $16, SI
	CMPQ SI, R14
	JB   first2
	VZEROUPPER
	RET

// func dif4AVX512(x, twiddle *float64, q, blocks int)
TEXT ·dif4AVX512(SB), NOSPLIT, $0-32
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
	VMOVUPD (DI), Z0
	VMOVUPD 64(DI), Z1
	VMOVUPD (DI)(R8*1), Z2
	VMOVUPD 64(DI)(R8*1), Z3
	VMOVUPD (DI)(R8*2), Z4
	VMOVUPD 64(DI)(R8*2), Z5
	VMOVUPD (DI)(R9*1), Z6
	VMOVUPD 64(DI)(R9*1), Z7
	SUMS(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	ENDS(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	VMOVUPD Z0, (DI)
	VMOVUPD Z1, 64(DI)
	TWIDDLE(SI, 0, Z2, Z3, R8*1, 0)
	TWIDDLE(SI, 16, Z4, Z5, R8*2, 0)
	TWIDDLE(SI, 32, Z6, Z7, R9*1, 0)
	ADDQ $48, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  point
	ADDQ R9, DI
	DECQ BX
	JNZ  block
	VZEROUPPER
	RET

// LAST transforms the block of four points at base.
#define LAST(base, ar, ai, br, bi, cr, ci, dr, di) \
	VMOVUPD (base), Z0      \
	VMOVUPD 64(base), Z1    \
	VMOVUPD 128(base), Z2   \
	VMOVUPD 192(base), Z3   \
	VMOVUPD 256(base), Z4   \
	VMOVUPD 320(base), Z5   \
	VMOVUPD 384(base), Z6   \
	VMOVUPD 448(base), Z7   \
	SUMS(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7) \
	ENDS(ar, ai, br, bi, cr, ci, dr, di)

// UNPACK writes the two bins of the pair at off(SI).
#define UNPACK(off, ar, ai, br, bi) \
	MOVLQSX (off+8)(SI), R8            \
	MOVLQSX (off+12)(SI), R9           \
	VADDPD br, ar, Z0                  \
	VSUBPD bi, ai, Z1                  \
	VSUBPD br, ar, Z2                  \
	VADDPD bi, ai, Z3                  \
	VBROADCASTSD (off+16)(SI), Z4      \
	VBROADCASTSD (off+24)(SI), Z5      \
	VMULPD Z5, Z3, Z6                  \
	VMULPD Z4, Z3, Z7                  \
	VFMSUB231PD Z4, Z2, Z6             \
	VFMADD231PD Z5, Z2, Z7             \
	VADDPD Z6, Z0, Z2                  \
	VADDPD Z7, Z1, Z3                  \
	VSUBPD Z6, Z0, Z0                  \
	VSUBPD Z7, Z1, Z1                  \
	VMULPD Z2, Z2, Z2                  \
	VMULPD Z0, Z0, Z0                  \
	VFMADD231PD Z3, Z3, Z2             \
	VFMADD231PD Z1, Z1, Z0             \
	VCVTPD2PS Z2, Y2                   \
	VCVTPD2PS Z0, Y0                   \
	VMOVUPS Y2, (DI)(R8*1)             \
	VMOVUPS Y0, (DI)(R9*1)

// func lastAVX512(dst *float32, x *float64, pairs *pair, n int)
TEXT ·lastAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ pairs+16(FP), SI
	MOVQ n+24(FP), CX

last4:
	MOVLQSX 0(SI), R8
	MOVLQSX 100(SI), R9
	ADDQ BX, R8
	ADDQ BX, R9
	LAST(R8, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)
	LAST(R9, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31)
	UNPACK(0, Z16, Z17, Z30, Z31)
	UNPACK(32, Z18, Z19, Z28, Z29)
	UNPACK(64, Z20, Z21, Z26, Z27)
	UNPACK(96, Z22, Z23, Z24, Z25)
	ADDQ $128, SI
	DECQ CX
	JNZ  last4
	VZEROUPPER
	RET

// func dctAVX512(dst, x *float32, mat *float64, groups, pairs int)
TEXT ·dctAVX512(SB), NOSPLIT, $0-40
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
	MOVQ BX, SI
	MOVQ R9, CX

dct1:
	VCVTPS2PD (SI), Z4
	VCVTPS2PD 32(SI), Z5
	VFMADD231PD.BCST (DX), Z4, Z0
	VFMADD231PD.BCST 8(DX), Z5, Z1
	VFMADD231PD.BCST 16(DX), Z4, Z2
	VFMADD231PD.BCST 24(DX), Z5, Z3
	ADDQ $32, DX
	ADDQ $64, SI
	DECQ CX
	JNZ  dct1
	VCVTPD2PS Z0, Y0
	VCVTPD2PS Z1, Y1
	VCVTPD2PS Z2, Y2
	VCVTPD2PS Z3, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ $128, DI
	DECQ R8
	JNZ  group
	VZEROUPPER
	RET
