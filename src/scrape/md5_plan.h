// MD5 (RFC 1321), which Prometheus' hashmod action is defined by. Not for anything secret.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::scrape {

std::array<std::uint8_t, 16> Md5(std::string_view bytes);

}  // namespace weir::scrape
