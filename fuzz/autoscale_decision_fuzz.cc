// The bytes are drawn from to make an autoscaler and what it sees in each of six passes: by default
// every decision keeps the rules of autoscale/testing.h; under upstream-exact it is one, and the
// same each time.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "autoscale/testing.h"
#include "base/check.h"
#include "base/json.h"

namespace {

using namespace weir::autoscale;

std::string Passes(const std::uint8_t* data, std::size_t size, const Options& options, bool check) {
  std::size_t at = 0;
  Generator generate([&](std::uint64_t bound) {
    std::uint64_t drawn = 0;
    for (int i = 0; i < 2 && at < size; ++i) drawn = drawn << 8 | data[at++];
    return drawn % bound;
  });
  Subject subject = generate.MakeSubject();
  History history;
  std::int32_t replicas = generate.Count(60);
  std::string trace;
  weir::Time now = kGeneratedStart;
  for (int pass = 0; pass < 6; ++pass) {
    const Observations seen = generate.Observe(subject, replicas);
    Decision decision = Decide(subject, seen, history, now, options);
    Complete(decision, subject, std::nullopt, history, now, options);
    const std::string wrong = check ? WhatIsWrong(subject, seen, decision, now) : "";
    if (!wrong.empty()) std::fprintf(stderr, "%s\n", wrong.c_str());
    WEIR_CHECK(wrong.empty());
    trace +=
        weir::DumpJson(decision.status.ToJson()) + std::to_string(decision.scale_to.value_or(-1));
    subject.status = decision.status;
    replicas = std::max(0, decision.scale_to.value_or(generate.Count(60)));
    now += std::chrono::seconds(1 + generate.Count(60));
  }
  return trace;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Passes(data, size, Options(), true);
  Options quick;
  quick.sync_period = std::chrono::seconds(15);
  Passes(data, size, quick, true);
  const Options exact = Options::UpstreamExact();
  WEIR_CHECK(Passes(data, size, exact, false) == Passes(data, size, exact, false));
  return 0;
}
