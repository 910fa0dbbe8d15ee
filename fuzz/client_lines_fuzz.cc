// A watch's lines: whole and cut in two, the same bytes give the same lines.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "client/line_splitter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::client::LineSplitter;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = data[0] % size;
  std::vector<std::string> expected;
  LineSplitter whole(64);
  const auto want = whole.Feed(bytes, [&expected](std::string_view line) {
    expected.emplace_back(line);
    return true;
  });
  std::vector<std::string> lines;
  LineSplitter parts(64);
  const auto take = [&lines](std::string_view line) {
    lines.emplace_back(line);
    return true;
  };
  auto got = parts.Feed(bytes.substr(0, cut), take);
  if (got == LineSplitter::Outcome::kMore) got = parts.Feed(bytes.substr(cut), take);
  WEIR_CHECK(got == want);
  WEIR_CHECK(lines == expected);
  return 0;
}
