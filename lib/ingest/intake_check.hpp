// One file on its way in: opened, unpacked where it is compressed, checked - in slices, so that several files
// can take turns. Made on the I/O thread, step() on the file worker, read on the I/O thread between steps.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/files.hpp"
#include "ingest/decompress.hpp"
#include "ingest/file_check.hpp"
#include "ingest/file_kind.hpp"

namespace offpeak {

class IntakeCheck {
 public:
  // `json` is shared by the checks of one worker.
  IntakeCheck(Files& files, JsonChecker& json, std::string claimed, JobId id, std::string name,
              const CheckSettings& settings);

  // An Error is the machine's; ErrorKind::not_found: the file is gone from claimed/. At the end the report
  // tells. What was unpacked until an Error is gone with it.
  Result<CheckSlice> step(std::uint64_t budget);
  // True if the last Error was a full disk after some of the file was unpacked. A disk that was full before that was
  // filled by others.
  bool no_room() const { return no_room_; }

  // Set once the bytes that the job will be made of are all there: they must be synced before it is accepted.
  const std::shared_ptr<File>& data() const { return data_; }
  // The file as it came; the same one where it is not compressed.
  const std::shared_ptr<File>& original() const { return file_; }

  // After the last step. Changed: somebody still writes to it, and what was found means nothing.
  bool changed() const { return changed_; }
  bool rejected() const { return refused_ || check_->rejected(); }
  const ErrorReport& report() const { return refused_ ? *refused_ : check_->report(); }
  const FileCheck& check() const { return *check_; }  // where not rejected
  const FileKind& kind() const { return kind_; }
  std::string data_name() const;
  // The file as it came, when it was opened.
  TakenFile taken() const { return {before_.bytes, before_.modified_ns}; }

 private:
  Result<void> open();
  bool is_plain(const FileInfo& info);
  void begin_data();
  Result<CheckSlice> unpack(std::uint64_t budget);
  Result<bool> unpack_some(std::uint64_t budget);
  Result<bool> not_enough(const DiskSpace& space, std::uint64_t budget) const;
  void refuse(std::string message, std::string hint = "");
  Result<void> compare();

  Files& files_;
  JsonChecker& json_;
  std::string claimed_;
  JobId id_;
  std::string name_;
  CheckSettings settings_;
  FileKind kind_;
  std::shared_ptr<File> file_;
  FileInfo before_;
  std::optional<Decompression> decompression_;
  std::shared_ptr<File> data_;
  std::optional<FileCheck> check_;
  std::optional<ErrorReport> refused_;
  bool changed_ = false;
  bool no_room_ = false;
};

}  // namespace offpeak
