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
  std::string nonce;                 // of the first line that has one; empty: no line has an id of offpeak's form
  std::vector<ClaimLine> lines;      // with that nonce and a fingerprint, one of each place
  unsigned bits = fingerprint_bits;  // of their fingerprints
  std::uint64_t total = 0;           // lines of any kind
  std::uint64_t readable = 0;        // lines with an id, of anybody
  std::uint64_t old_form = 0;        // with that nonce, of an earlier version: they say nothing of the content
  std::uint64_t sum = 0;             // over the lines, in whichever order they come

  // Requests of the batch that have told who they are. Fewer than it ran: the download is not what it should be.
  std::uint64_t told() const { return nonce.empty() ? readable : lines.size() + old_form; }
};

class ClaimReader {
 public:
  explicit ClaimReader(std::unique_ptr<File> raw);

  // False at the end.
  Result<bool> step();
  const ClaimIds& ids() const { return ids_; }
  ClaimIds take() { return std::move(ids_); }

 private:
  Result<void> take_line(const FileLine& line);
  void take_id();
  bool is_first_of(std::uint32_t place);

  std::unique_ptr<File> raw_;
  LineReader lines_;
  JsonChecker checker_;
  ResultLine parsed_;
  std::vector<bool> places_;  // that had their line
  ClaimIds ids_;
};

}  // namespace offpeak
