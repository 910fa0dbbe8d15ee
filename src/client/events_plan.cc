#include "client/events_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace weir::client {
namespace {

constexpr std::size_t kKnownMax = 4096;
constexpr std::size_t kNameMax = 253;

bool IsLabel(std::string_view text) {
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && alnum(text.front()) && alnum(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return alnum(c) || c == '-'; });
}

// Whether an object may have this name: an RFC 1123 subdomain.
bool IsName(const std::string& text) {
  return text.size() <= kNameMax && std::ranges::all_of(Split(text, '.'), IsLabel);
}

}  // namespace

Json ReferenceTo(const Json& object) {
  Json reference = Json::object();
  reference["apiVersion"] = GetString(object, "apiVersion");
  reference["kind"] = GetString(object, "kind");
  for (const std::string field : {"name", "namespace", "uid", "resourceVersion"}) {
    std::string value = GetString(object, {"metadata", field});
    if (!value.empty()) reference[field] = std::move(value);
  }
  return reference;
}

std::string EventNamespace(const Json& involved) {
  return GetString(involved, "namespace", "default");
}

Json NewEvent(const EventNews& news, const EventSource& source, env::Random& random) {
  const std::string stamp = FormatRfc3339(news.now);
  std::string name =
      fmt::format("{}.{:x}", GetString(news.involved, "name"), news.now.time_since_epoch().count());
  if (!IsName(name)) name = random.Uuid();
  Json event = {
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata", {{"name", name}, {"namespace", EventNamespace(news.involved)}}},
      {"involvedObject", news.involved},
      {"reason", news.reason},
      {"message", news.message},
      {"type", news.type},
      {"count", 1},
      {"firstTimestamp", stamp},
      {"lastTimestamp", stamp},
      {"eventTime", nullptr},
      {"reportingComponent", source.component},
      {"reportingInstance", source.host},
  };
  event["source"]["component"] = source.component;
  if (!source.host.empty()) event["source"]["host"] = source.host;
  return event;
}

Json CountPatch(std::int64_t count, Time now) {
  return {{"count", count}, {"lastTimestamp", FormatRfc3339(now)}};
}

std::string EventCorrelator::KeyOf(const EventNews& news) {
  // The object's version is no part of it: the same complaint about a newer version is the same.
  Json involved = news.involved;
  involved.erase("resourceVersion");
  return DumpJson(Json::array({involved, news.type, news.reason, news.message}));
}

EventCorrelator::Known* EventCorrelator::Find(const std::string& key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, it->second);
  return &it->second->second;
}

void EventCorrelator::Remember(const std::string& key, std::string name, std::int64_t count) {
  Forget(key);
  entries_.emplace_front(key, Known{std::move(name), count});
  by_key_[key] = entries_.begin();
  if (entries_.size() <= kKnownMax) return;
  by_key_.erase(entries_.back().first);
  entries_.pop_back();
}

void EventCorrelator::Forget(const std::string& key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return;
  entries_.erase(it->second);
  by_key_.erase(it);
}

}  // namespace weir::client
