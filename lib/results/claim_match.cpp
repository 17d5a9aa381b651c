#include "results/claim_match.hpp"

#include <algorithm>

namespace offpeak {

namespace {

constexpr std::size_t looked_ahead_max = 64;
constexpr std::size_t compared_max = 32;

}  // namespace

ClaimMatcher::ClaimMatcher(std::vector<ClaimLine> lines, unsigned bits) : lines_(std::move(lines)), bits_(bits) {
  std::ranges::stable_sort(lines_, {}, &ClaimLine::place);
  const auto again = std::ranges::unique(lines_, {}, &ClaimLine::place);
  lines_.erase(again.begin(), again.end());
  for (const auto& line : lines_) {
    ++wanted_[line.print].lines;
    checksums_.insert(checksum_part(line.print));
  }
}

void ClaimMatcher::offer(JobId job, Seq seq, Fingerprint print) {
  print = low_bits(print, bits_);
  const auto found = wanted_.find(print);
  if (found == wanted_.end()) return;
  auto& wanted = found->second;
  if (wanted.offered.size() >= 2 * std::size_t{wanted.lines} + compared_max) return;
  if (free_.emplace(At{job, seq}, print).second) wanted.offered.push_back({job, seq});
}

bool ClaimMatcher::is_free(At at, Fingerprint print) const {
  const auto found = free_.find(at);
  return found != free_.end() && found->second == print;
}

// How many lines from `line` on are the neighbours from `at` on.
std::size_t ClaimMatcher::run_length(std::size_t line, At at) const {
  const auto place = lines_[line].place;
  std::size_t length = 0;
  while (length < looked_ahead_max && line + length < lines_.size()) {
    const auto& next = lines_[line + length];
    if (next.place != place + length || !is_free({at.job, at.seq + static_cast<Seq>(length)}, next.print)) break;
    ++length;
  }
  return length;
}

const ClaimMatcher::At* ClaimMatcher::choose(std::size_t line) {
  auto& wanted = wanted_.at(lines_[line].print);
  const auto& offered = wanted.offered;
  while (wanted.first_free < offered.size() && !free_.contains(offered[wanted.first_free])) ++wanted.first_free;
  const At* best = nullptr;
  std::size_t longest = 0;
  std::size_t compared = 0;
  for (auto i = wanted.first_free; i < offered.size() && compared < compared_max; ++i) {
    if (!free_.contains(offered[i])) continue;
    ++compared;
    const auto length = run_length(line, offered[i]);
    if (length <= longest) continue;
    best = &offered[i];
    longest = length;
  }
  return best;
}

std::vector<Assignment> ClaimMatcher::match() {
  std::vector<Assignment> runs;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto& line = lines_[i];
    if (!runs.empty()) {
      auto& run = runs.back();
      const At next{run.range.job, run.range.first + run.range.count};
      if (run.first_place + run.range.count == line.place && is_free(next, line.print)) {
        free_.erase(next);
        ++run.range.count;
        continue;
      }
    }
    const auto* chosen = choose(i);
    if (chosen == nullptr) continue;
    Assignment run;
    run.first_place = line.place;
    run.range = {chosen->job, chosen->seq, 1};
    free_.erase(*chosen);
    runs.push_back(run);
  }
  return runs;
}

}  // namespace offpeak
