#include "workload/program.h"

#include <gtest/gtest.h>

#include "env/clock.h"
#include "net/testing.h"

namespace weir::workload {
namespace {

TEST(Options, NameWhatIsWrong) {
  EXPECT_EQ(ListenOption("--http", ":80")->port, 80);
  EXPECT_TRUE(ListenOption("--http", "80").error().message.starts_with("--http: "));
  EXPECT_EQ(*DurationOption("--per-msg", "250ms"), std::chrono::milliseconds(250));
  for (const char* text : {"-1s", "5", ""}) {
    EXPECT_TRUE(DurationOption("--per-msg", text).error().message.starts_with("--per-msg: "));
  }
  EXPECT_EQ(EnvOr("WEIR_NO_SUCH_VARIABLE", "x"), "x");
}

}  // namespace
}  // namespace weir::workload
