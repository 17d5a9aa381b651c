// Unpacks a compressed job file into a file beside it, in slices and in bounded memory. File worker only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "ingest/file_kind.hpp"

namespace offpeak {

// Turns compressed bytes into plain ones. Several gzip members or zstd frames may follow each other; anything
// else behind them is refused, and so is a stream that ends early.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  // Takes from the front of `input` and writes to `output`; returns the bytes written, 0 only where it needs
  // more input.
  virtual Result<std::size_t> unpack(std::string_view& input, std::span<char> output) = 0;
  // May the input end here?
  virtual bool complete() const = 0;
};

// zstd windows of at most 128 MiB are accepted.
std::unique_ptr<Unpacker> make_unpacker(Compression compression);

class Decompression {
 public:
  // `bytes_max` bounds what comes out.
  Decompression(File& from, Compression compression, std::uint64_t bytes_max);

  // Makes the file at `to` anew.
  Result<void> begin(Files& files, const std::string& to);
  // Writes up to about `budget` bytes; true when everything is written; syncing is
  // the caller's. ErrorKind::invalid: the
  // file is damaged or too large.
  Result<bool> step(std::uint64_t budget);

  std::uint64_t bytes_written() const { return written_; }

 private:
  Result<bool> refill();

  File& from_;
  std::unique_ptr<Unpacker> unpacker_;
  std::uint64_t bytes_max_;
  std::unique_ptr<File> to_;
  std::string input_;
  std::string_view pending_;  // of the input
  std::uint64_t read_ = 0;
  std::uint64_t written_ = 0;
  std::string output_;
};

}  // namespace offpeak
