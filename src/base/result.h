// Results of operations that can fail. An Error says what was wrong, where, and what was expected;
// each layer adds its context once (`Prefixed`). Bad input and a failing environment are Errors;
// our own bugs are WEIR_CHECK (check.h). Values, safe on any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

enum class Code {
  kInvalid,      // the caller's input is wrong: retrying the same is useless
  kNotFound,     // what was named does not exist
  kConflict,     // it exists already, or was changed since it was read
  kForbidden,    // the caller is not allowed to, or not known
  kUnavailable,  // a peer or a resource is away: retry later
  kTimeout,      // the deadline passed
  kCancelled,    // the component is stopping
  kInternal,     // anything else that a retry may or may not mend
};

// The code's name in lower case with underscores, as logs print it.
std::string_view CodeName(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;

  bool operator==(const Error&) const = default;
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

using Status = Result<void>;

inline std::unexpected<Error> Fail(Code code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

// `context: message` with the same code.
inline std::unexpected<Error> Prefixed(std::string_view context, const Error& error) {
  return Fail(error.code, std::string(context) + ": " + error.message);
}

}  // namespace weir
