// Redis replies: whole and cut in two, the same bytes give the same replies.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "brokers/resp.h"

namespace {

using weir::brokers::RespParser;
using weir::brokers::RespValue;

// False after an error.
bool ReadAll(RespParser& parser, std::vector<RespValue>& replies) {
  while (true) {
    auto reply = parser.Next();
    if (!reply) return false;
    if (!*reply) return true;
    replies.push_back(std::move(**reply));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = data[0] % size;
  RespParser whole;
  std::vector<RespValue> expected;
  whole.Feed(bytes);
  const bool whole_ok = ReadAll(whole, expected);
  RespParser parts;
  std::vector<RespValue> replies;
  parts.Feed(bytes.substr(0, cut));
  bool ok = ReadAll(parts, replies);
  if (ok) {
    parts.Feed(bytes.substr(cut));
    ok = ReadAll(parts, replies);
  }
  WEIR_CHECK(ok == whole_ok);
  WEIR_CHECK(replies == expected);
  return 0;
}
