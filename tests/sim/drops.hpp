// What a user drops into incoming/, and what must become of it: job files of many shapes, made from chance, each with
// the request lines that it carries and the bytes that each of them must be on the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "base/random.hpp"

namespace offpeak::simtest {

struct ExpectedLine {
  std::string custom_id;  // as it stands in the file, quotes included; "null" where it cannot be read
  bool skipped = false;   // a bad line of a file with on_invalid "skip"
  bool marked = false;    // it tells the simulated provider what to answer
  Digest128 digest;       // of its params as they must be sent
};

struct Drop {
  int number = 0;
  std::string name;     // in incoming/
  std::string content;  // as written there
  std::string plain;    // unpacked
  std::vector<ExpectedLine> lines;
  bool bad = false;                 // the whole file must be rejected
  bool rerun = false;               // the same content is wanted once more
  std::optional<int> duplicate_of;  // without rerun: of the two, one is refused
  bool synced = true;               // the user made it durable
  bool uncertain = false;           // a power cut may have changed it before it was accepted: anything may come of it
  bool forgotten = false;           // a restored backup does not know it; it was dropped again
  bool canceled = false;            // by the operator
  bool may_be_canceled = false;     // the operator asked for it, and the answer may have been lost with the daemon

  // What was seen of it.
  std::optional<std::int64_t> job;
  bool finished = false;
  bool refused = false;
};

struct DropWishes {
  std::uint64_t seed = 0;
  int most_requests = 30;
  bool markers = true;
  bool account_markers = false;  // requests that make the provider speak of credit
  bool often_marked = false;
  bool good = false;                      // nothing is wrong with the file
  std::optional<std::uint64_t> requests;  // just so many
};

// Drop `number`: the same arguments and the same chance give the same file.
Drop make_drop(int number, const DropWishes& wishes, Random& random);

// The same content under another name.
Drop make_copy(const Drop& original, int number);

}  // namespace offpeak::simtest
