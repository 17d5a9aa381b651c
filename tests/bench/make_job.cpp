// Makes a job file, the same bytes for the same seed: see job_lines.hpp. 100,000 lines have about 268 MB.
//
//   bench_make_job --requests N --seed S [--short] > FILE
#include <cstdio>
#include <cstdlib>

#include "job_lines.hpp"

namespace offpeak::bench {

namespace {

constexpr std::size_t write_bytes = 1024 * 1024;

bool write_all(const std::string& bytes) { return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size(); }

int make(std::uint64_t requests, std::uint64_t seed, bool is_short) {
  JobLines lines(seed);
  std::string block;
  for (std::uint64_t number = 0; number < requests; ++number) {
    if (is_short) {
      lines.append_short(number, block);
    } else {
      lines.append_long(number, block);
    }
    if (block.size() < write_bytes) continue;
    if (!write_all(block)) return 1;
    block.clear();
  }
  return write_all(block) && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

}  // namespace offpeak::bench

int main(int argc, char** argv) {
  std::uint64_t requests = 100'000, seed = 1;
  bool is_short = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--short") {
      is_short = true;
    } else if (word == "--requests" && i + 1 < argc) {
      requests = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      fmt::print(stderr, "usage: bench_make_job --requests N --seed S [--short] > FILE\n");
      return 2;
    }
  }
  return offpeak::bench::make(requests, seed, is_short);
}
