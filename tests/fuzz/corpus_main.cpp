// Runs a fuzz target without libFuzzer, so that every build and every continuous integration can: each file of the
// given folders (or each given file) once, then a fixed number of mutations of them, the same for the same seed.
//   fuzz_json tests/fuzz/corpus/json [--mutations 2000] [--seed 1]
// An input that ends the program is left in FAILED-<target> of the working folder; to see it again, name that file and
// --mutations 0.
#include <fmt/format.h>
#include <sanitizer/common_interface_defs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

constexpr std::size_t input_bytes_max = 64 * 1024;

// For the handlers of a crash, which can take no arguments.
std::string current_input;
std::string failed_path;

void keep_input() {
  if (std::FILE* file = std::fopen(failed_path.c_str(), "wb")) {
    std::fwrite(current_input.data(), 1, current_input.size(), file);
    std::fclose(file);
    fmt::print(stderr, "the input is in {} ({} bytes)\n", failed_path, current_input.size());
  }
}

void on_signal(int number) {
  keep_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void run(std::string input) {
  current_input = std::move(input);
  // A copy of exactly its size, so that the address sanitizer sees a read beyond it.
  const std::vector<std::uint8_t> bytes(current_input.begin(), current_input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What formats break on.
constexpr std::string_view tokens[] = {"\"",
                                       "\\",
                                       "{",
                                       "}",
                                       "[",
                                       "]",
                                       ",",
                                       ":",
                                       "\n",
                                       "\r",
                                       "null",
                                       "true",
                                       "-0",
                                       "1e400",
                                       "NaN",
                                       "-",
                                       "\\ud800",
                                       "\\udc00",
                                       "\\u00",
                                       "\\\"",
                                       "\xEF\xBB\xBF",
                                       "\x80",
                                       "\xC2\x85",
                                       "\xED\xA0\x80",
                                       "\xF4\x90\x80\x80",
                                       "\x1B[2J",
                                       "%2e%2f",
                                       "..",
                                       "../",
                                       "=",
                                       "9223372036854775807",
                                       "18446744073709551616",
                                       "4294967296",
                                       "0.1",
                                       "1E-7",
                                       "[[[[[[[[",
                                       "\"id\":",
                                       "\"type\":",
                                       "{}",
                                       "[]",
                                       " ",
                                       "\t",
                                       "%",
                                       "&",
                                       "?",
                                       "/",
                                       "0",
                                       "1000000000",
                                       "\"\"",
                                       "message_batch"};

class Mutator {
 public:
  Mutator(const std::vector<std::string>& seeds, std::uint64_t seed) : seeds_(seeds), random_(seed) {}

  std::string next() {
    auto input = seeds_[below(seeds_.size())];
    for (auto count = 1 + below(4); count > 0; --count) change(input);
    input.resize(std::min(input.size(), input_bytes_max));
    return input;
  }

 private:
  // Not a std distribution: those differ between libraries.
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  std::string slice_of(const std::string& from) {
    const auto begin = below(from.size() + 1);
    return from.substr(begin, below(std::min<std::size_t>(from.size() - begin, 200) + 1));
  }

  void change(std::string& input) {
    const auto at = below(input.size() + 1);
    switch (below(8)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = static_cast<char>(random_());
        break;
      case 2:
        input.erase(at, 1 + below(below(4) == 0 ? input.size() : 8));
        break;
      case 3:
        input.resize(at);
        break;
      case 4:
        input.insert(at, slice_of(input));
        break;
      case 5:
        input.insert(at, slice_of(seeds_[below(seeds_.size())]));
        break;
      case 6:
        input.insert(at, repeated(tokens[below(std::size(tokens))]));
        break;
      default:
        splice(input, seeds_[below(seeds_.size())]);
    }
  }

  // Now and then many times, for what is nested or long.
  std::string repeated(std::string_view token) {
    std::string text;
    for (auto count = below(20) == 0 ? below(600) : 1; count > 0; --count) text += token;
    return text;
  }

  void splice(std::string& input, const std::string& other) {
    const auto at = below(std::min(input.size(), other.size()) + 1);
    input = input.substr(0, at) + other.substr(at);
  }

  const std::vector<std::string>& seeds_;
  std::mt19937_64 random_;
};

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) {
    fmt::print(stderr, "{} is not a number\n", text);
    std::exit(2);
  }
  return value;
}

void add_files(const fs::path& path, std::vector<fs::path>& files) {
  if (!fs::is_directory(path)) {
    files.push_back(path);
    return;
  }
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
}

}  // namespace

int main(int count, char** words) {
  const auto start = std::chrono::steady_clock::now();
  const auto name = fs::path(words[0]).filename().string();
  failed_path = "FAILED-" + name;
  std::uint64_t mutations = 2000;
  std::uint64_t seed = 1;
  std::vector<fs::path> files;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--mutations" && i + 1 < count) {
      mutations = number(words[++i]);
    } else if (word == "--seed" && i + 1 < count) {
      seed = number(words[++i]);
    } else {
      add_files(word, files);
    }
  }
  std::ranges::sort(files);
  if (files.empty()) {
    fmt::print(stderr, "usage: {} FOLDER|FILE... [--mutations N] [--seed S]\n", name);
    return 2;
  }
  std::signal(SIGABRT, on_signal);
#if __has_feature(address_sanitizer)
  __sanitizer_set_death_callback(keep_input);
#else
  std::signal(SIGSEGV, on_signal);
#endif

  fmt::print("{}: {} files, {} mutations, seed {}\n", name, files.size(), mutations, seed);
  std::fflush(stdout);
  std::vector<std::string> seeds;
  for (const auto& file : files) {
    seeds.push_back(read_file(file));
    run(seeds.back());
  }
  run("");
  Mutator mutator(seeds, seed);
  for (std::uint64_t i = 0; i < mutations; ++i) run(mutator.next());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print("{}: good, {:.1f} s\n", name, took.count());
  return 0;
}
