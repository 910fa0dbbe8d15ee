// Texts inside JSON strings, checked as Go's libraries check them and refused in their words.
// Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace weir::kube {

// encoding/base64's StdEncoding: `illegal base64 data at input byte 5`.
Result<std::string> DecodeGoBase64(std::string_view text);

// time.Parse with RFC 3339, or with exactly six digits of a second where `micro`:
// `parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"`.
Result<Time> ParseGoTime(std::string_view text, bool micro);

}  // namespace weir::kube
