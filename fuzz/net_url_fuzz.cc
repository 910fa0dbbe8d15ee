// URLs, listen addresses and query strings: whatever is accepted is well formed.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "net/http.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto url = weir::net::ParseUrl(text)) {
    WEIR_CHECK(!url->endpoint.host.empty());
    WEIR_CHECK(url->endpoint.port != 0);
    WEIR_CHECK(url->target.starts_with('/'));
  }
  if (const auto listen = weir::net::ParseListenAddress(text, "127.0.0.1")) {
    WEIR_CHECK(!listen->address.empty());
  }
  const auto parameters = weir::net::ParseQuery(text);
  WEIR_CHECK(weir::net::ParseQuery(weir::net::BuildQuery(parameters)) == parameters);
  return 0;
}
