// HTTP messages: whole and cut in two, the same bytes give the same message or both an error.
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/http_parser.h"

namespace {

constexpr std::size_t kHeaderBytesMax = 512;
constexpr std::size_t kBodyBytesMax = 4096;

template <bool kIsRequest>
struct Reader {
  weir::net::MessageParser<kIsRequest> parser{kHeaderBytesMax, kBodyBytesMax};
  std::string pending;
  bool failed = false;

  void Feed(std::string_view bytes) {
    if (failed) return;
    pending += bytes;
    boost::beast::error_code error;
    pending.erase(0, parser.Feed(boost::asio::buffer(pending), error));
    failed = static_cast<bool>(error);
  }
};

template <bool kIsRequest>
void Compare(std::string_view bytes, std::size_t cut) {
  Reader<kIsRequest> whole;
  whole.Feed(bytes);
  Reader<kIsRequest> parts;
  parts.Feed(bytes.substr(0, cut));
  parts.Feed(bytes.substr(cut));
  WEIR_CHECK(whole.parser.body.size() <= kBodyBytesMax);
  if (whole.failed || parts.failed) return;  // an error may be noticed later in the parts
  WEIR_CHECK(whole.parser.is_done() == parts.parser.is_done());
  if (!whole.parser.is_done()) return;  // how much of a part is taken already may differ
  WEIR_CHECK(whole.parser.headers == parts.parser.headers);
  WEIR_CHECK(whole.parser.body == parts.parser.body);
  WEIR_CHECK(whole.pending == parts.pending);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t cut = bytes.empty() ? 0 : data[1] % (bytes.size() + 1);
  if (data[0] % 2 == 0) {
    Compare<true>(bytes, cut);
  } else {
    Compare<false>(bytes, cut);
  }
  return 0;
}
