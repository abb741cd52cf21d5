// The instruction set this translation unit is compiled for.
//
// Every kernel is compiled once per level. All its symbols lie in a namespace of the level, so that the linker never takes
// a function compiled for AVX-512 for the baseline's (tests/test_library.py looks for strays).
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
