#include "base/json.h"

#include <fmt/format.h>

#include <set>
#include <utility>
#include <vector>

template class nlohmann::basic_json<>;

namespace weir {
namespace {

constexpr std::size_t kMaxDepth = 512;

const Json& EmptyArray() {
  static const Json empty = Json::array();
  return empty;
}

const Json& EmptyObject() {
  static const Json empty = Json::object();
  return empty;
}

// Builds the document while it watches depth and duplicate keys.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(std::vector<std::string>* duplicates) : duplicates_(duplicates) {}

  bool null() override { return Put(nullptr); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(value); }
  bool number_unsigned(number_unsigned_t value) override {
    // One integer type where it fits, so that equal numbers compare and print alike.
    if (value <= static_cast<std::uint64_t>(INT64_MAX)) {
      return Put(static_cast<std::int64_t>(value));
    }
    return Put(value);
  }
  bool number_float(number_float_t value, const string_t&) override { return Put(value); }
  bool string(string_t& value) override { return Put(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool key(string_t& name) override {
    Frame& top = stack_.back();
    if (duplicates_ != nullptr && top.value->contains(name)) {
      duplicates_->push_back(PathOf(name));
    }
    top.key = std::move(name);
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    std::string_view what = e.what();
    if (auto at = what.find("] "); at != std::string_view::npos) what.remove_prefix(at + 2);
    error_ = what;
    return false;
  }

  Json root;
  std::string error_;

 private:
  struct Frame {
    Json* value;
    std::string key;
  };

  std::string PathOf(const std::string& last) const {
    std::string path;
    for (const Frame& frame : stack_) {
      if (&frame == &stack_.back()) break;
      if (frame.value->is_object()) {
        path += (path.empty() ? "" : ".") + frame.key;
      } else {
        path += fmt::format("[{}]", frame.value->size() - 1);
      }
    }
    return path + (path.empty() ? "" : ".") + last;
  }

  template <class T>
  Json* Place(T&& value) {
    if (stack_.empty()) {
      root = std::forward<T>(value);
      return &root;
    }
    Frame& top = stack_.back();
    if (top.value->is_array()) {
      top.value->push_back(std::forward<T>(value));
      return &top.value->back();
    }
    Json& slot = (*top.value)[top.key];
    slot = std::forward<T>(value);
    return &slot;
  }

  template <class T>
  bool Put(T&& value) {
    Place(Json(std::forward<T>(value)));
    return true;
  }

  bool Open(Json value) {
    if (stack_.size() >= kMaxDepth) {
      error_ = fmt::format("nested deeper than {} levels", kMaxDepth);
      return false;
    }
    stack_.push_back({Place(std::move(value)), {}});
    return true;
  }

  bool Close() {
    stack_.pop_back();
    return true;
  }

  std::vector<Frame> stack_;
  std::vector<std::string>* duplicates_;
};

}  // namespace

Result<Json> ParseJson(std::string_view text, std::vector<std::string>* duplicate_paths) {
  Builder builder(duplicate_paths);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return Fail(Code::kInvalid, builder.error_.empty() ? "not JSON" : builder.error_);
  }
  return std::move(builder.root);
}

Result<Json> ParseJson(std::string_view text) { return ParseJson(text, nullptr); }

std::string DumpJson(const Json& value) { return DumpJson(value, -1); }

std::string DumpJson(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

const Json* Find(const Json& value, JsonPath path) {
  const Json* at = &value;
  for (std::string_view key : path) {
    at = Find(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

const Json* Find(const Json& value, std::string_view key) {
  if (!value.is_object()) return nullptr;
  auto it = value.find(key);
  return it == value.end() ? nullptr : &*it;
}

Json& Ensure(Json& value, JsonPath path) {
  Json* at = &value;
  for (std::string_view key : path) {
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[std::string(key)];
  }
  return *at;
}

void Erase(Json& value, JsonPath path) {
  Json* at = &value;
  const std::string_view* last = path.end() - 1;
  for (const std::string_view* key = path.begin(); key != last; ++key) {
    if (!at->is_object()) return;
    auto it = at->find(*key);
    if (it == at->end()) return;
    at = &*it;
  }
  if (at->is_object()) at->erase(std::string(*last));
}

std::string GetString(const Json& value, JsonPath path, std::string_view fallback) {
  const Json* found = Find(value, path);
  if (found == nullptr || !found->is_string()) return std::string(fallback);
  return found->get_ref<const std::string&>();
}

std::string GetString(const Json& value, std::string_view key, std::string_view fallback) {
  return GetString(value, {key}, fallback);
}

std::optional<std::int64_t> GetInt(const Json& value, JsonPath path) {
  const Json* found = Find(value, path);
  if (found == nullptr || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

std::int64_t GetInt(const Json& value, JsonPath path, std::int64_t fallback) {
  return GetInt(value, path).value_or(fallback);
}

bool GetBool(const Json& value, JsonPath path, bool fallback) {
  const Json* found = Find(value, path);
  return found != nullptr && found->is_boolean() ? found->get<bool>() : fallback;
}

const Json& GetArray(const Json& value, JsonPath path) {
  const Json* found = Find(value, path);
  return found != nullptr && found->is_array() ? *found : EmptyArray();
}

const Json& GetObject(const Json& value, JsonPath path) {
  const Json* found = Find(value, path);
  return found != nullptr && found->is_object() ? *found : EmptyObject();
}

}  // namespace weir
