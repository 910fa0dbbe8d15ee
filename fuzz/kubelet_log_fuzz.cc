// Output in any pieces becomes entries that give the output back.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "kubelet/log_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  if (size == 0) return 0;
  const std::size_t piece = std::size_t{data[0]} + 1;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  kubelet::LogFormatter formatter;
  std::string entries;
  for (std::size_t i = 0; i < text.size(); i += piece) {
    entries += formatter.Feed(text.substr(i, piece), Time());
  }
  entries += formatter.Finish(Time());
  kubelet::LogRenderer renderer({}, Time());
  std::string out;
  for (std::size_t i = 0; i < entries.size(); i += piece) {
    out += renderer.Render(std::string_view(entries).substr(i, piece));
  }
  WEIR_CHECK(out == text);
  // Arbitrary bytes as a kept log: anything but a crash.
  kubelet::LogOptions options;
  options.limit_bytes = 100;
  options.timestamps = true;
  kubelet::LogRenderer broken(options, Time());
  WEIR_CHECK(broken.Render(text).size() <= 100);
  const auto start = kubelet::TailStart(text, 3);
  WEIR_CHECK(!start || *start <= text.size());
  return 0;
}
