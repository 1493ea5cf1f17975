// CPUID says what the processor can do; XCR0 says which registers the system saves on a switch.
// Only both together make a set usable.
#include "engine/kernels/cpu_features.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/assert.h"

namespace lode::engine {

namespace {

#if defined(__x86_64__) || defined(__i386__)

struct CpuidLeaf {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
};

CpuidLeaf cpuid(unsigned leaf) {
  CpuidLeaf registers;
  // Leaves zeros where the processor does not know the leaf.
  __get_cpuid_count(leaf, 0, &registers.eax, &registers.ebx, &registers.ecx, &registers.edx);
  return registers;
}

bool has_bits(unsigned word, unsigned bits) {
  return (word & bits) == bits;
}

/// XCR0, or 0 where the system has not enabled XGETBV.
unsigned read_xcr0(const CpuidLeaf& leaf1) {
  if (!has_bits(leaf1.ecx, bit_OSXSAVE)) return 0;
  unsigned low = 0;
  unsigned high = 0;
  // By its name and not as the intrinsic: that one would need an -m flag on this file.
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/// Whether the process may use the tile registers: their state is large, and Linux (5.16 or later)
/// gives room for it to those alone who ask. The numbers are those of <asm/prctl.h>.
bool ask_for_tiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr int kRequestPermission = 0x1023;
  constexpr int kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

Isa detect() {
  constexpr unsigned kYmmState = 0x6;          // XCR0: SSE and AVX registers
  constexpr unsigned kZmmState = 0xE6;         // and opmask, upper ZMM halves, ZMM16-31
  constexpr unsigned kTileState = 0x60000;     // tile configuration and tiles
  constexpr unsigned kAvx512Vnni = 1U << 11U;  // leaf 7, ECX
  constexpr unsigned kAmx = 0x3400000;         // leaf 7, EDX: AMX-TILE, AMX-INT8, AMX-BF16
  const CpuidLeaf leaf1 = cpuid(1);
  const CpuidLeaf leaf7 = cpuid(7);
  const unsigned xcr0 = read_xcr0(leaf1);
  if (!has_bits(xcr0, kYmmState) || !has_bits(leaf1.ecx, bit_AVX | bit_FMA | bit_F16C) ||
      !has_bits(leaf7.ebx, bit_AVX2)) {
    return Isa::kGeneric;
  }
  if (!has_bits(xcr0, kZmmState) ||
      !has_bits(leaf7.ebx, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL)) {
    return Isa::kAvx2;
  }
  if (!has_bits(leaf7.ecx, kAvx512Vnni)) return Isa::kAvx512;
  if (!has_bits(xcr0, kTileState) || !has_bits(leaf7.edx, kAmx) || !ask_for_tiles()) {
    return Isa::kAvx512Vnni;
  }
  return Isa::kAvx512Amx;
}

#else

Isa detect() {
  return Isa::kGeneric;
}

#endif

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::kGeneric:
      return "generic";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Vnni:
      return "avx512-vnni";
    case Isa::kAvx512Amx:
      return "avx512-amx";
  }
  LODE_ASSERT(false);
  return {};
}

std::optional<Isa> parse_isa(std::string_view name) {
  for (const Isa isa : kAllIsas) {
    if (isa_name(isa) == name) return isa;
  }
  return std::nullopt;
}

Isa best_isa() {
  static const Isa best = detect();
  return best;
}

std::string isa_names_up_to(Isa isa) {
  std::string names;
  for (const Isa each : kAllIsas) {
    if (each > isa) break;
    if (!names.empty()) names += ", ";
    names += isa_name(each);
  }
  return names;
}

}  // namespace lode::engine
