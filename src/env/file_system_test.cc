#include "env/file_system.h"

#include <gtest/gtest.h>

#include "env/clock.h"

namespace weir::env {
namespace {

TEST(MemoryFileSystem, BehavesAsFilesDo) {
  MemoryFileSystem files;
  EXPECT_EQ(files.Read("/d/a").error().code, Code::kNotFound);
  ASSERT_TRUE(files.Write("/d/b", "1"));
  ASSERT_TRUE(files.Append("/d/b", "2"));
  ASSERT_TRUE(files.Append("/d/sub/c", "3"));
  EXPECT_EQ(files.Read("/d/b"), "12");
  EXPECT_EQ(files.List("/d"), (std::vector<std::string>{"b", "sub"}));
  EXPECT_EQ(files.List("/d/"), (std::vector<std::string>{"b", "sub"}));
  EXPECT_EQ(files.List("/nothing").error().code, Code::kNotFound);
  EXPECT_TRUE(files.Exists("/d"));
  EXPECT_TRUE(files.Exists("/d/b"));
  EXPECT_FALSE(files.Exists("/d/bb"));
  EXPECT_TRUE(files.Remove("/d/b"));
  EXPECT_EQ(files.Remove("/d/b").error().message, "/d/b: no such file or directory");
}

TEST(FakeClock, MovesOnlyWhenTold) {
  FakeClock clock;
  const Time start = clock.Now();
  clock.Advance(std::chrono::seconds(5));
  EXPECT_EQ(clock.Now() - start, std::chrono::seconds(5));
  EXPECT_EQ(clock.Monotonic(), std::chrono::seconds(5));
}

}  // namespace
}  // namespace weir::env
