#include "client/informer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace weir::client {
namespace {

constexpr Duration kBackoffFirst = std::chrono::milliseconds(100);
constexpr Duration kBackoffLast = std::chrono::seconds(10);
// A watch that lasted so long was healthy, whatever ended it.
constexpr Duration kHealthyWatch = std::chrono::seconds(5);

using Objects = std::map<std::string, ObjectPtr, std::less<>>;

std::string VersionOf(const Json& object) {
  return GetString(object, {"metadata", "resourceVersion"});
}

// The uid of what controls the object, or empty.
std::string ControllerOf(const Json& object) {
  for (const Json& owner : GetArray(object, {"metadata", "ownerReferences"})) {
    if (GetBool(owner, {"controller"}, false)) return GetString(owner, "uid");
  }
  return {};
}

std::vector<ObjectPtr> Values(const Objects& objects) {
  std::vector<ObjectPtr> found;
  found.reserve(objects.size());
  for (const auto& [key, object] : objects) found.push_back(object);
  return found;
}

}  // namespace

std::string KeyOf(const Json& object) {
  const std::string ns = GetString(object, {"metadata", "namespace"});
  const std::string name = GetString(object, {"metadata", "name"});
  return ns.empty() ? name : ns + "/" + name;
}

std::pair<std::string, std::string> SplitKey(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return {"", std::string(key)};
  return {std::string(key.substr(0, slash)), std::string(key.substr(slash + 1))};
}

struct Informer::State {
  State(Client& c, net::TaskGroup& g, env::Random& r, net::Loop& loop, ResourceRef resource,
        std::string name_space, ListOptions list_options)
      : client(c),
        group(g),
        random(r),
        ref(std::move(resource)),
        ns(std::move(name_space)),
        options(std::move(list_options)),
        synced_signal(loop) {}

  static net::Task<void> Run(std::shared_ptr<State> self);
  net::Task<bool> ListOnce();
  net::Task<bool> WatchOn();
  net::Task<bool> Pause();

  void Tell(const ObjectPtr& before, const ObjectPtr& after);
  void Greet(const std::shared_ptr<Listener>& listener);
  void RemoveListener(const std::shared_ptr<Listener>& listener);
  void Put(Json object);
  void Remove(const std::string& key, const ObjectPtr& last);
  void Index(const std::string& key, const ObjectPtr& before, const ObjectPtr& after);
  const Objects& Controlled(std::string_view in, std::string_view uid) const;
  void Replace(Json list);
  bool Apply(WatchEvent event);

  Client& client;
  net::TaskGroup& group;
  env::Random& random;
  ResourceRef ref;
  std::string ns;
  ListOptions options;
  std::vector<std::shared_ptr<Listener>> listeners;  // null: removed while they were told
  int telling = 0;                                   // calls of Tell under way
  Objects objects;
  // The same by namespace and controller.
  std::map<std::pair<std::string, std::string>, Objects> controlled;
  std::string version;  // where the next watch begins
  net::Signal synced_signal;
  Duration backoff = kBackoffFirst;
  bool synced = false;
  bool detached = false;  // the Informer is gone
};

// A listener that is added meanwhile has been told of the change already.
void Informer::State::Tell(const ObjectPtr& before, const ObjectPtr& after) {
  const std::size_t count = listeners.size();
  ++telling;
  for (std::size_t i = 0; i < count && !detached; ++i) {
    // Held: the listener may remove itself.
    const std::shared_ptr<Listener> listener = listeners[i];
    if (listener) (*listener)(before, after);
  }
  if (--telling == 0) std::erase(listeners, nullptr);
}

// Tells a new listener of what is there already.
void Informer::State::Greet(const std::shared_ptr<Listener>& listener) {
  const std::vector<ObjectPtr> known = Values(objects);
  for (const ObjectPtr& object : known) {
    if (detached) return;
    (*listener)(nullptr, object);
  }
}

void Informer::State::RemoveListener(const std::shared_ptr<Listener>& listener) {
  std::ranges::replace(listeners, listener, nullptr);
  if (telling == 0) std::erase(listeners, nullptr);
}

