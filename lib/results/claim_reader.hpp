// Reads the ids of a results download, a slice a call: which requests a batch ran that no intent explains. On the file
// worker; the memory is a block and a few bytes a line.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/json.hpp"
#include "results/claim_match.hpp"
#include "results/line_reader.hpp"
#include "results/result_line.hpp"

namespace offpeak {

struct ClaimIds {
  std::string nonce;             // of the first line that has one; empty: no line has an id of offpeak's form
  std::vector<ClaimLine> lines;  // with that nonce and a fingerprint
  std::uint64_t total = 0;       // lines of any kind
  std::uint64_t old_form = 0;    // with that nonce, of an earlier version: they say nothing of the content
};

class ClaimReader {
 public:
  explicit ClaimReader(std::unique_ptr<File> raw);

  // False at the end.
  Result<bool> step();
  const ClaimIds& ids() const { return ids_; }
  ClaimIds take() { return std::move(ids_); }

 private:
  void take_line(std::string_view text);

  std::unique_ptr<File> raw_;
  LineReader lines_;
  JsonChecker checker_;
  ResultLine parsed_;
  ClaimIds ids_;
};

}  // namespace offpeak
