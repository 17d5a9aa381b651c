// Which requests of ours a batch ran, by the fingerprints that its results carry: pure. For a batch that no intent
// explains (a restored state has forgotten its intent).
//
// A packer puts neighbouring requests of a job at neighbouring places, so runs of neighbours make the match certain.
// Among equal candidates the first free one is taken, in the order in which they are offered: equal fingerprints are
// equal contents, whose results serve either.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/params.hpp"
#include "queue/rows.hpp"

namespace offpeak {

struct ClaimLine {
  std::uint32_t place = 0;
  Fingerprint print = 0;
};

class ClaimMatcher {
 public:
  // The lines of a batch in any order; of one place the first counts. They have so many bits of their fingerprints.
  explicit ClaimMatcher(std::vector<ClaimLine> lines, unsigned bits = fingerprint_bits);

  std::size_t lines() const { return lines_.size(); }
  // May a line of the index with this checksum be one of them? For jobs without defaults.
  bool may_be(std::uint32_t checksum) const { return checksums_.contains(checksum); }
  // A request that has no outcome yet. More candidates for one fingerprint than can be needed are not kept.
  void offer(JobId job, Seq seq, Fingerprint print);

  // By place; what matches nothing is in none. Once, when everything was offered.
  std::vector<Assignment> match();

 private:
  struct At {
    JobId job;
    Seq seq = 0;
    auto operator<=>(const At&) const = default;
  };
  struct Wanted {
    std::uint32_t lines = 0;
    std::vector<At> offered;
    std::size_t first_free = 0;
  };
  bool is_free(At at, Fingerprint print) const;
  std::size_t run_length(std::size_t line, At at) const;
  const At* choose(std::size_t line);

  std::vector<ClaimLine> lines_;
  unsigned bits_;
  std::unordered_set<std::uint32_t> checksums_;
  std::unordered_map<Fingerprint, Wanted> wanted_;
  std::map<At, Fingerprint> free_;
};

}  // namespace offpeak
