// Any text parses or is refused; what parses prints, parses again to the same text, and evaluates
// over a few series without a crash.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "promql/evaluator.h"
#include "promql/memory_storage.h"
#include "promql/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  const auto expr = promql::Parse(query);
  if (!expr) return 0;
  const std::string text = promql::ToString(*expr);
  const auto again = promql::Parse(text);
  if (!again || promql::ToString(*again) != text) std::abort();
  promql::MemoryStorage storage;
  for (const char* queue : {"a", "b"}) {
    const model::Labels labels({{"__name__", "up"}, {"queue", queue}});
    for (int i = 0; i < 10; ++i) storage.Add(labels, i * 10'000, i % 4);
  }
  promql::EvalOptions options;
  options.max_steps = 10'000;
  const auto value = promql::Evaluate(*expr, FromUnixMillis(90'000), storage, options);
  return value || !value.error().message.empty() ? 0 : -1;
}
