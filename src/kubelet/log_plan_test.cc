#include "kubelet/log_plan.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "kubelet/container_log.h"
#include "platform/process.h"

namespace weir::kubelet {
namespace {

using std::chrono::seconds;
const Time kStart = Time(seconds(1'800'000'000));  // 2027-01-15T08:00:00Z

std::string Entry(const std::string& second, const std::string& rest) {
  return "2027-01-15T08:00:" + second + ".000000000Z stdout " + rest + "\n";
}

TEST(LogFormatter, CutsLinesHoweverTheOutputArrives) {
  const std::string output = "one\ntwo\n\nlast";
  const std::string want =
      Entry("00", "F one") + Entry("00", "F two") + Entry("00", "F ") + Entry("00", "P last");
  for (std::size_t piece = 1; piece <= output.size(); ++piece) {
    LogFormatter formatter;
    std::string entries;
    for (std::size_t i = 0; i < output.size(); i += piece) {
      entries += formatter.Feed(std::string_view(output).substr(i, piece), kStart);
    }
    EXPECT_EQ(entries + formatter.Finish(kStart), want) << piece;
  }
}

TEST(LogFormatter, CutsLongLines) {
  LogFormatter formatter;
  const std::string line(2 * kMaxLogLineBytes + 5, 'x');
  const std::string entries = formatter.Feed(line + "\n", kStart);
  LogRenderer renderer({}, kStart);
  EXPECT_EQ(renderer.Render(entries), line + "\n");
  EXPECT_EQ(std::count(entries.begin(), entries.end(), '\n'), 3);
}

TEST(LogRenderer, Cases) {
  const std::string log = Entry("01", "F one") + Entry("02", "P par") + Entry("02", "F tial") +
                          "broken\n" + Entry("03", "F three");
  const struct {
    std::vector<std::pair<std::string, std::string>> query;
    std::string want;
  } cases[] = {
      {{}, "one\npartial\nthree\n"},
      {{{"timestamps", "true"}},
       "2027-01-15T08:00:01.000000000Z one\n2027-01-15T08:00:02.000000000Z par"
       "2027-01-15T08:00:02.000000000Z tial\n2027-01-15T08:00:03.000000000Z three\n"},
      {{{"limitBytes", "6"}}, "one\npa"},
      {{{"sinceSeconds", "7"}}, "three\n"},
      {{{"sinceTime", "2027-01-15T08:00:02Z"}}, "partial\nthree\n"},
  };
  for (const auto& c : cases) {
    for (std::size_t piece : {std::size_t{1}, std::size_t{7}, log.size()}) {
      LogRenderer renderer(*ParseLogOptions("p", c.query), kStart + seconds(10));
      std::string text;
      for (std::size_t i = 0; i < log.size(); i += piece) {
        text += renderer.Render(std::string_view(log).substr(i, piece));
      }
      EXPECT_EQ(text, c.want);
    }
  }
}

TEST(TailStart, Cases) {
  const struct {
    const char* bytes;
    std::int64_t lines;
    int want;  // -1: begins before
  } cases[] = {{"a\nb\nc\n", 1, 4}, {"a\nb\nc\n", 2, 2}, {"a\nb\nc\n", 3, -1},
               {"a\nb\nc\n", 0, 6}, {"", 1, -1},         {"\n\n\n", 2, 1}};
  for (const auto& c : cases) {
    const auto start = TailStart(c.bytes, c.lines);
    EXPECT_EQ(start ? static_cast<int>(*start) : -1, c.want) << c.bytes << c.lines;
  }
}

// The answers that a real cluster gave.
TEST(ParseLogOptions, RefusesWithUpstreamsWords) {
  const struct {
    std::vector<std::pair<std::string, std::string>> query;
    int code;
    const char* message;
  } cases[] = {
      {{{"tailLines", "x"}}, 400, "strconv.ParseInt: parsing \"x\": invalid syntax"},
      {{{"tailLines", "-1"}},
       422,
       "PodLogOptions \"p\" is invalid: tailLines: Invalid value: -1: must be greater than or "
       "equal "
       "to 0"},
      {{{"sinceSeconds", "0"}},
       422,
       "PodLogOptions \"p\" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0"},
      {{{"limitBytes", "0"}},
       422,
       "PodLogOptions \"p\" is invalid: limitBytes: Invalid value: 0: must be greater than 0"},
      {{{"sinceSeconds", "1"}, {"sinceTime", "2026-01-01T00:00:00Z"}},
       422,
       "PodLogOptions \"p\" is invalid: []: Forbidden: at most one of `sinceTime` or "
       "`sinceSeconds` "
       "may be specified"},
  };
  for (const auto& c : cases) {
    const auto options = ParseLogOptions("p", c.query);
    ASSERT_FALSE(options);
    EXPECT_EQ(GetInt(options.error(), {"code"}), c.code);
    EXPECT_EQ(GetString(options.error(), "message"), c.message);
  }
  const auto options = ParseLogOptions(
      "p", {{"container", "c"}, {"follow", "true"}, {"tailLines", "10"}, {"timestamps", "false"}});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->container, "c");
  EXPECT_TRUE(options->follow);
  EXPECT_FALSE(options->timestamps);
  EXPECT_EQ(options->tail_lines, 10);
}

TEST(ContainerLog, RotatesAndKeepsOffsets) {
  std::string folder = (std::filesystem::temp_directory_path() / "weir-log-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  net::Loop loop;
  const std::string path = folder + "/0.log";
  const std::size_t entry = Entry("00", "F line 0").size();
  auto log = ContainerLog::Create(loop, path, static_cast<std::int64_t>(3 * entry));
  ASSERT_TRUE(log);
  for (int i = 0; i < 8; ++i) (*log)->Append("line " + std::to_string(i) + "\n", kStart);
  EXPECT_EQ((*log)->end(), static_cast<std::int64_t>(8 * entry));
  EXPECT_EQ((*log)->begin(), static_cast<std::int64_t>(3 * entry));
  const auto read = [](const ContainerLog& from) {
    std::string all;
    std::int64_t offset = 0;
    while (true) {
      const std::string bytes = from.Read(&offset, 50);
      if (bytes.empty()) break;
      all += bytes;
    }
    LogRenderer renderer({}, kStart);
    return renderer.Render(all);
  };
  EXPECT_EQ(read(**log), "line 3\nline 4\nline 5\nline 6\nline 7\n");
  (*log)->Append("end", kStart);
  (*log)->Close(kStart);
  const auto old = ContainerLog::OpenOld(loop, path);
  ASSERT_TRUE(old);
  EXPECT_EQ(read(**old), "line 3\nline 4\nline 5\nline 6\nline 7\nend");
  EXPECT_FALSE(ContainerLog::OpenOld(loop, folder + "/1.log"));
  EXPECT_TRUE(platform::RemoveTree(folder));
}

}  // namespace
}  // namespace weir::kubelet
