// offpeak-simtest: runs seeds, each a virtual run of the whole daemon, and says whether every promise was kept.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "sim/io_points.hpp"
#include "sim/world.hpp"

namespace offpeak::simtest {

namespace {

constexpr const char* usage = R"(usage: offpeak-simtest MODE [OPTION]...

  --seeds A..B     runs these seeds
  --seed N         runs one seed twice and compares; a failing one shows its event log
  --minutes M      runs new seeds until M minutes are over
  --io-points      one small job, once for every disk operation: it fails once, fails until the disk is repaired, or is
                   the last one before a crash or a power cut

  --trace          with --seed: prints the event log as it happens
  --small          with --seed and --seeds: fewer requests and waits, for builds with sanitizers
  --features LIST  what else may go wrong: all, none, or of single, strangers, lists, gateway, workspaces, backups, waits,
                   with commas between them (features.hpp; default: all)
  --jobs J         processes, for --seeds and --minutes (default 1)
  --first N        with --minutes: the first seed (default: chosen by the clock)
  --stride K       with --io-points: every K-th operation only (default 1)

Prints one summary line. Exit 0: every promise was kept.
)";

struct Options {
  enum class Mode : std::uint8_t { none, seeds, one, minutes, io_points } mode = Mode::none;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  double minutes = 0;
  int jobs = 1;
  int stride = 1;
  bool trace = false;
  Size size = Size::whole;
  Features features = *Features::parse(default_features);
};

std::optional<Options> parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : nullptr;
    const auto number = [&] { return std::strtoull(words[++i], nullptr, 10); };
    if (word == "--trace") {
      options.trace = true;
    } else if (word == "--small") {
      options.size = Size::small;
    } else if (word == "--io-points") {
      options.mode = Options::Mode::io_points;
    } else if (value == nullptr) {
      return std::nullopt;
    } else if (word == "--seeds") {
      options.mode = Options::Mode::seeds;
      const auto* dots = std::strstr(value, "..");
      if (dots == nullptr) return std::nullopt;
      options.last = std::strtoull(dots + 2, nullptr, 10);
      options.first = number();
    } else if (word == "--seed") {
      options.mode = Options::Mode::one;
      options.first = options.last = number();
    } else if (word == "--minutes") {
      options.mode = Options::Mode::minutes;
      options.minutes = std::strtod(words[++i], nullptr);
    } else if (word == "--features") {
      const auto features = Features::parse(words[++i]);
      if (!features) return std::nullopt;
      options.features = *features;
    } else if (word == "--first") {
      options.first = number();
    } else if (word == "--jobs") {
      options.jobs = static_cast<int>(number());
    } else if (word == "--stride") {
      options.stride = static_cast<int>(number());
    } else {
      return std::nullopt;
    }
  }
  if (options.mode == Options::Mode::none || options.jobs < 1 || options.stride < 1) return std::nullopt;
  return options;
}

volatile std::sig_atomic_t current_seed = 0;

// A run that never ends says which one it was.
void on_alarm(int) {
  char text[96];
  const int size = std::snprintf(text, sizeof text, "seed %ld does not end: offpeak-simtest --seed %ld --trace\n",
                                 static_cast<long>(current_seed), static_cast<long>(current_seed));
  static_cast<void>(!::write(2, text, static_cast<std::size_t>(size)));
  ::_exit(3);
}

constexpr unsigned seconds_a_seed = 120;

RunCounts run_seed(std::uint64_t seed, const Options& options, bool trace, std::uint64_t* digest) {
  current_seed = static_cast<std::sig_atomic_t>(seed);
  ::alarm(seconds_a_seed);
  World world(seed, make_weather(seed, options.size, options.features), trace);
  world.run();
  ::alarm(0);
  if (digest != nullptr) *digest = world.trace().digest();
  if (!world.complaints().empty()) {
    std::string text = fmt::format("seed {} FAILED\n", seed);
    for (const auto& complaint : world.complaints()) text += "  " + complaint + "\n";
    text += fmt::format("  replay: offpeak-simtest --seed {} --trace{}{}\n", seed,
                        options.size == Size::small ? " --small" : "",
                        options.features.any() ? " --features " + options.features.text() : "");
    std::fputs(text.c_str(), stderr);
    if (!trace && digest != nullptr) std::fputs(world.trace().text().c_str(), stderr);
  }
  return world.counts();
}

