// The real door to the file system.
#include "base/files.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

class SystemFilesTest : public ::testing::Test {
 protected:
  std::string content(const std::string& path) {
    auto text = read_small_file(files_, path, 1'000'000);
    return text ? *text : "error: " + text.error().message;
  }
  std::unique_ptr<File> open(const std::string& path, OpenFor purpose) {
    auto file = files_.open(path, purpose);
    EXPECT_TRUE(file) << file.error().message;
    return file ? std::move(*file) : nullptr;
  }
  static unsigned mode_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
  }

  TemporaryFolder folder_;
  SystemFiles files_;
};

TEST_F(SystemFilesTest, WritesAndReadsBack) {
  const auto path = folder_ / "f";
  auto file = open(path, OpenFor::writing_new);
  ASSERT_TRUE(file->append("hello "));
  ASSERT_TRUE(file->append("world"));
  ASSERT_TRUE(file->sync());
  std::array<char, 5> buffer{};
  EXPECT_TRUE(read_exactly(*file, buffer, 6));
  EXPECT_EQ(std::string_view(buffer.data(), 5), "world");
  EXPECT_EQ(*file->read_at(buffer, 11), 0U) << "the end";
  EXPECT_EQ(read_exactly(*file, buffer, 7).error().kind, ErrorKind::io);
  const auto info = *file->info();
  EXPECT_EQ(info, *files_.info(path));
  EXPECT_EQ(info.name, "f");
  EXPECT_EQ(info.bytes, 11U);
  EXPECT_EQ(info.type, FileType::regular);
  EXPECT_EQ(info.links, 1U);
}

TEST_F(SystemFilesTest, EachPurposeOpensInItsOwnWay) {
  const auto path = folder_.write("f", "old");
  EXPECT_EQ(files_.open(path, OpenFor::writing_new).error().os_error, EEXIST);
  ASSERT_TRUE(open(path, OpenFor::appending)->append("+new"));
  EXPECT_EQ(content(path), "old+new");
  ASSERT_TRUE(open(path, OpenFor::rewriting)->append("x"));
  EXPECT_EQ(content(path), "x");
  EXPECT_FALSE(open(path, OpenFor::reading)->append("y"));
  EXPECT_EQ(files_.open(folder_ / "none", OpenFor::reading).error().kind, ErrorKind::not_found);
}

TEST_F(SystemFilesTest, LinksAreNotFollowedAndAFifoDoesNotBlock) {
  folder_.write("real", "secret");
  std::filesystem::create_symlink("real", folder_ / "link");
  for (const auto purpose : {OpenFor::reading, OpenFor::rewriting, OpenFor::appending, OpenFor::writing_new}) {
    EXPECT_FALSE(files_.open(folder_ / "link", purpose));
  }
  EXPECT_EQ(files_.info(folder_ / "link")->type, FileType::symlink);
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(files_.info(folder_ / "fifo")->type, FileType::other);
  EXPECT_EQ(open(folder_ / "fifo", OpenFor::reading)->info()->type, FileType::other);
}

TEST_F(SystemFilesTest, ListsEveryNameAsItIs) {
  folder_.write("a b", "");
  folder_.write(".hidden", "x");
  folder_.write("odd\n\xFF", "");
  folder_.write("sub/inner", "");
  auto found = *files_.list(folder_.path());
  std::vector<std::string> names;
  for (const auto& info : found) names.push_back(info.name);
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("a b", ".hidden", "odd\n\xFF", "sub"));
  EXPECT_FALSE(files_.list(folder_ / "a b"));
}

TEST_F(SystemFilesTest, MovesAndNeverOverwritesWhereAskedNotTo) {
  const auto from = folder_.write("a/from", "1");
  const auto to = folder_.write("b/to", "2");
  EXPECT_EQ(files_.move_new(from, to).error().os_error, EEXIST);
  EXPECT_EQ(content(to), "2");
  EXPECT_TRUE(files_.move_new(from, folder_ / "b/fresh"));
  EXPECT_EQ(content(folder_ / "b/fresh"), "1");
  EXPECT_TRUE(files_.move(folder_ / "b/fresh", to));
  EXPECT_EQ(content(to), "1");
  EXPECT_EQ(files_.move(from, to).error().kind, ErrorKind::not_found);
}

TEST_F(SystemFilesTest, RemovingWhatIsMissingIsSuccess) {
  EXPECT_TRUE(files_.remove(folder_ / "none"));
  EXPECT_TRUE(files_.remove_tree(folder_ / "none"));
  folder_.write("t/u/v", "");
  EXPECT_TRUE(files_.remove_tree(folder_ / "t"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "t"));
  EXPECT_FALSE(files_.remove(folder_.path())) << "a folder is no file";
}

