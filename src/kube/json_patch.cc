// RFC 6902 and RFC 7386 (patch.h), the first as github.com/evanphx/json-patch has it.
#include <algorithm>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "kube/patch.h"

namespace weir::kube {
namespace {

// What all `copy` operations of a patch may add: upstream's bound for a request's body.
constexpr std::size_t kMaxCopiedBytes = 3 * 1024 * 1024;

std::unexpected<Error> Refuse(std::string message) {
  return Fail(Code::kInvalid, std::move(message));
}

// A step of a path: `~1` is a slash, `~0` a tilde.
std::string DecodeStep(std::string_view step) {
  return ReplaceAll(ReplaceAll(step, "~1", "/"), "~0", "~");
}

// Where an operation works: the container and the last step.
struct Place {
  Json* container = nullptr;
  std::string key;
};

// The index that a step names in a list of `size` elements; negative ones count from its end.
Result<std::size_t> IndexOf(std::string_view step, std::size_t size) {
  std::optional<std::int64_t> index = ParseInt(step);
  auto count = static_cast<std::int64_t>(size);
  if (!index || *index >= count || *index < -count) {
    return Refuse("no element " + Quote(step) + " in a list of " + std::to_string(size));
  }
  return static_cast<std::size_t>(*index < 0 ? *index + count : *index);
}

// One patch being applied to a document of its own.
class Patcher {
 public:
  explicit Patcher(Json document) : document_(std::move(document)) {}

  Status Apply(const Json& operation) {
    std::string name = GetString(operation, "op");
    const Json* path = PathOf(operation, "path");
    if (path == nullptr) return Refuse("an operation without a path");
    std::string to = path->get<std::string>();
    const Json* given = Find(operation, "value");
    Json value = given != nullptr ? *given : Json(nullptr);
    if (name == "add") return Add(to, std::move(value));
    if (name == "remove") return Remove(to);
    if (name == "replace") return Replace(to, std::move(value));
    if (name == "test") return Test(to, value);
    if (name != "move" && name != "copy") return Refuse("unknown operation " + Quote(name));
    const Json* from = PathOf(operation, "from");
    if (from == nullptr) return Refuse("the operation " + Quote(name) + " needs from");
    return Transfer(from->get<std::string>(), to, name == "move");
  }

  Json TakeDocument() { return std::move(document_); }

 private:
  static const Json* PathOf(const Json& operation, std::string_view key) {
    const Json* path = Find(operation, key);
    return path != nullptr && path->is_string() ? path : nullptr;
  }

  Result<Place> Locate(std::string_view path) {
    std::vector<std::string> steps = Split(path, '/');
    if (steps.size() < 2) return Refuse("the path " + Quote(path) + " names nothing");
    Json* at = &document_;
    // What comes before the first slash is not looked at.
    for (std::size_t i = 1; i + 1 < steps.size(); ++i) {
      std::string step = DecodeStep(steps[i]);
      if (at->is_object()) {
        auto member = at->find(step);
        if (member == at->end()) return Refuse(Quote(path) + ": nothing at " + Quote(step));
        at = &*member;
      } else if (at->is_array()) {
        Result<std::size_t> index = IndexOf(step, at->size());
        if (!index) return Prefixed(Quote(path), index.error());
        at = &(*at)[*index];
      } else {
        return Refuse(Quote(path) + ": no members below " + Quote(step));
      }
    }
    if (!at->is_structured()) return Refuse(Quote(path) + ": not in an object or a list");
    return Place{at, DecodeStep(steps.back())};
  }

  // Null where a member is absent; an error where a list has no such element.
  static Result<Json> Get(const Place& place) {
    if (place.container->is_object()) return place.container->value(place.key, Json(nullptr));
    Result<std::size_t> index = IndexOf(place.key, place.container->size());
    if (!index) return std::unexpected(index.error());
    return (*place.container)[*index];
  }

  Status Add(std::string_view path, Json value) {
    Result<Place> place = Locate(path);
    if (!place) return std::unexpected(place.error());
    Json& container = *place->container;
    if (container.is_object()) {
      container[place->key] = std::move(value);
      return {};
    }
    if (place->key == "-") {
      container.push_back(std::move(value));
      return {};
    }
    // The place after the last element is one to add to.
    Result<std::size_t> index = IndexOf(place->key, container.size() + 1);
    if (!index) return std::unexpected(index.error());
    container.insert(container.begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
    return {};
  }

  Status Remove(std::string_view path) {
    Result<Place> place = Locate(path);
    if (!place) return std::unexpected(place.error());
    Json& container = *place->container;
    if (container.is_object()) {
      if (container.erase(place->key) == 0) return Refuse("nothing to remove at " + Quote(path));
      return {};
    }
    Result<std::size_t> index = IndexOf(place->key, container.size());
    if (!index) return std::unexpected(index.error());
    container.erase(*index);
    return {};
  }

  Status Replace(std::string_view path, Json value) {
    Result<Place> place = Locate(path);
    if (!place) return std::unexpected(place.error());
    Json& container = *place->container;
    if (container.is_object()) {
      container[place->key] = std::move(value);
      return {};
    }
    Result<std::size_t> index = IndexOf(place->key, container.size());
    if (!index) return std::unexpected(index.error());
    container[*index] = std::move(value);
    return {};
  }

  Status Test(std::string_view path, const Json& value) {
    Result<Place> place = Locate(path);
    if (!place) return std::unexpected(place.error());
    Result<Json> have = Get(*place);
    if (!have) return std::unexpected(have.error());
    // By their texts: 1 is not 1.0.
    if (DumpJson(*have) != DumpJson(value)) return Refuse("the test of " + Quote(path) + " failed");
    return {};
  }

  Status Transfer(std::string_view from, std::string_view to, bool move) {
    Result<Place> place = Locate(from);
    if (!place) return std::unexpected(place.error());
    Result<Json> value = Get(*place);
    if (!value) return std::unexpected(value.error());
    if (move) {
      if (Status status = Remove(from); !status) return status;
    } else {
      copied_bytes_ += DumpJson(*value).size();
      if (copied_bytes_ > kMaxCopiedBytes) return Refuse("the patch copies too much");
    }
    return Add(to, std::move(*value));
  }

  Json document_;
  std::size_t copied_bytes_ = 0;
};

}  // namespace

Result<Json> JsonPatch(const Json& document, const Json& operations) {
  Patcher patcher(document);
  for (const Json& operation : operations) {
    if (Status status = patcher.Apply(operation); !status) return std::unexpected(status.error());
  }
  return patcher.TakeDocument();
}

Json MergePatch(const Json& document, const Json& patch) {
  if (!patch.is_object()) return patch;
  Json out = document.is_object() ? document : Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      out.erase(key);
    } else {
      out[key] = MergePatch(out.value(key, Json(nullptr)), value);
    }
  }
  return out;
}

}  // namespace weir::kube