// Lists until that succeeds, then watches until the version is too old, and so on.
net::Task<void> Informer::State::Run(std::shared_ptr<State> self) {
  while (!self->detached) {
    bool healthy = co_await self->ListOnce();
    while (healthy) healthy = co_await self->WatchOn();
    const bool go_on = co_await self->Pause();
    if (!go_on) co_return;
  }
}

net::Task<bool> Informer::State::ListOnce() {
  Result<Json> list = co_await client.List(ref, ns, options);
  if (detached) co_return false;
  if (!list) {
    if (list.error().code != Code::kCancelled) {
      spdlog::warn("list {}: {}", ref.plural, list.error().message);
    }
    co_return false;
  }
  version = VersionOf(*list);
  Replace(std::move(*list));
  synced = true;
  synced_signal.Notify();
  co_return true;
}

// One watch request. False where only a new list helps, or where the task is to end.
net::Task<bool> Informer::State::WatchOn() {
  bool any = false;
  const Duration begin = group.loop().Monotonic();
  auto on_event = [this, &any](WatchEvent event) {
    any = true;
    return Apply(std::move(event));
  };
  const Status ended = co_await client.Watch(ref, ns, options, version, on_event);
  if (detached) co_return false;
  const bool healthy = any || group.loop().Monotonic() - begin >= kHealthyWatch;
  if (healthy) backoff = kBackoffFirst;
  // An end at once and without news, again and again, must not become a busy loop.
  if (ended && healthy) co_return true;
  if (ended) co_return co_await Pause();
  if (ended.error().code == Code::kCancelled) co_return false;
  if (ended.error().code == Code::kNotFound) {
    spdlog::debug("watch {}: {}; listing again", ref.plural, ended.error().message);
    co_return false;
  }
  spdlog::warn("watch {}: {}", ref.plural, ended.error().message);
  co_return co_await Pause();
}

// The back-off's wait, between half and the whole of it. False when cancelled.
net::Task<bool> Informer::State::Pause() {
  const double part = 0.5 + random.Fraction() / 2;
  const auto wait = std::chrono::duration_cast<Duration>(backoff * part);
  backoff = std::min(backoff * 2, kBackoffLast);
  if (detached) co_return false;
  const bool slept = co_await net::Sleep(wait);
  co_return slept && !detached;
}

void Informer::State::Put(Json object) {
  Erase(object, {"metadata", "managedFields"});
  std::string key = KeyOf(object);
  ObjectPtr& slot = objects[key];
  ObjectPtr before = slot;
  if (before != nullptr && VersionOf(*before) == VersionOf(object) && !VersionOf(object).empty()) {
    return;
  }
  slot = std::make_shared<const Json>(std::move(object));
  const ObjectPtr after = slot;
  Index(key, before, after);
  Tell(before, after);
}

void Informer::State::Remove(const std::string& key, const ObjectPtr& last) {
  const auto it = objects.find(key);
  if (it == objects.end()) return;
  Index(key, it->second, nullptr);
  const ObjectPtr before = last != nullptr ? last : it->second;
  objects.erase(it);
  Tell(before, nullptr);
}

void Informer::State::Index(const std::string& key, const ObjectPtr& before,
                            const ObjectPtr& after) {
  const auto place = [](const Json& object) {
    return std::pair(GetString(object, {"metadata", "namespace"}), ControllerOf(object));
  };
  if (before != nullptr) {
    const auto old = controlled.find(place(*before));
    old->second.erase(key);
    if (old->second.empty()) controlled.erase(old);
  }
  if (after != nullptr) controlled[place(*after)][key] = after;
}

const Objects& Informer::State::Controlled(std::string_view in, std::string_view uid) const {
  static const Objects kNothing;
  const auto found = controlled.find(std::pair(std::string(in), std::string(uid)));
  return found == controlled.end() ? kNothing : found->second;
}

