// Reads a job file block by block and gives its pieces, one after the other. Memory is one window, plus one
// piece where that is longer; a piece longer than `piece_bytes_max` is never held. File worker only.
#pragma once

#include <cstdint>
#include <memory>
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
  const Piece& piece() const { return splitter_->piece(); }
  const FileError& fault() const { return splitter_->fault(); }

  // The bytes of a piece that next() gave, valid until the next call.
  Result<std::string_view> bytes_of(std::uint64_t offset, std::uint64_t bytes);
  void drop_long_piece() { std::string().swap(long_piece_); }

  std::uint64_t bytes_read() const { return window_begin_ + window_bytes_; }
  // Of all the bytes, once the end is reached.
  Digest128 digest() const { return digest_.value(); }

 private:
  Result<void> begin();
  Result<std::size_t> read_block();

  File& file_;
  JobFormat format_;
  std::unique_ptr<Splitter> splitter_;
  DigestStream digest_;
  std::string window_;
  std::uint64_t window_begin_ = 0;  // of the window in the file
  std::size_t window_bytes_ = 0;    // how much of the window holds bytes
  std::size_t scanned_ = 0;         // how much of them the splitter has seen
  std::string long_piece_;
};

}  // namespace offpeak
