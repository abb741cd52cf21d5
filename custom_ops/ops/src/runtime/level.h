// Instruction set that the translation unit is compiled for.
//
// Every kernel is compiled once per level. All its symbols are in a namespace of the level, so that the linker cannot
// replace a function of the baseline by one compiled for AVX-512 (verified by tests/test_library.py).
#pragma once

#ifndef TENSORSMITH_LEVEL
#define TENSORSMITH_LEVEL baseline
#endif

#define TENSORSMITH_TEXT_(x) #x
#define TENSORSMITH_TEXT(x) TENSORSMITH_TEXT_(x)
#define TENSORSMITH_JOIN_(a, b) a##b
#define TENSORSMITH_JOIN(a, b) TENSORSMITH_JOIN_(a, b)

#define TENSORSMITH_BEGIN namespace tensorsmith { inline namespace TENSORSMITH_LEVEL {
#define TENSORSMITH_END } }
