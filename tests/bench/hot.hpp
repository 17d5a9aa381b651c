// The pieces of which a job's cost is made, on fixed small inputs: what tests/bench/pieces.cpp times and
// tests/bench/budget.cpp counts the instructions of.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace offpeak::bench {

struct HotPiece {
  std::string name;
  std::string unit;  // what one repetition has `units` of
  std::uint64_t units = 0;
  std::uint64_t bytes = 0;    // that one repetition goes through; 0 where that says nothing
  std::function<void()> run;  // one repetition; throws where the piece did not do what it should
};

// `folder` is for the files of pieces that read and write some.
std::vector<HotPiece> hot_pieces(const std::string& folder);

// One line of a results download, as the provider writes it.
std::string result_line(const std::string& wire_id, std::uint64_t number);

}  // namespace offpeak::bench
