#include "kubestore/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace weir::kubestore {
namespace {

std::int64_t VersionOf(const Json& object) {
  return ParseInt(GetString(object, {"metadata", "resourceVersion"})).value_or(0);
}

// Equal in everything but metadata.resourceVersion. Number types count: 1 and 1.0 are written
// differently, so the texts are what is compared in the end.
bool SameContent(const Object& stored, Json& candidate) {
  Ensure(candidate, {"metadata", "resourceVersion"}) =
      GetString(stored.value, {"metadata", "resourceVersion"});
  return stored.value == candidate && DumpJson(stored.value) == DumpJson(candidate);
}

// The size of the text were its control characters not written as \u00XX.
std::size_t UnescapedSize(std::string_view body) {
  std::size_t size = body.size();
  for (std::size_t at = body.find("\\u"); at != std::string_view::npos;
       at = body.find("\\u", at + 6)) {
    size -= 5;
  }
  return size;
}

}  // namespace

Result<std::vector<Record>> NullJournal::Load(std::int64_t* newest_version) {
  *newest_version = 0;
  return std::vector<Record>();
}

void NullJournal::Append(Record /*record*/, std::function<void(Status)> done) {
  if (done) done(Status());
}

Store::Store(Journal& journal, StoreLimits limits, WriteText write)
    : journal_(journal), limits_(limits), write_(std::move(write)) {
  if (!write_) write_ = [](const Json& value) { return DumpJson(value); };
}

Status Store::Load() {
  WEIR_CHECK(version_ == 0 && objects_.empty());
  auto records = journal_.Load(&version_);
  if (!records) return Fail(records.error().code, records.error().message);
  for (Record& record : *records) {
    const std::string where =
        fmt::format("{} {}/{}", record.key.resource, record.key.ns, record.key.name);
    auto value = ParseJson(record.body);
    if (!value) return Prefixed("stored object " + where, value.error());
    if (VersionOf(*value) != record.version) {
      return Fail(Code::kInvalid,
                  fmt::format("stored object {}: its resourceVersion is not the journal's {}",
                              where, record.version));
    }
    version_ = std::max(version_, record.version);
    auto object = std::make_shared<const Object>(std::move(*value), std::move(record.body));
    objects_[record.key.resource][{record.key.ns, record.key.name}] = std::move(object);
  }
  oldest_history_ = version_;
  return {};
}

void Store::DropHistory() {
  history_.clear();
  history_bytes_ = 0;
  oldest_history_ = version_;
}

std::int64_t Store::version() const { return version_; }

ObjectPtr Store::Get(const Key& key) const {
  const auto resource = objects_.find(key.resource);
  if (resource == objects_.end()) return nullptr;
  const auto object = resource->second.find({key.ns, key.name});
  return object == resource->second.end() ? nullptr : object->second;
}

std::vector<ObjectPtr> Store::List(std::string_view resource, std::string_view ns) const {
  std::vector<ObjectPtr> found;
  const auto all = objects_.find(resource);
  if (all == objects_.end()) return found;
  auto it = ns.empty() ? all->second.begin() : all->second.lower_bound({std::string(ns), ""});
  for (; it != all->second.end() && (ns.empty() || it->first.first == ns); ++it) {
    found.push_back(it->second);
  }
  return found;
}

Result<std::vector<ObjectPtr>> Store::ListAt(std::string_view resource, std::string_view ns,
                                             std::int64_t version) const {
  if (version == version_) return List(resource, ns);
  if (version < oldest_history_ || version > version_) {
    return Fail(Code::kNotFound,
                fmt::format("too old resource version: {} ({})", version, oldest_history_));
  }
  std::map<Name, ObjectPtr> state;
  if (const auto all = objects_.find(resource); all != objects_.end()) state = all->second;
  // Undo the later events, the newest first.
  for (auto it = history_.rbegin(); it != history_.rend() && it->version > version; ++it) {
    if (it->key.resource != resource) continue;
    const Name name(it->key.ns, it->key.name);
    if (it->previous == nullptr) {
      state.erase(name);
    } else {
      state[name] = it->previous;
    }
  }
  std::vector<ObjectPtr> found;
  for (const auto& [name, object] : state) {
    if (ns.empty() || name.first == ns) found.push_back(object);
  }
  return found;
}

std::vector<std::string> Store::Resources() const {
  std::vector<std::string> names;
  for (const auto& [name, objects] : objects_) {
    if (!objects.empty()) names.push_back(name);
  }
  return names;
}

Result<ObjectPtr> Store::Seal(Json object, std::int64_t version) const {
  WEIR_CHECK(object.is_object() && object.contains("metadata") && object["metadata"].is_object());
  object["metadata"]["resourceVersion"] = std::to_string(version);
  std::string body = write_(object);
  if (body.size() > limits_.max_object_bytes && UnescapedSize(body) > limits_.max_object_bytes) {
    return Fail(Code::kInvalid, "etcdserver: request is too large");
  }
  return std::make_shared<const Object>(std::move(object), std::move(body));
}

