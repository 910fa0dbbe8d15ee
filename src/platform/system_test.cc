#include "platform/system.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

namespace weir::platform {
namespace {

class SystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/weir-system-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  SystemFileSystem files_;
  std::string folder_;
};

TEST_F(SystemTest, WriteReplacesTheWholeFileWithItsMode) {
  const std::string path = folder_ + "/secret";
  ASSERT_TRUE(files_.Write(path, "first and longer", 0600));
  ASSERT_TRUE(files_.Write(path, "second", 0640));
  EXPECT_EQ(*files_.Read(path), "second");
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0640U);
  EXPECT_EQ(*files_.List(folder_), std::vector<std::string>{"secret"});  // no temporary file
}

TEST_F(SystemTest, FilesAndFolders) {
  ASSERT_TRUE(files_.MakeDirs(folder_ + "/a/b/c", 0700));
  ASSERT_TRUE(files_.MakeDirs(folder_ + "/a/b/c", 0700));
  ASSERT_TRUE(files_.Append(folder_ + "/a/log", "one "));
  ASSERT_TRUE(files_.Append(folder_ + "/a/log", "two"));
  EXPECT_EQ(*files_.Read(folder_ + "/a/log"), "one two");
  EXPECT_EQ(*files_.List(folder_ + "/a"), (std::vector<std::string>{"b", "log"}));
  EXPECT_TRUE(files_.Exists(folder_ + "/a/b"));
  ASSERT_TRUE(files_.Remove(folder_ + "/a/log"));
  ASSERT_TRUE(files_.Remove(folder_ + "/a/b/c"));
  EXPECT_FALSE(files_.Exists(folder_ + "/a/b/c"));
}

TEST_F(SystemTest, ErrorsNameThePathAndTheirKind) {
  const std::string missing = folder_ + "/none/file";
  const auto read = files_.Read(missing);
  EXPECT_EQ(read.error().code, Code::kNotFound);
  EXPECT_EQ(read.error().message, missing + ": No such file or directory");
  EXPECT_EQ(files_.Write(missing, "x").error().code, Code::kNotFound);
  EXPECT_EQ(files_.Append(missing, "x").error().code, Code::kNotFound);
  EXPECT_EQ(files_.List(missing).error().code, Code::kNotFound);
  EXPECT_EQ(files_.Remove(missing).error().code, Code::kNotFound);
  ASSERT_TRUE(files_.Write(folder_ + "/file", ""));
  EXPECT_EQ(files_.MakeDirs(folder_ + "/file").error().code, Code::kInvalid);
  EXPECT_EQ(files_.MakeDirs(folder_ + "/file/sub").error().code, Code::kNotFound);
  EXPECT_EQ(files_.Read(folder_).error().code, Code::kUnavailable);  // a folder
}

TEST_F(SystemTest, ALockHasOneHolderWhomTheOtherLearns) {
  const std::string path = folder_ + "/lock";
  {
    auto lock = FileLock::Acquire(path);
    ASSERT_TRUE(lock);
    const auto second = FileLock::Acquire(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kConflict);
    EXPECT_EQ(second.error().message, path + " is locked by process " + std::to_string(getpid()));
    const FileLock moved = std::move(*lock);
    EXPECT_FALSE(FileLock::Acquire(path));
  }
  EXPECT_TRUE(FileLock::Acquire(path));
}

TEST_F(SystemTest, ALockEndsWithItsProcess) {
  const std::string path = folder_ + "/lock";
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = FileLock::Acquire(path);
    _exit(lock ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(FileLock::Acquire(path));
}

TEST_F(SystemTest, ProgramsAreFoundOnPathAndInSbin) {
  EXPECT_TRUE(FindProgram("sh")->ends_with("/sh"));
  EXPECT_EQ(*FindProgram("/bin/sh"), "/bin/sh");
  EXPECT_EQ(FindProgram("weir-no-such-program").error().code, Code::kNotFound);
  EXPECT_EQ(FindProgram(folder_ + "/none").error().code, Code::kNotFound);
  ASSERT_TRUE(files_.Write(folder_ + "/plain", "not executable"));
  EXPECT_FALSE(FindProgram(folder_ + "/plain"));
  EXPECT_TRUE(SelfPath().ends_with("platform_test")) << SelfPath();
}

TEST(SystemClockTest, TimesAreSane) {
  const SystemClock clock;
  EXPECT_GT(clock.Now(), Time(std::chrono::seconds(1700000000)));
  const Duration first = clock.Monotonic();
  EXPECT_LE(first, clock.Monotonic());
}

TEST(SystemRandomTest, ValuesDiffer) {
  SystemRandom random;
  std::set<std::uint64_t> values;
  for (int i = 0; i < 100; ++i) values.insert(random.Next());
  EXPECT_EQ(values.size(), 100U);
}

TEST(SystemEnvTest, AbsentIsEmpty) {
  EXPECT_EQ(GetEnv("WEIR_NO_SUCH_VARIABLE"), "");
  EXPECT_NE(GetEnv("PATH"), "");
}

}  // namespace
}  // namespace weir::platform
