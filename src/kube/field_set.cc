#include "kube/field_set.h"

#include <string>
#include <utility>

namespace weir::kube {
namespace {

constexpr const char* kSelf = ".";
constexpr int kMaxDepth = 512;

bool IsStep(std::string_view text) {
  return text.size() >= 2 && text[1] == ':' &&
         (text[0] == 'f' || text[0] == 'k' || text[0] == 'v' || text[0] == 'i');
}

bool IsSetBelow(const Json& set, int depth) {
  if (!set.is_object() || depth > kMaxDepth) return false;
  for (const auto& [step, below] : set.items()) {
    if (step == kSelf ? !below.is_object() : !IsStep(step) || !IsSetBelow(below, depth + 1)) {
      return false;
    }
  }
  return true;
}

bool IsField(const Json& node) { return node.empty() || node.contains(kSelf); }

bool HasBelow(const Json& node) { return node.size() > (node.contains(kSelf) ? 1U : 0U); }

// The node with `field` as whether it is one itself; false: nothing is left of it.
bool Settle(Json& node, bool field) {
  const bool below = HasBelow(node);
  if (field && below) {
    node[kSelf] = Json::object();
  } else {
    node.erase(kSelf);
  }
  return field || below;
}

// NOLINTBEGIN(misc-no-recursion): sets are at most as deep as objects.
bool SubtractNode(Json& node, const Json& less) {
  const bool field = IsField(node) && !IsField(less);
  for (const auto& [step, below] : less.items()) {
    if (step == kSelf) continue;
    const auto it = node.find(step);
    if (it != node.end() && !SubtractNode(*it, below)) node.erase(it);
  }
  return Settle(node, field);
}

void UniteNode(Json& node, const Json& more) {
  const bool field = IsField(node) || IsField(more);
  for (const auto& [step, below] : more.items()) {
    if (step == kSelf) continue;
    const auto [it, fresh] = node.emplace(step, below);
    if (!fresh) UniteNode(*it, below);
  }
  Settle(node, field);
}

Json CommonNode(const Json& a, const Json& b) {
  Json node;
  for (const auto& [step, below] : a.items()) {
    if (step == kSelf) continue;
    const auto it = b.find(step);
    if (it == b.end()) continue;
    Json common = CommonNode(below, *it);
    if (!common.is_null()) node[step] = std::move(common);
  }
  if (IsField(a) && IsField(b)) MarkField(node);
  return node;
}
// NOLINTEND(misc-no-recursion): see its beginning

}  // namespace

bool IsFieldSet(const Json& set) { return IsSetBelow(set, 0); }

void MarkField(Json& set) {
  if (set.is_null()) {
    set = Json::object();
  } else if (!set.empty()) {
    set[kSelf] = Json::object();
  }
}

void UniteFields(Json& set, const Json& more) {
  if (!more.is_object()) return;
  if (!set.is_object()) set = Json::object();
  for (const auto& [step, below] : more.items()) {
    const auto [it, fresh] = set.emplace(step, below);
    if (!fresh && step != kSelf) UniteNode(*it, below);
  }
}

void SubtractFields(Json& set, const Json& less) {
  if (!less.is_object() || !set.is_object()) return;
  for (const auto& [step, below] : less.items()) {
    const auto it = set.find(step);
    if (it != set.end() && (step == kSelf || !SubtractNode(*it, below))) set.erase(it);
  }
}

Json CommonFields(const Json& a, const Json& b) {
  if (!a.is_object() || !b.is_object() || a.empty() || b.empty()) return {};
  return CommonNode(a, b);
}

void CutFields(Json& set, const std::vector<std::string_view>& path) {
  Json* at = &set;
  std::vector<Json*> way;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    way.push_back(at);
    const auto it = at->is_object() ? at->find(path[i]) : at->end();
    if (!at->is_object() || it == at->end()) return;
    at = &*it;
  }
  if (!at->is_object() || !at->contains(path.back())) return;
  const auto remove = [](Json& from, std::string_view step) {
    from.erase(std::string(step));
    // A place that held nothing but what went is no field for that.
    return from.empty();
  };
  bool bare = remove(*at, path.back());
  for (std::size_t i = way.size(); bare && i > 0; --i) bare = remove(*way[i - 1], path[i - 1]);
}

}  // namespace weir::kube
