// Which instruction sets this machine has, and the names by which a user caps them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lode::engine {

/// What a kernel may use; each one includes those before it.
enum class Isa : std::uint8_t {
  kGeneric,     ///< the ABI's baseline: SSE2 on x86-64, NEON on AArch64
  kAvx2,        ///< AVX2, FMA, F16C
  kAvx512,      ///< AVX-512 F, BW, DQ, VL
  kAvx512Vnni,  ///< and VNNI
  kAvx512Amx,   ///< and AMX's tiles and their products of bytes and of bfloat16
};

inline constexpr std::array kAllIsas = {Isa::kGeneric, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni,
                                        Isa::kAvx512Amx};

/// "generic", "avx2", "avx512", "avx512-vnni", "avx512-amx".
[[nodiscard]] std::string_view isa_name(Isa isa);

/// The inverse of isa_name.
[[nodiscard]] std::optional<Isa> parse_isa(std::string_view name);

/// The best set that both the processor (CPUID) and the operating system (XCR0: it saves the
/// registers) offer. Constant for the life of the process. The tiles of AMX are asked for here, as
/// Linux wants it: they count as absent where it refuses.
[[nodiscard]] Isa best_isa();

/// The names of all sets up to `isa`, for messages: "generic, avx2".
[[nodiscard]] std::string isa_names_up_to(Isa isa);

}  // namespace lode::engine
