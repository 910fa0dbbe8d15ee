// Feeds selectors: what is taken prints as a text that selects the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "kube/selector.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(weir::kube::ParseFieldSelector(text));
  if (const auto object = weir::ParseJson(text)) {
    static_cast<void>(weir::kube::LabelSelector::FromJson(*object));
  }
  const auto selector = weir::kube::LabelSelector::Parse(text);
  if (!selector) {
    WEIR_CHECK(!selector.error().message.empty());
    return 0;
  }
  const auto again = weir::kube::LabelSelector::Parse(selector->ToString());
  WEIR_CHECK(again.has_value());
  WEIR_CHECK(again->ToString() == selector->ToString());
  const weir::Json labels = {{"a", "b"}, {"n", "3"}, {"example.com/x", ""}};
  WEIR_CHECK(again->Matches(labels) == selector->Matches(labels));
  return 0;
}
