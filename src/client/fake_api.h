// For tests of what speaks to an API server: one that keeps objects in memory and answers get,
// list, watch, create, binding, merge patch, replace and delete, without any validation. A pod that
// is deleted with a grace period gets a deletionTimestamp, as from the real one. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/strings.h"
#include "client/transport.h"
#include "net/loop.h"

namespace weir::client {

class FakeApi final : public Transport {
 public:
  explicit FakeApi(net::Loop& loop) : changed_(loop) {}

  // Creates or replaces the object at `collection` ("/api/v1/namespaces/default/pods") as somebody
  // else would; what it does not say of metadata is filled in.
  void Put(const std::string& collection, Json object) {
    const std::string path = collection + "/" + GetString(object, {"metadata", "name"});
    const auto old = objects_.find(path);
    Json& metadata = object["metadata"];
    const std::string ns = Parse(path).ns;
    if (!ns.empty()) metadata["namespace"] = ns;
    if (!metadata.contains("uid")) {
      metadata["uid"] = old == objects_.end() ? "uid-" + std::to_string(version_ + 1)
                                              : GetString(old->second, {"metadata", "uid"});
    }
    if (!metadata.contains("creationTimestamp")) {
      metadata["creationTimestamp"] = "2026-01-01T00:00:00Z";
    }
    Store(path, std::move(object));
  }

  void Remove(const std::string& path) {
    const auto it = objects_.find(path);
    if (it == objects_.end()) return;
    Json object = std::move(it->second);
    objects_.erase(it);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    Tell("DELETED", path, std::move(object));
  }

  // A DELETE by somebody else that leaves the object its grace period.
  void MarkDeleted(const std::string& path, std::int64_t grace_seconds) {
    Json object = Get(path);
    if (object.is_null()) return;
    object["metadata"]["deletionTimestamp"] = "2026-01-01T00:01:00Z";
    object["metadata"]["deletionGracePeriodSeconds"] = grace_seconds;
    Store(path, std::move(object));
  }

  // The object at the path, or null.
  Json Get(const std::string& path) const {
    const auto it = objects_.find(path);
    return it == objects_.end() ? Json() : it->second;
  }

  // All objects of a collection of one namespace, or of all ("/api/v1/events").
  std::vector<Json> List(const std::string& collection) const {
    std::vector<Json> list;
    const Place wanted = Parse(collection);
    for (const auto& [path, object] : objects_) {
      if (InCollection(wanted, Parse(path))) list.push_back(object);
    }
    return list;
  }

  // Resumes when `condition` holds, asked after every change; false after `limit`.
  net::Task<bool> Until(std::function<bool()> condition,
                        Duration limit = std::chrono::seconds(30)) {
    while (!condition()) {
      if (const bool ok = co_await changed_.WaitFor(limit); !ok) co_return condition();
    }
    co_return true;
  }

  // Every request from now on fails with 503.
  void SetDown(bool down) { down_ = down; }
  std::size_t requests() const { return requests_; }

  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration) override {
    ++requests_;
    if (down_) co_return Failure(503, "down");
    co_return Answer(request);
  }

  net::Task<Status> Stream(net::HttpRequest request, Duration, net::HttpClient::HeadFn head,
                           net::HttpClient::ChunkFn chunk) override {
    ++requests_;
    if (down_) co_return Fail(Code::kUnavailable, "down");
    net::HttpResponse ok;
    if (!head(ok)) co_return Status();
    const Place wanted = Parse(std::string(request.Path()));
    std::int64_t seen = 0;
    for (const auto& [name, value] : net::ParseQuery(request.Query())) {
      if (name == "resourceVersion") seen = ParseInt(value).value_or(0);
    }
    while (!down_) {
      for (std::size_t i = 0; i < events_.size(); ++i) {
        if (events_[i].version <= seen || !InCollection(wanted, events_[i].place)) continue;
        seen = events_[i].version;
        if (!chunk(events_[i].line)) co_return Status();
      }
      if (const bool notified = co_await changed_.Wait(); !notified)
        co_return Fail(Code::kCancelled, "cancelled");
    }
    co_return Fail(Code::kUnavailable, "down");
  }

 private:
  // {group and version, namespace, resource, name, subresource} of a path.
  struct Place {
    std::string prefix, ns, resource, name, subresource;
  };

