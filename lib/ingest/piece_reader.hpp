// Reads a job file block by block and gives its pieces, one after the other. Memory is two windows, which grow with the
// file up to `window_bytes`, plus one piece where that is longer. File worker only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "base/files.hpp"
#include "ingest/splitter.hpp"

namespace offpeak {

class PieceReader {
 public:
  PieceReader(File& file, JobFormat format, std::size_t window_bytes);

  // The next piece, a fault, the end, or `more` where about `budget` bytes were read and there is none yet;
  // `budget` goes down by what was read.
  Result<Found> next(std::uint64_t& budget);
  // The same of what is in memory already: where it says `more`, read() goes on.
  Found next_held();
  Result<void> read(std::uint64_t& budget);
  const Piece& piece() const { return splitter_->piece(); }
  const FileError& fault() const { return splitter_->fault(); }

  // The bytes of a piece that next() gave, valid until the next call.
  Result<std::string_view> bytes_of(std::uint64_t offset, std::uint64_t bytes);
  // Where they are in memory: valid until the next read() but one.
  std::optional<std::string_view> held_bytes_of(std::uint64_t offset, std::uint64_t bytes) const;
  void drop_long_piece() { std::string().swap(long_piece_); }

  std::uint64_t bytes_read() const { return window_begin_ + window_bytes_; }
  // Of all the bytes, once the end is reached.
  Digest128 digest() const { return digest_.value(); }

 private:
  Result<void> begin();
  Result<std::size_t> read_block();

  File& file_;
  JobFormat format_;
  std::size_t window_bytes_max_;
  std::unique_ptr<Splitter> splitter_;
  DigestStream digest_;
  std::string window_;
  std::string window_before_;
  std::uint64_t window_begin_ = 0;  // of the window in the file
  std::size_t window_bytes_ = 0;    // how much of the window holds bytes
  std::size_t scanned_ = 0;         // how much of them the splitter has seen
  bool at_end_ = false;             // of the file
  std::string long_piece_;
};

}  // namespace offpeak
