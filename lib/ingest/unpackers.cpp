#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <new>

#include "ingest/decompress.hpp"

namespace offpeak {

namespace {

constexpr int gzip_only = 15 + 16;       // the largest window, and a gzip header rather than a zlib one
constexpr int zstd_window_log_max = 27;  // 128 MiB: what every zstd level but --long=28 and above needs

Error damaged(std::string_view kind, std::string_view why) {
  return make_error(ErrorKind::invalid, fmt::format("the {} data is damaged: {}", kind, why),
                    "copy it again, or compress it again");
}

Error trailing(std::string_view kind) {
  return make_error(ErrorKind::invalid, fmt::format("trailing garbage behind the {} data", kind),
                    "only whole gzip members or zstd frames may follow each other");
}

class GzipUnpacker final : public Unpacker {
 public:
  GzipUnpacker() {
    if (inflateInit2(&stream_, gzip_only) != Z_OK) throw std::bad_alloc();
  }
  ~GzipUnpacker() override { inflateEnd(&stream_); }
  GzipUnpacker(const GzipUnpacker&) = delete;
  GzipUnpacker& operator=(const GzipUnpacker&) = delete;

  Result<std::size_t> unpack(std::string_view& input, std::span<char> output) override {
    for (;;) {
      const auto offered = static_cast<uInt>(input.size());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
      stream_.avail_in = offered;
      stream_.next_out = reinterpret_cast<Bytef*>(output.data());
      stream_.avail_out = static_cast<uInt>(output.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      input.remove_prefix(offered - stream_.avail_in);
      const std::size_t written = output.size() - stream_.avail_out;
      if (status == Z_STREAM_END) {
        ++members_;
        inflateReset(&stream_);
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        return refused(status);
      }
      if (written > 0 || input.empty()) return written;
    }
  }

  bool complete() const override { return members_ > 0 && stream_.total_in == 0; }

 private:
  Error refused(int status) const {
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    const bool in_header = stream_.total_out == 0 && stream_.total_in <= 4;
    if (members_ > 0 && in_header) return trailing("gzip");
    return damaged("gzip", stream_.msg != nullptr ? stream_.msg : "bad data");
  }

  z_stream stream_{};
  std::uint64_t members_ = 0;
};

class ZstdUnpacker final : public Unpacker {
 public:
  ZstdUnpacker() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, zstd_window_log_max);
  }
  ~ZstdUnpacker() override { ZSTD_freeDCtx(context_); }
  ZstdUnpacker(const ZstdUnpacker&) = delete;
  ZstdUnpacker& operator=(const ZstdUnpacker&) = delete;

  Result<std::size_t> unpack(std::string_view& input, std::span<char> output) override {
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    for (;;) {
      if (between_ && input.empty()) return out.pos;
      ZSTD_inBuffer in{input.data(), input.size(), 0};
      const auto status = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(status)) return refused(status);
      input.remove_prefix(in.pos);
      if (status == 0) ++frames_;
      between_ = status == 0;
      if (out.pos > 0 || input.empty()) return out.pos;
    }
  }

  bool complete() const override { return between_ && frames_ > 0; }

 private:
  Error refused(std::size_t status) const {
    if (ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge) {
      return make_error(ErrorKind::invalid, "the zstd data needs a window of more than 128 MiB to be unpacked",
                        "compress it again without --long, or with --long=27 at most");
    }
    const std::string_view why = ZSTD_getErrorName(status);
    if (between_ && why.find("Unknown frame") != std::string_view::npos) return trailing("zstd");
    return damaged("zstd", why);
  }

  ZSTD_DCtx* context_;
  std::uint64_t frames_ = 0;
  bool between_ = false;  // at the end of a frame
};

}  // namespace

std::unique_ptr<Unpacker> make_unpacker(Compression compression) {
  if (compression == Compression::gzip) return std::make_unique<GzipUnpacker>();
  return std::make_unique<ZstdUnpacker>();
}

}  // namespace offpeak
