// Feeds the YAML and JSON readers: whatever the bytes, an answer; and what YAML gives can be
// printed and read again as the same JSON.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "base/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto documents = weir::ParseYaml(text)) {
    for (const weir::YamlDocument& document : *documents) {
      const auto again = weir::ParseJson(weir::DumpJson(document.value));
      WEIR_CHECK(again.has_value());
    }
  }
  if (const auto root = weir::ParseYamlNodes(text)) WEIR_CHECK(root->line >= 1);
  if (const auto json = weir::ParseJson(text)) {
    WEIR_CHECK(weir::ParseJson(weir::DumpJson(*json)).has_value());
  }
  return 0;
}
