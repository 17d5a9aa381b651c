// Files in claimed/ that no intake and no job knows: a state was put back that is older than they are. They are taken
// in again, under a new id; their own name is lost with the state.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "model/ids.hpp"
#include "queue/rows.hpp"

namespace offpeak {

struct ClaimedFolder {
  struct Unknown {
    JobId id;          // what it was taken in as
    std::string file;  // its name in claimed/
  };
  std::vector<std::string> left_over;  // what crashes left: it goes
  std::vector<Unknown> unknown;
  std::set<JobId> ids;  // of any file here: ids of a restored state begin again, and no file may be written over
};

// Pure. A file of a purged job is left over: a power cut can undo its removal.
ClaimedFolder sort_claimed(const std::set<std::string>& names, const KnownClaims& known);

// The id of a results folder, "<id>-<name>", or none.
JobId id_of_results(std::string_view name);

// A name for the bytes that begin with `head`: "recovered-12.jsonl", with the suffixes that fit them. Pure.
std::string recovered_name(JobId id, std::string_view head);
inline constexpr std::size_t recovered_head_bytes = 64 * 1024;

}  // namespace offpeak
