// Which files of incoming/ may be taken now: a rename into the folder at once, anything else only when it has
// not changed for `settle`. Pure: two looks at the folder, and their times.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"

namespace offpeak {

// Names that are never looked at: ".x", "x.tmp", "x.part", "x~".
bool is_ignored_name(std::string_view name);

struct SeenFile {
  FileInfo info;
  SteadyTime since{};     // unchanged since
  bool moved_in = false;  // its name was seen to be renamed into the folder
};
using SeenFiles = std::map<std::string, SeenFile>;

struct Settled {
  SeenFiles seen;                           // to be given to the next look
  std::vector<FileInfo> ready;              // oldest first
  std::optional<SteadyTime> look_again_at;  // when the next one may be ready
};

Settled look_for_settled(const SeenFiles& before, const std::vector<FileInfo>& found,
                         const std::set<std::string>& moved_in, Duration settle, SteadyTime now);

}  // namespace offpeak
