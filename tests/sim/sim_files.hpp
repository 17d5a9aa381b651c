// SimFiles: the Files door over a SimDisk. What is durable when is as lib/base/files.hpp says it.
#pragma once

#include "base/files.hpp"
#include "sim/sim_disk.hpp"

namespace offpeak::simtest {

class SimFiles final : public Files {
 public:
  explicit SimFiles(SimDisk& disk) : disk_(disk) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenFor purpose) override;
  Result<FileInfo> info(const std::string& path) override;
  Result<std::vector<FileInfo>> list(const std::string& folder) override;
  Result<void> make_folders(const std::string& path, unsigned mode) override;
  Result<void> move(const std::string& from, const std::string& to) override;
  Result<void> move_new(const std::string& from, const std::string& to) override;
  Result<void> move_unsynced(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_tree(const std::string& path) override;
  Result<void> sync_folder(const std::string& path) override;
  Result<void> set_mode(const std::string& path, unsigned mode, const std::string& group) override;
  Result<DiskSpace> space(const std::string& path) override;
  Writers writers(const std::string& path) override;
  bool writable(const std::string& path) override;

 private:
  Result<void> move_as(const std::string& from, const std::string& to, bool replace);
  Result<void> sync_both(const std::string& from, const std::string& to);

  SimDisk& disk_;
};

}  // namespace offpeak::simtest
