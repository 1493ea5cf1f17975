// Names and order of the instruction sets, and that detection is no better than the system says.
#include "engine/kernels/cpu_features.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace lode::engine {
namespace {

TEST(CpuFeatures, NamesAreReadBack) {
  for (const Isa isa : kAllIsas) EXPECT_EQ(parse_isa(isa_name(isa)), isa);
  EXPECT_EQ(parse_isa("avx512-vnni"), Isa::kAvx512Vnni);
  EXPECT_EQ(parse_isa("AVX2"), std::nullopt);
  EXPECT_EQ(parse_isa(""), std::nullopt);
}

TEST(CpuFeatures, ListsWhatIsThere) {
  EXPECT_EQ(isa_names_up_to(Isa::kGeneric), "generic");
  EXPECT_EQ(isa_names_up_to(Isa::kAvx512), "generic, avx2, avx512");
}

TEST(CpuFeatures, DetectionAgreesWithTheKernel) {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string flags;
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("flags", 0) == 0) flags = line + " ";
  }
  if (flags.empty()) GTEST_SKIP() << "no flags in /proc/cpuinfo";
  const auto has = [&](const std::string& flag) {
    return flags.find(" " + flag + " ") != std::string::npos;
  };
  const bool avx2 = has("avx2") && has("fma") && has("f16c");
  const bool avx512 =
      avx2 && has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl");
  EXPECT_EQ(best_isa() >= Isa::kAvx2, avx2);
  EXPECT_EQ(best_isa() >= Isa::kAvx512, avx512);
  EXPECT_EQ(best_isa() >= Isa::kAvx512Vnni, avx512 && has("avx512_vnni"));
#if defined(__x86_64__)
  // Linux may refuse the tiles where the processor has them.
  const bool tiles = has("amx_tile") && has("amx_int8") &&
                     syscall(SYS_arch_prctl, /*ARCH_REQ_XCOMP_PERM*/ 0x1023, 18) == 0;
  EXPECT_EQ(best_isa() >= Isa::kAvx512Amx, avx512 && has("avx512_vnni") && tiles);
#endif
}

}  // namespace
}  // namespace lode::engine
