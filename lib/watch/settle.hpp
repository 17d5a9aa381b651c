// Which files of incoming/ may be taken now: a rename into the folder at once, anything else only when it has
// not changed for `settle` and nobody has it open for writing. Pure: two looks at the folder, their times, and who was
// found to write.
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

// Names that are never looked at, made by programs that rename the file when it is complete: ".x", "x.tmp", "x.part",
// "x.partial" (Safari), "x.filepart" (WinSCP), "x.crdownload" (Chromium), "x~" (editors).
bool is_ignored_name(std::string_view name);

struct SeenFile {
  FileInfo info;
  SteadyTime since{};     // unchanged since
  bool moved_in = false;  // its name was seen to be renamed into the folder
};
using SeenFiles = std::map<std::string, SeenFile>;

struct Settled {
  SeenFiles seen;                           // to be given to the next look
  std::vector<FileInfo> ready;              // oldest first; whether somebody writes to them is still to be asked
  std::optional<SteadyTime> look_again_at;  // when the next one may be ready
};

Settled look_for_settled(const SeenFiles& before, const std::vector<FileInfo>& found,
                         const std::set<std::string>& moved_in, Duration settle, SteadyTime now);

// So many times as long as `settle` must a file be unchanged where nothing tells who has it open.
inline constexpr int blind_settle_factor = 5;

// Of the two witnesses, the file system (Files::writers) and the events of the folder (OpenNames), the first one knows
// writers from readers: where it answers, it decides.
Writers who_writes(Writers by_lease, Writers by_events);

// When a file may be taken; nothing: not before somebody closes it.
std::optional<SteadyTime> ready_at(const SeenFile& seen, Writers writers, Duration settle);

}  // namespace offpeak
