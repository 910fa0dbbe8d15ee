#include "app/networks.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::app {
namespace {

// Folders of this process' own, so that runs side by side do not begin with the same network.
std::string Folder(const char* name) { return "/data/" + std::to_string(getpid()) + name; }

TEST(Networks, NoTwoClustersShareThemAndAFolderKeepsItsOwn) {
  env::MemoryFileSystem files;
  std::string first_pods;
  {
    auto first = Networks::Claim(files, Folder("a"));
    ASSERT_TRUE(first) << first.error().message;
    first_pods = first->pods;
    // A second folder whose path leads to the same networks would be given others: here it is the
    // same path on another file system.
    env::MemoryFileSystem others;
    auto second = Networks::Claim(others, Folder("a"));
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_NE(second->pods, first->pods);
    EXPECT_NE(second->services, first->services);
    auto again = Networks::Claim(files, Folder("a"));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::kConflict);
    EXPECT_NE(again.error().message.find("--data-dir"), std::string::npos);
  }
  auto again = Networks::Claim(files, Folder("a"));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->pods, first_pods);
}

TEST(Networks, ADamagedFileIsNamed) {
  env::MemoryFileSystem files;
  ASSERT_TRUE(files.Write(Folder("b") + "/network", "99\n"));
  auto claimed = Networks::Claim(files, Folder("b"));
  ASSERT_FALSE(claimed);
  EXPECT_NE(claimed.error().message.find("/network: expected a number"), std::string::npos);
}

}  // namespace
}  // namespace weir::app
