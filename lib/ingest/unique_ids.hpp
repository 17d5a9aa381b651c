// Finds custom_ids that are used twice, in constant memory for any number of lines: 128-bit digests in sorted
// runs that spill to a file, merged at the end. (A UNIQUE index kept while inserting costs four times the
// whole intake.) File worker only.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "base/files.hpp"

namespace offpeak {

// Where one custom_id was used.
struct IdUse {
  std::uint64_t high = 0, low = 0;  // the digest
  std::uint64_t line = 0;
  std::uint64_t offset = 0;  // of the value in the file
  std::uint32_t seq = 0;     // of the request in the job
  std::uint32_t column = 0;  // of the value in its line
  auto operator<=>(const IdUse& other) const {
    if (const auto order = high <=> other.high; order != 0) return order;
    if (const auto order = low <=> other.low; order != 0) return order;
    return seq <=> other.seq;
  }
  bool operator==(const IdUse& other) const { return (*this <=> other) == 0; }
  bool same_id(const IdUse& other) const { return high == other.high && low == other.low; }
};

IdUse id_use(const Digest128& digest);

struct RepeatedId {
  IdUse again;
  std::uint64_t first_line = 0;
};

class UniqueIds {
 public:
  // At most `run_entries` uses are held in memory; more go to a file at `spill_path`, made anew and removed
  // at the end.
  UniqueIds(Files& files, std::string spill_path, std::size_t run_entries);
  ~UniqueIds();
  UniqueIds(const UniqueIds&) = delete;
  UniqueIds& operator=(const UniqueIds&) = delete;

  // In order of seq.
  Result<void> add(const IdUse& use);
  // After the last add: looks at up to about `most` uses and appends the repeated ones, in no order; true at
  // the end.
  Result<bool> find(std::size_t most, std::vector<RepeatedId>& repeated);

  std::size_t runs() const { return runs_.size(); }

 private:
  struct Run {
    std::uint64_t next = 0, end = 0;  // offsets in the spill file of what is not in the buffer yet
    std::vector<IdUse> buffer;
    std::size_t at = 0;
  };
  Result<void> spill();
  Result<void> start_merge();
  Result<void> fill(Run& run);
  Result<bool> merge(std::size_t most, std::vector<RepeatedId>& repeated);
  void compare(const IdUse& use, std::vector<RepeatedId>& repeated);

  Files& files_;
  std::string spill_path_;
  std::size_t run_entries_;
  std::vector<IdUse> held_;
  std::unique_ptr<File> spilled_;
  std::vector<Run> runs_;
  std::vector<std::size_t> heap_;  // of indices into runs_; empty until the merge starts
  std::size_t buffer_entries_ = 0;
  bool merging_ = false;
  bool any_ = false;  // a use was compared before
  IdUse first_;       // the first use of the id looked at last
  std::size_t held_at_ = 0;
};

}  // namespace offpeak
