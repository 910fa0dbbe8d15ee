// Everything of a request that the API server reads with its own parsers: path, Accept header,
// continue token, token file; and the texts that it makes of stored JSON.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apiserver/accept_plan.h"
#include "apiserver/auth_plan.h"
#include "apiserver/list_plan.h"
#include "apiserver/patch_plan.h"
#include "apiserver/request_info_plan.h"
#include "base/check.h"
#include "base/yaml_writer.h"

namespace {

void Path(std::string_view text) {
  const auto info = weir::apiserver::ParseRequest("GET", text, {});
  if (info && info->is_resource) WEIR_CHECK(info->is_api);
}

void Token(std::string_view text) {
  const auto start = weir::apiserver::DecodeContinue(text);
  if (!start) return;
  const auto again = weir::apiserver::DecodeContinue(weir::apiserver::EncodeContinue(*start));
  WEIR_CHECK(again.has_value() && again->name == start->name && again->ns == start->ns);
}

void Document(std::string_view text) {
  const auto value = weir::ParseJson(text);
  if (!value) return;
  if (value->is_object()) {
    const auto rest = weir::ParseJson(weir::apiserver::WithoutTypeMeta(weir::DumpJson(*value)));
    weir::Json expected = *value;
    expected.erase("kind");
    expected.erase("apiVersion");
    WEIR_CHECK(rest.has_value() && *rest == expected);
  }
  WEIR_CHECK(!weir::ToYaml(*value).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'p':
      Path(text);
      break;
    case 'a':
      (void)weir::apiserver::NegotiateAnswer(text, false);
      break;
    case 'c':
      Token(text);
      break;
    case 't':
      (void)weir::apiserver::ParseTokenFile(text);
      break;
    case 'm':
      (void)weir::apiserver::ParsePatch(weir::apiserver::PatchKind::kJson, text);
      break;
    default:
      Document(text);
  }
  return 0;
}
