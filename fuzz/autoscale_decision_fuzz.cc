// The bytes are drawn from to make an autoscaler and what it sees in each of six passes: by
// default, and with whatever flags and switches the bytes say, every decision keeps the rules of
// autoscale/testing.h, whatever the order of the pods; under upstream-exact it is one, and the same
// each time.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "autoscale/testing.h"
#include "base/check.h"

namespace {

using namespace weir::autoscale;

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::uint64_t Below(std::uint64_t bound) {
    std::uint64_t drawn = 0;
    for (int i = 0; i < 2 && at_ < size_; ++i) drawn = drawn << 8 | data_[at_++];
    return drawn % bound;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

// `draw`: the flags and switches come from the bytes too.
std::string Run(const std::uint8_t* data, std::size_t size, Options options, bool draw) {
  Bytes bytes(data, size);
  Generator generate([&bytes](std::uint64_t bound) { return bytes.Below(bound); });
  std::uint64_t state = size;
  Generator reorder([&state](std::uint64_t bound) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % bound;
  });
  if (draw) options = generate.MakeOptions();
  const Passes passes = RunPasses(generate, reorder, options);
  if (!passes.wrong.empty()) std::fprintf(stderr, "%s\n", passes.wrong.c_str());
  WEIR_CHECK(passes.wrong.empty());
  if (options.departures.saturate) {
    if (!passes.numbers.empty()) std::fprintf(stderr, "%s\n", passes.numbers.c_str());
    WEIR_CHECK(passes.numbers.empty());
  }
  if (!passes.order.empty()) std::fprintf(stderr, "%s\n", passes.order.c_str());
  WEIR_CHECK(passes.order.empty());
  return passes.trace;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run(data, size, Options(), false);
  Options quick;
  quick.sync_period = std::chrono::seconds(15);
  Run(data, size, quick, false);
  Run(data, size, Options(), true);
  const Options exact = Options::UpstreamExact();
  WEIR_CHECK(Run(data, size, exact, false) == Run(data, size, exact, false));
  return 0;
}