void Informer::State::Replace(Json list) {
  // List items leave out what the list says once for all.
  std::string kind = GetString(list, "kind");
  if (kind.ends_with("List")) kind.resize(kind.size() - 4);
  const std::string api_version = GetString(list, "apiVersion");
  std::map<std::string, bool, std::less<>> listed;
  Json& items = Ensure(list, {"items"});
  if (!items.is_array()) items = Json::array();
  for (Json& item : items) {
    if (!item.contains("kind")) item["kind"] = kind;
    if (!item.contains("apiVersion")) item["apiVersion"] = api_version;
    listed[KeyOf(item)] = true;
    Put(std::move(item));
  }
  std::vector<std::string> gone;
  for (const auto& [key, object] : objects) {
    if (!listed.contains(key)) gone.push_back(key);
  }
  for (const std::string& key : gone) Remove(key, nullptr);
}

// False ends the watch.
bool Informer::State::Apply(WatchEvent event) {
  if (detached) return false;
  if (std::string newest = VersionOf(event.object); !newest.empty()) version = std::move(newest);
  switch (event.type) {
    case WatchType::kAdded:
    case WatchType::kModified:
      Put(std::move(event.object));
      break;
    case WatchType::kDeleted: {
      const std::string key = KeyOf(event.object);
      Erase(event.object, {"metadata", "managedFields"});
      Remove(key, std::make_shared<const Json>(std::move(event.object)));
      break;
    }
    case WatchType::kBookmark:
      break;
  }
  return !detached;
}

Informer::Informer(Client& client, net::TaskGroup& group, env::Random& random, ResourceRef ref,
                   std::string ns, ListOptions options)
    : state_(std::make_shared<State>(client, group, random, group.loop(), std::move(ref),
                                     std::move(ns), std::move(options))) {}

Informer::~Informer() {
  state_->detached = true;
  state_->listeners.clear();
}

Informer::Registration::~Registration() { End(); }

Informer::Registration& Informer::Registration::operator=(Registration&& other) noexcept {
  if (this == &other) return *this;
  End();
  state_ = std::move(other.state_);
  listener_ = std::move(other.listener_);
  return *this;
}

void Informer::Registration::End() {
  const std::shared_ptr<State> state = state_.lock();
  if (state && listener_) state->RemoveListener(listener_);
  listener_.reset();
}

Informer::Registration Informer::AddListener(Listener listener) {
  const std::shared_ptr<State> state = state_;
  Registration registration;
  registration.state_ = state;
  registration.listener_ = std::make_shared<Listener>(std::move(listener));
  state->listeners.push_back(registration.listener_);
  state->Greet(registration.listener_);
  return registration;
}

void Informer::Start() { state_->group.Spawn(State::Run(state_)); }

bool Informer::synced() const { return state_->synced; }

net::Task<bool> Informer::WaitSynced() {
  const std::shared_ptr<State> state = state_;
  while (!state->synced) {
    if (const bool ok = co_await state->synced_signal.Wait(); !ok) co_return false;
  }
  co_return true;
}

ObjectPtr Informer::Get(std::string_view key) const {
  const auto it = state_->objects.find(key);
  return it == state_->objects.end() ? nullptr : it->second;
}

ObjectPtr Informer::Get(std::string_view ns, std::string_view name) const {
  std::string key(ns);
  if (!key.empty()) key += '/';
  key += name;
  return Get(key);
}

std::vector<ObjectPtr> Informer::List(std::string_view ns) const {
  if (ns.empty()) return Values(state_->objects);
  std::vector<ObjectPtr> found;
  const std::string prefix = std::string(ns) + "/";
  for (auto it = state_->objects.lower_bound(prefix);
       it != state_->objects.end() && it->first.starts_with(prefix); ++it) {
    found.push_back(it->second);
  }
  return found;
}

std::vector<ObjectPtr> Informer::ListControlled(std::string_view ns, std::string_view uid) const {
  return Values(state_->Controlled(ns, uid));
}

std::vector<ObjectPtr> Informer::ListClaimable(std::string_view ns, std::string_view uid) const {
  Objects both = state_->Controlled(ns, uid);
  const Objects& orphans = state_->Controlled(ns, {});
  both.insert(orphans.begin(), orphans.end());
  return Values(both);
}

const std::map<std::string, ObjectPtr, std::less<>>& Informer::objects() const {
  return state_->objects;
}

}  // namespace weir::client
