/* Hot loops, compiled once for each generation of processors; the right one is picked when the
 * program starts.
 *
 * Put CALR_CLONES before a function whose loops the compiler can vectorise; what it calls must be
 * inlined into it to profit. The level names are used because gcc takes other "arch=" names as
 * "this very model", so that arch=skylake-avx512 would not run on its successors. Not under
 * sanitizers (the choice is made before they are ready), nor with clang 14 (it makes the dispatcher
 * of a static function a global symbol). */
#ifndef CALR_BASE_CLONES_H
#define CALR_BASE_CLONES_H

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&   \
    __GNUC__ >= 12 && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&           \
    !defined(CALR_NO_CLONES)
#define CALR_CLONES     __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#define CALR_HAS_CLONES 1
#else
#define CALR_CLONES
#define CALR_HAS_CLONES 0
#endif

#endif