ObjectPtr& Store::Slot(const Key& key) { return objects_[key.resource][{key.ns, key.name}]; }

Result<ObjectPtr> Store::Create(const Key& key, Json object, std::function<void(Status)> done) {
  if (Get(key) != nullptr) {
    return Fail(Code::kConflict, fmt::format("{} \"{}\" already exists", key.resource, key.name));
  }
  auto sealed = Seal(std::move(object), version_ + 1);
  if (!sealed) return sealed;
  Slot(key) = *sealed;
  Commit(Event{EventType::kAdded, key, version_ + 1, *sealed, nullptr}, std::move(done));
  return sealed;
}

Result<ObjectPtr> Store::Update(const Key& key, Json object, std::int64_t expected_version,
                                std::function<void(Status)> done) {
  const ObjectPtr stored = Get(key);
  if (stored == nullptr) {
    return Fail(Code::kNotFound, fmt::format("{} \"{}\" not found", key.resource, key.name));
  }
  if (expected_version != 0 && expected_version != VersionOf(stored->value)) {
    return Fail(Code::kConflict,
                fmt::format("{} \"{}\" has resourceVersion {}, not {}", key.resource, key.name,
                            VersionOf(stored->value), expected_version));
  }
  if (SameContent(*stored, object)) {
    if (done) done(Status());
    return stored;
  }
  auto sealed = Seal(std::move(object), version_ + 1);
  if (!sealed) return sealed;
  Slot(key) = *sealed;
  Commit(Event{EventType::kModified, key, version_ + 1, *sealed, stored}, std::move(done));
  return sealed;
}

Result<ObjectPtr> Store::Delete(const Key& key, std::int64_t expected_version,
                                std::function<void(Status)> done) {
  const ObjectPtr stored = Get(key);
  if (stored == nullptr) {
    return Fail(Code::kNotFound, fmt::format("{} \"{}\" not found", key.resource, key.name));
  }
  if (expected_version != 0 && expected_version != VersionOf(stored->value)) {
    return Fail(Code::kConflict,
                fmt::format("{} \"{}\" has resourceVersion {}, not {}", key.resource, key.name,
                            VersionOf(stored->value), expected_version));
  }
  Json last = stored->value;
  last["metadata"]["resourceVersion"] = std::to_string(version_ + 1);
  std::string body = write_(last);
  ObjectPtr gone = std::make_shared<const Object>(std::move(last), std::move(body));
  const auto resource = objects_.find(key.resource);
  resource->second.erase({key.ns, key.name});
  Commit(Event{EventType::kDeleted, key, version_ + 1, gone, stored}, std::move(done));
  return gone;
}

void Store::Commit(Event event, std::function<void(Status)> done) {
  version_ = event.version;
  history_.push_back(event);
  history_bytes_ += event.object->body.size();
  while (history_.size() > limits_.history_events || history_bytes_ > limits_.history_bytes) {
    oldest_history_ = history_.front().version;
    history_bytes_ -= history_.front().object->body.size();
    history_.pop_front();
  }
  std::string body = event.type == EventType::kDeleted ? std::string() : event.object->body;
  journal_.Append(Record{event.key, event.version, std::move(body)}, std::move(done));

  undelivered_.push_back(std::move(event));
  if (delivering_) return;  // a listener wrote: the loop below, further up the stack, goes on
  delivering_ = true;
  while (!undelivered_.empty()) {
    const Event next = std::move(undelivered_.front());
    undelivered_.pop_front();
    Deliver(next);
  }
  delivering_ = false;
}

void Store::Deliver(const Event& event) {
  // A copy: listeners may come and go meanwhile.
  const std::vector<std::shared_ptr<Listener>> listeners = listeners_;
  for (const auto& listener : listeners) {
    if (listener->active && listener->since < event.version &&
        listener->resource == event.key.resource) {
      listener->callback(event);
    }
  }
}

Result<std::vector<Event>> Store::EventsSince(std::string_view resource,
                                              std::int64_t version) const {
  if (version < oldest_history_) {
    return Fail(Code::kNotFound,
                fmt::format("too old resource version: {} ({})", version, oldest_history_));
  }
  std::vector<Event> found;
  auto it = std::ranges::upper_bound(history_, version, {}, &Event::version);
  for (; it != history_.end(); ++it) {
    if (it->key.resource == resource) found.push_back(*it);
  }
  return found;
}

int Store::Subscribe(std::string resource, std::function<void(const Event&)> listener) {
  const int id = next_listener_++;
  listeners_.push_back(std::make_shared<Listener>(
      Listener{id, std::move(resource), std::move(listener), version_, true}));
  return id;
}

void Store::Unsubscribe(int id) {
  const auto it = std::ranges::find(listeners_, id, &Listener::id);
  if (it == listeners_.end()) return;
  (*it)->active = false;
  listeners_.erase(it);
}

}  // namespace weir::kubestore
