#include "sim/io_points.hpp"

#include <array>
#include <cerrno>
#include <cstdio>

namespace offpeak::simtest {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t scenario_seed = 4242;

Weather calm_weather() {
  Weather weather;
  weather.provider.seed = scenario_seed;
  weather.provider.processing_time = minutes(5);
  auto& config = weather.config;
  config.paths.spool = "/box/spool";
  config.paths.state = "/box/state";
  config.poll.min_interval = minutes(1);
  config.poll.max_interval = minutes(10);
  config.intake.rescan = minutes(10);
  config.batch.max_requests = 5;
  config.batch.linger = seconds(5);
  return weather;
}

Drop request_file(int number, bool skip, bool synced) {
  DropWishes wishes;
  wishes.seed = scenario_seed;
  SeededRandom random(scenario_seed + static_cast<std::uint64_t>(number));
  // The first one of the wanted kind.
  for (;;) {
    auto drop = make_drop(number, wishes, random);
    const bool skips = drop.content.find("\"skip\"") != std::string::npos;
    const bool held = drop.content.find("\"hold\"") != std::string::npos;
    if (drop.bad || drop.lines.size() < 6 || drop.lines.size() > 12 || skips != skip || held) continue;
    drop.synced = synced;
    return drop;
  }
}

struct Point {
  std::uint64_t at = 0;
  DiskFault fault;
  bool power_cut = false;
  bool later_power_cut = false;  // when the daemon has long gone on
};

// The scenario: two good files and a bad one.
void play(World& world, const Point& point) {
  world.power_cut_next = point.power_cut;
  world.disk().plan(point.fault);
  Drop bad = request_file(2, false, true);
  bad.content = "{]\n";
  bad.name = "bad.jsonl";
  bad.lines.clear();
  bad.bad = true;
  world.drop(request_file(0, false, true));
  world.drop(request_file(1, true, false));
  world.drop(bad);
  world.start();
  world.run_for(minutes(50));
  if (point.later_power_cut) {
    world.disk().repair();
    world.power_cut_next = true;
    world.disk().die();
  }
  world.run_for(minutes(70));
  world.finish();
}

}  // namespace

RunCounts run_io_points(std::uint64_t stride) {
  RunCounts all;
  std::uint64_t operations = 0;
  {
    World world(scenario_seed, calm_weather(), false);
    play(world, {});
    operations = world.disk().operations();
    all.add(world.counts());
    for (const auto& complaint : world.complaints()) std::fprintf(stderr, "without a fault: %s\n", complaint.c_str());
  }
  struct Kind {
    const char* name;
    int error;
    bool lasting;
    bool power_cut;
    bool later_power_cut = false;
  };
  constexpr std::array<Kind, 8> kinds{Kind{"EIO once, cut later", EIO, false, false, true},
                                      Kind{"ENOSPC once, cut later", ENOSPC, false, false, true},
                                      Kind{"EIO once", EIO, false, false},
                                      Kind{"ENOSPC once", ENOSPC, false, false},
                                      Kind{"EIO until repaired", EIO, true, false},
                                      Kind{"ENOSPC until repaired", ENOSPC, true, false},
                                      Kind{"crash", 0, false, false},
                                      Kind{"power cut", 0, false, true}};
  for (const auto& kind : kinds) {
    RunCounts counts;
    for (std::uint64_t at = 1; at <= operations; at += stride) {
      World world(scenario_seed + at, calm_weather(), false);
      play(world, {at, {at, kind.error, kind.lasting}, kind.power_cut, kind.later_power_cut});
      counts.add(world.counts());
      for (const auto& complaint : world.complaints()) {
        std::fprintf(stderr, "%s at operation %llu: %s\n", kind.name, static_cast<unsigned long long>(at),
                     complaint.c_str());
      }
    }
    std::printf("io-points: %-22s %5llu points of %llu, %llu failed\n", kind.name,
                static_cast<unsigned long long>(counts.seeds), static_cast<unsigned long long>(operations),
                static_cast<unsigned long long>(counts.failed_seeds));
    std::fflush(stdout);
    all.add(counts);
  }
  return all;
}

}  // namespace offpeak::simtest
