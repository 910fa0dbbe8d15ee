#include "kubelet/address_plan.h"

#include <optional>

#include "base/strings.h"

namespace weir::kubelet {
namespace {

std::optional<std::uint32_t> ParseAddress(std::string_view text) {
  const auto parts = Split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  std::uint32_t address = 0;
  for (const std::string& part : parts) {
    const auto number = ParseInt(part);
    if (!number || *number < 0 || *number > 255) return std::nullopt;
    address = (address << 8U) | static_cast<std::uint32_t>(*number);
  }
  return address;
}

std::string FormatAddress(std::uint32_t address) {
  return std::to_string(address >> 24U) + "." + std::to_string((address >> 16U) & 255U) + "." +
         std::to_string((address >> 8U) & 255U) + "." + std::to_string(address & 255U);
}

}  // namespace

Result<AddressPool> AddressPool::Make(const std::string& network) {
  const auto parts = Split(network, '/');
  const auto base = ParseAddress(parts[0]);
  const auto length = parts.size() == 2 ? ParseInt(parts[1]) : std::nullopt;
  if (!base || *base >> 24U != 127U || !length || *length < 9 || *length > 30) {
    return Fail(Code::kInvalid, "pod network " + Quote(network) +
                                    ": expected one inside 127.0.0.0/8, such as 127.64.0.0/16");
  }
  const std::uint32_t hosts = (1U << static_cast<unsigned>(32 - *length)) - 1U;
  AddressPool pool;
  pool.first_ = (*base & ~hosts) + 1U;
  pool.last_ = (*base | hosts) - 1U;
  pool.next_ = pool.first_;
  return pool;
}

Result<std::string> AddressPool::Take() {
  if (taken_.size() > last_ - first_) {
    return Fail(Code::kUnavailable, "all " + std::to_string(taken_.size()) +
                                        " pod addresses are taken; delete pods that ended");
  }
  while (taken_.contains(next_)) next_ = next_ == last_ ? first_ : next_ + 1;
  const std::uint32_t address = next_;
  taken_.insert(address);
  next_ = next_ == last_ ? first_ : next_ + 1;
  return FormatAddress(address);
}

bool AddressPool::Keep(const std::string& address) {
  const auto number = ParseAddress(address);
  if (!number || *number < first_ || *number > last_) return false;
  // New pods get addresses after those that were in use, for the reason given at the class.
  if (*number >= next_) next_ = *number == last_ ? first_ : *number + 1;
  return taken_.insert(*number).second;
}

void AddressPool::Release(const std::string& address) {
  if (const auto number = ParseAddress(address)) taken_.erase(*number);
}

}  // namespace weir::kubelet