  static Place Parse(const std::string& path) {
    std::vector<std::string> parts = Split(std::string_view(path).substr(1), '/');
    Place place;
    std::size_t i = parts[0] == "api" ? 2 : 3;
    for (std::size_t k = 0; k < i && k < parts.size(); ++k) place.prefix += "/" + parts[k];
    if (i + 2 < parts.size() && parts[i] == "namespaces") {
      place.ns = parts[i + 1];
      i += 2;
    }
    if (i < parts.size()) place.resource = parts[i];
    if (i + 1 < parts.size()) place.name = parts[i + 1];
    if (i + 2 < parts.size()) place.subresource = parts[i + 2];
    return place;
  }

  static bool InCollection(const Place& collection, const Place& object) {
    return collection.prefix == object.prefix && collection.resource == object.resource &&
           (collection.ns.empty() || collection.ns == object.ns);
  }

  static std::string PathOf(const Place& place) {
    return place.prefix + (place.ns.empty() ? "" : "/namespaces/" + place.ns) + "/" +
           place.resource + "/" + place.name;
  }

  static net::HttpResponse Failure(int status, const std::string& message) {
    const Json body = {{"kind", "Status"}, {"code", status}, {"message", message}};
    return net::HttpResponse::JsonText(status, DumpJson(body));
  }

  void Store(const std::string& path, Json object) {
    const bool added = !objects_.contains(path);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    objects_[path] = object;
    Tell(added ? "ADDED" : "MODIFIED", path, std::move(object));
  }

  void Tell(const std::string& type, const std::string& path, Json object) {
    const Json event = {{"type", type}, {"object", std::move(object)}};
    events_.push_back({version_, Parse(path), DumpJson(event) + "\n"});
    changed_.Notify();
  }

  net::HttpResponse Answer(const net::HttpRequest& request) {
    Place place = Parse(std::string(request.Path()));
    const auto body = request.body.empty() ? Result<Json>(Json::object()) : ParseJson(request.body);
    if (!body) return Failure(400, body.error().message);
    if (request.method == "GET" && place.name.empty()) return ListAnswer(request);
    if (request.method == "POST" && place.subresource.empty()) return Create(place, *body);
    const std::string path = PathOf(place);
    if (!objects_.contains(path)) {
      return Failure(404, place.resource + " \"" + place.name + "\" not found");
    }
    Json object = objects_[path];
    if (request.method == "DELETE") return Delete(place, path, std::move(object), *body);
    if (request.method == "POST") {  // binding
      object["spec"]["nodeName"] = GetString(*body, {"target", "name"});
      Store(path, object);
    } else if (request.method == "PATCH") {
      const std::string uid = GetString(*body, {"metadata", "uid"});
      if (!uid.empty() && uid != GetString(object, {"metadata", "uid"})) {
        return Failure(409, "another uid");
      }
      object.merge_patch(*body);  // RFC 7386
      Store(path, object);
    } else if (request.method == "PUT") {
      Store(path, *body);
    }
    return net::HttpResponse::JsonText(200, DumpJson(objects_[path]));
  }

  net::HttpResponse ListAnswer(const net::HttpRequest& request) {
    Json list = {{"kind", "List"},
                 {"metadata", {{"resourceVersion", std::to_string(version_)}}},
                 {"items", List(std::string(request.Path()))}};
    return net::HttpResponse::JsonText(200, DumpJson(list));
  }

  net::HttpResponse Create(Place place, Json object) {
    if (GetString(object, {"metadata", "name"}).empty()) {
      object["metadata"]["name"] =
          GetString(object, {"metadata", "generateName"}) + std::to_string(version_);
    }
    place.name = GetString(object, {"metadata", "name"});
    const std::string path = PathOf(place);
    if (objects_.contains(path)) return Failure(409, place.name + " already exists");
    Put(path.substr(0, path.rfind('/')), std::move(object));
    return net::HttpResponse::JsonText(201, DumpJson(objects_[path]));
  }

  net::HttpResponse Delete(const Place& place, const std::string& path, Json object,
                           const Json& options) {
    const std::int64_t fallback = GetInt(object, {"spec", "terminationGracePeriodSeconds"}, 30);
    const std::int64_t grace =
        place.resource == "pods" ? GetInt(options, {"gracePeriodSeconds"}, fallback) : 0;
    if (grace > 0) {
      MarkDeleted(path, grace);
    } else {
      Remove(path);
    }
    return net::HttpResponse::JsonText(200, DumpJson(object));
  }

  struct Event {
    std::int64_t version;
    Place place;
    std::string line;
  };

  net::Signal changed_;
  std::map<std::string, Json> objects_;
  std::vector<Event> events_;
  std::int64_t version_ = 0;
  std::size_t requests_ = 0;
  bool down_ = false;
};

}  // namespace weir::client