// One seed twice: the runs must not differ.
RunCounts run_one(const Options& options) {
  std::uint64_t first = 0;
  std::uint64_t again = 0;
  auto counts = run_seed(options.first, options, options.trace, &first);
  World second(options.first, make_weather(options.first, options.size, options.features), false);
  second.run();
  again = second.trace().digest();
  std::printf("seed %llu: event log %016llx, again %016llx\n", static_cast<unsigned long long>(options.first),
              static_cast<unsigned long long>(first), static_cast<unsigned long long>(again));
  if (first != again) {
    std::fputs("the second run of the seed differs from the first\n", stderr);
    ++counts.failed_seeds;
  }
  return counts;
}

RunCounts run_share(const Options& options, int share) {
  RunCounts counts;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.minutes * 60);
  for (std::uint64_t seed = options.first + static_cast<std::uint64_t>(share);;
       seed += static_cast<std::uint64_t>(options.jobs)) {
    if (options.mode == Options::Mode::seeds ? seed > options.last : std::chrono::steady_clock::now() >= end) break;
    counts.add(run_seed(seed, options, false, nullptr));
  }
  return counts;
}

// Each process takes every n-th seed; its counts come back through a pipe.
RunCounts run_shares(const Options& options) {
  if (options.jobs == 1) return run_share(options, 0);
  RunCounts all;
  std::vector<std::pair<pid_t, int>> children;
  for (int share = 0; share < options.jobs; ++share) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    const pid_t child = ::fork();
    if (child == 0) {
      const auto counts = run_share(options, share);
      const bool sent = ::write(ends[1], &counts, sizeof counts) == static_cast<ssize_t>(sizeof counts);
      ::_exit(sent ? 0 : 3);
    }
    ::close(ends[1]);
    children.emplace_back(child, ends[0]);
  }
  for (const auto& [child, end] : children) {
    RunCounts counts;
    const bool came = ::read(end, &counts, sizeof counts) == static_cast<ssize_t>(sizeof counts);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(end);
    if (came) {
      all.add(counts);
    } else {
      std::fprintf(stderr, "a process ended with status %d\n", status);
      ++all.failed_seeds;
    }
  }
  return all;
}

}  // namespace

int run_simtest(int count, char** words) {
  auto options = parse(count, words);
  if (!options) {
    std::fputs(usage, stderr);
    return 2;
  }
  ::signal(SIGALRM, on_alarm);
  if (options->mode == Options::Mode::minutes && options->first == 0) {
    options->first = static_cast<std::uint64_t>(std::time(nullptr)) % 1'000'000 * 100'000;
  }
  RunCounts counts;
  switch (options->mode) {
    case Options::Mode::io_points:
      counts = run_io_points(static_cast<std::uint64_t>(options->stride));
      break;
    case Options::Mode::one:
      counts = run_one(*options);
      break;
    default:
      counts = run_shares(*options);
  }
  // A run of fewer seeds than were asked for shows less than it seems to.
  if (options->mode == Options::Mode::seeds && counts.seeds != options->last - options->first + 1) {
    std::fprintf(stderr, "%llu seeds ran of %llu\n", static_cast<unsigned long long>(counts.seeds),
                 static_cast<unsigned long long>(options->last - options->first + 1));
    ++counts.failed_seeds;
  }
  std::printf("simtest: %s\n", counts.text().c_str());
  return counts.failed_seeds == 0 ? 0 : 1;
}

}  // namespace offpeak::simtest

int main(int count, char** words) { return offpeak::simtest::run_simtest(count, words); }