TEST_F(SystemFilesTest, FoldersGetTheirModeOnceAndKeepTheirOwn) {
  const auto path = folder_ / "x/y/z";
  ASSERT_TRUE(files_.make_folders(path, 02750));
  EXPECT_EQ(mode_of(path), 02750U);
  ASSERT_EQ(::chmod(path.c_str(), 0700), 0);
  ASSERT_TRUE(files_.make_folders(path, 02750));
  EXPECT_EQ(mode_of(path), 0700U) << "an operator's choice stays";
  EXPECT_FALSE(files_.make_folders(folder_.write("file", "") + "/sub", 0700));
}

TEST_F(SystemFilesTest, SetModeTakesAGroupThatMayNotExist) {
  const auto path = folder_.write("f", "");
  EXPECT_TRUE(files_.set_mode(path, 0640, "no-such-group-here"));
  EXPECT_EQ(mode_of(path), 0640U);
  EXPECT_FALSE(files_.set_mode(folder_ / "none", 0640, ""));
}

TEST_F(SystemFilesTest, ASmallFileHasALimit) {
  const auto path = folder_.write("f", "12345");
  EXPECT_EQ(*read_small_file(files_, path, 5), "12345");
  EXPECT_EQ(read_small_file(files_, path, 4).error().kind, ErrorKind::invalid);
  EXPECT_EQ(*read_small_file(files_, folder_.write("empty", ""), 0), "");
}

TEST_F(SystemFilesTest, ErrorsNameThePathAndTheReason) {
  const auto error = files_.open(folder_ / "none", OpenFor::reading).error();
  EXPECT_EQ(error.message, "cannot open " + (folder_ / "none") + ": No such file or directory");
  EXPECT_EQ(os_error("write", "x", ENOSPC).kind, ErrorKind::disk_full);
  EXPECT_EQ(os_error("write", "x", EDQUOT).kind, ErrorKind::disk_full);
  EXPECT_EQ(in_context("line 3", make_error(ErrorKind::invalid, "bad", "fix it")).message, "line 3: bad");
}

// Readers and closed handles are none; a mapping outlives its descriptor.
TEST_F(SystemFilesTest, KnowsWhoHasAFileOpenForWriting) {
  const auto path = folder_.write("a", "text");
  EXPECT_EQ(files_.writers(path), Writers::none);
  const int reader = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(files_.writers(path), Writers::none);
  const int writer = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_EQ(files_.writers(path), Writers::some);
  void* const mapped = ::mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
  ::close(writer);
  EXPECT_EQ(files_.writers(path), Writers::some);
  ::munmap(mapped, 4);
  EXPECT_EQ(files_.writers(path), Writers::none);
  ::close(reader);
  EXPECT_EQ(files_.writers(folder_.path()), Writers::none) << "a folder has none";
  EXPECT_EQ(files_.writers(folder_ / "missing"), Writers::unknown);
}

// Whoever opens the file for writing while it is asked about breaks a lease, which must not end this process.
TEST_F(SystemFilesTest, AskingForWritersIsHarmlessWhileOthersOpenTheFile) {
  const auto path = folder_.write("a", "text");
  std::thread opener([&path] {
    for (int i = 0; i < 2000; ++i) {
      const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      ASSERT_GE(fd, 0);
      ::close(fd);
    }
  });
  for (int i = 0; i < 2000; ++i) EXPECT_NE(files_.writers(path), Writers::unknown);
  opener.join();
}

TEST_F(SystemFilesTest, TellsTheSpaceOfAFileSystem) {
  const auto space = files_.space(folder_.path());
  ASSERT_TRUE(space);
  EXPECT_GT(space->total, 0u);
  EXPECT_LE(space->free, space->total);
  EXPECT_FALSE(files_.space(folder_ / "missing"));
}

TEST(Paths, AreJoinedAndTakenApart) {
  EXPECT_EQ(join_path("/a", "b"), "/a/b");
  EXPECT_EQ(join_path("/a/", "b"), "/a/b");
  EXPECT_EQ(join_path("", "b"), "b");
  EXPECT_EQ(folder_of("/a/b"), "/a");
  EXPECT_EQ(folder_of("/a"), "/");
  EXPECT_EQ(folder_of("a"), ".");
}

}  // namespace
}  // namespace offpeak
