// What a broker sends: whole and cut in two, the same bytes give the same events.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "brokers/amqp_session.h"

namespace {

using weir::brokers::AmqpEvent;
using weir::brokers::AmqpSession;

void Drain(AmqpSession& session, std::vector<AmqpEvent>& events) {
  while (auto event = session.Next()) events.push_back(std::move(*event));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = data[0] % size;
  AmqpSession whole({});
  const bool whole_ok = whole.Feed(bytes).has_value();
  std::vector<AmqpEvent> expected;
  Drain(whole, expected);
  AmqpSession parts({});
  const bool ok = parts.Feed(bytes.substr(0, cut)) && parts.Feed(bytes.substr(cut));
  std::vector<AmqpEvent> events;
  Drain(parts, events);
  WEIR_CHECK(ok == whole_ok);
  WEIR_CHECK(events == expected);
  WEIR_CHECK(parts.TakeOutput() == whole.TakeOutput());
  return 0;
}
