#include <fmt/format.h>

#include "control/handlers.hpp"
#include "control/problem.hpp"
#include "queue/snapshot.hpp"

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 256 * 1024;
constexpr std::string_view copy_name = "backup.part";  // in the state folder; without a name once it is sent

// The copy, from a file that has no name any more: whatever happens, nothing is left of it.
class BackupStream final : public ReplyBody {
 public:
  BackupStream(ControlContext& context, std::unique_ptr<File> file) : context_(context), file_(std::move(file)) {}

  Task<Result<std::string_view>> next_block() override {
    block_.resize(block_bytes);
    const auto read = [this] { return file_->read_at(block_, offset_); };
    const auto got = co_await context_.doors.file_worker.run(read);
    if (!got) {
      context_.doors.log.error("backup.unreadable", {{"error", got.error().message}});
      co_return got.error();
    }
    offset_ += *got;
    co_return std::string_view(block_).substr(0, *got);
  }

 private:
  ControlContext& context_;
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
  std::string block_;
};

struct OpenCopy {
  std::unique_ptr<File> file;
  std::uint64_t bytes = 0;
};

Result<OpenCopy> open_and_unlink(Files& files, const std::string& path) {
  const auto info = files.info(path);
  if (!info) return info.error();
  auto file = files.open(path, OpenFor::reading);
  if (!file) return file.error();
  if (auto removed = files.remove(path); !removed) return removed.error();
  OpenCopy copy;
  copy.file = std::move(*file);
  copy.bytes = info->bytes;
  return copy;
}

// False where another backup is under way.
Task<bool> copy_database(ControlContext& context, std::string path) {
  const auto begin = [path](const Queue& queue) { return queue.begin_snapshot(path); };
  const auto copy = [](const Queue& queue) { return queue.copy_snapshot(); };
  if (!co_await context.doors.database.read(begin)) co_return false;
  while (!co_await context.doors.database.read(copy)) {
  }
  co_return true;
}

}  // namespace

Task<Reply> get_backup(ControlContext& context) {
  if (context.backing_up) {
    co_return to_reply(conflict("another backup is being made", "try again when it is there"));
  }
  const auto done = [](bool* flag) { *flag = false; };
  context.backing_up = true;
  const std::unique_ptr<bool, void (*)(bool*)> guard(&context.backing_up, done);
  const auto path = join_path(context.folders.state, copy_name);
  // What a daemon that was killed has left.
  const auto clear = [files = &context.doors.files, path] {
    static_cast<void>(files->remove(path + "-journal"));
    return files->remove(path);
  };
  const auto cleared = co_await context.doors.file_worker.run(clear);
  if (!cleared) throw std::runtime_error(cleared.error().message);
  std::exception_ptr failure;
  Result<OpenCopy> copy = make_error(ErrorKind::internal, "no copy was made");
  try {
    if (!co_await copy_database(context, path)) {
      co_return to_reply(conflict("another backup is being made", "try again when it is there"));
    }
    // A thread of its own: reading it all would keep the others waiting.
    Worker checker;
    const auto check = [path] { check_snapshot(path); };
    co_await checker.run(check);
    const auto open = [files = &context.doors.files, path] { return open_and_unlink(*files, path); };
    copy = co_await context.doors.file_worker.run(open);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure || !copy) co_await context.doors.file_worker.run(clear);
  if (failure) std::rethrow_exception(failure);
  if (!copy) throw std::runtime_error(copy.error().message);
  context.doors.log.info("backup.made", {{"bytes", copy->bytes}});
  Reply reply;
  reply.content_type = "application/vnd.sqlite3";
  reply.headers.emplace_back("Offpeak-Backup-Bytes", std::to_string(copy->bytes));
  reply.stream = std::make_unique<BackupStream>(context, std::move(copy->file));
  co_return reply;
}

}  // namespace offpeak
