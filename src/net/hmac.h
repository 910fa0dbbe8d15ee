// Keyed hashes, for what the cluster signs and reads again itself. Pure, any thread.
#pragma once

#include <string>
#include <string_view>

namespace weir::net {

// HMAC-SHA-256: 32 bytes.
std::string HmacSha256(std::string_view key, std::string_view text);

// Equal in a time that does not tell where the texts differ.
bool EqualSecrets(std::string_view a, std::string_view b);

}  // namespace weir::net
