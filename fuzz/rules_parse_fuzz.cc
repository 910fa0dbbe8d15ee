// Any text is read as rule groups or refused; what is read evaluates without a crash.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "promql/memory_storage.h"
#include "rules/group_state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  if (size > 4096) return 0;
  auto groups = rules::ParseGroups(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!groups) return 0;
  promql::MemoryStorage storage;
  storage.Add(model::Labels({{"__name__", "up"}}), 1000, 1);
  for (rules::Group& group : *groups) {
    rules::GroupState state(std::move(group));
    static_cast<void>(state.Evaluate(FromUnixMillis(2000), storage));
    static_cast<void>(state.Retire(FromUnixMillis(3000)));
  }
  return 0;
}
