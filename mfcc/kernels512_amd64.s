//go:build amd64 && !purego

#include "textflag.h"

// The three kernels that take most of the time, with both rows of a complex
// point in one register: the real row in its low half. A difference is a sum
// with the sign of one half flipped, which is the same to the bit.

DATA signs<>+0(SB)/8, $0x8000000080000000
DATA signs<>+8(SB)/8, $0x8000000080000000
DATA signs<>+16(SB)/8, $0x8000000080000000
DATA signs<>+24(SB)/8, $0x8000000080000000
DATA signs<>+32(SB)/8, $0
DATA signs<>+40(SB)/8, $0
DATA signs<>+48(SB)/8, $0
DATA signs<>+56(SB)/8, $0
GLOBL signs<>(SB), RODATA|NOPTR, $64

// SIGNS sets Z31 to flip the real half, Z30 the imaginary one.
#define SIGNS \
	VMOVDQU32 signs<>(SB), Z31          \
	VSHUFF64X2 $0x4e, Z31, Z31, Z30

// BUTTERFLY is that of kernels_amd64.s: it leaves the products to be twiddled
// in Z10, Z9, Z11.
#define BUTTERFLY \
	VMOVUPS (DI), Z0                  \
	VMOVUPS (DI)(R8*1), Z1            \
	VMOVUPS (DI)(R8*2), Z2            \
	VMOVUPS (DI)(R9*1), Z3            \
	VADDPS Z2, Z0, Z4                 \
	VSUBPS Z2, Z0, Z5                 \
	VADDPS Z3, Z1, Z6                 \
	VSUBPS Z3, Z1, Z7                 \
	VADDPS Z6, Z4, Z8                 \
	VSUBPS Z6, Z4, Z9                 \
	VSHUFF64X2 $0x4e, Z7, Z7, Z7      \
	VPXORD Z30, Z7, Z7                \
	VADDPS Z7, Z5, Z10                \
	VSUBPS Z7, Z5, Z11                \
	VMOVUPS Z8, (DI)

// TWIDDLE multiplies z by the scalars at off(SI) and stores it at to.
#define TWIDDLE(off, z, to) \
	VSHUFF64X2 $0x4e, z, z, Z13           \
	VMULPS.BCST off(SI), z, Z12           \
	VMULPS.BCST (off+4)(SI), Z13, Z13     \
	VPXORD Z31, Z13, Z13                  \
	VADDPS Z13, Z12, Z12                  \
	VMOVUPS Z12, (DI)(to)

// func dif4AVX512(x, twiddle *float32, q, blocks int)
TEXT ·dif4AVX512(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ twiddle+8(FP), DX
	MOVQ q+16(FP), R10
	MOVQ blocks+24(FP), BX
	MOVQ R10, R8
	SHLQ $6, R8
	LEAQ (R8)(R8*2), R9
	SIGNS

block:
	MOVQ DX, SI
	MOVQ R10, CX

point:
	BUTTERFLY
	TWIDDLE(0, Z10, R8*1)
	TWIDDLE(8, Z9, R8*2)
	TWIDDLE(16, Z11, R9*1)
	ADDQ $24, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  point
	ADDQ R9, DI
	DECQ BX
	JNZ  block
	VZEROUPPER
	RET

// func dif4LastAVX512(x *float32, blocks int)
TEXT ·dif4LastAVX512(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), DI
	MOVQ blocks+8(FP), CX
	MOVQ $64, R8
	MOVQ $192, R9
	SIGNS

last4:
	BUTTERFLY
	VMOVUPS Z10, 64(DI)
	VMOVUPS Z9, 128(DI)
	VMOVUPS Z11, 192(DI)
	ADDQ $256, DI
	DECQ CX
	JNZ  last4
	VZEROUPPER
	RET

// func unpackAVX512(low, high, x *float32, pairs *pair, n int)
TEXT ·unpackAVX512(SB), NOSPLIT, $0-40
	MOVQ low+0(FP), DI
	MOVQ high+8(FP), DX
	MOVQ x+16(FP), BX
	MOVQ pairs+24(FP), SI
	MOVQ n+32(FP), CX
	SIGNS

unpack1:
	MOVLQSX 0(SI), R8
	MOVLQSX 4(SI), R9
	VMOVUPS (BX)(R8*1), Z0
	VPXORD (BX)(R9*1), Z30, Z1
	VADDPS Z1, Z0, Z2 // E
	VSUBPS Z1, Z0, Z3 // O
	VSHUFF64X2 $0x4e, Z3, Z3, Z4
	VMULPS.BCST 8(SI), Z3, Z3
	VMULPS.BCST 12(SI), Z4, Z4
	VPXORD Z31, Z4, Z4
	VADDPS Z4, Z3, Z3 // vO
	VADDPS Z3, Z2, Z0
	VSUBPS Z3, Z2, Z1
	VMULPS Z0, Z0, Z0
	VMULPS Z1, Z1, Z1
	VEXTRACTF64X4 $1, Z0, Y2
	VEXTRACTF64X4 $1, Z1, Y3
	VADDPS Y2, Y0, Y0
	VADDPS Y3, Y1, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (DX)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $32, DX
	DECQ CX
	JNZ  unpack1
	VZEROUPPER
	RET
