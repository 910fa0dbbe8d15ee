// Watches: initial events, then each event as it happens, bookmarks between them. One coroutine a
// watch; the store's listener only puts events into its queue. A reader that is too slow for the
// queue is sent a 410, so that it lists again.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "apiserver/api.h"
#include "apiserver/list_plan.h"
#include "base/strings.h"
#include "kube/status.h"
#include "kube/typed_text.h"
#include "net/deadline.h"

namespace weir::apiserver {
namespace {

constexpr std::size_t kChunkBytes = 256U << 10U;
constexpr Duration kBookmarkInterval = std::chrono::minutes(1);
// kube-apiserver's --min-request-timeout: a watch lasts this long, and up to twice as long.
constexpr std::int64_t kMinTimeoutSeconds = 1800;

// Turns events into lines. Holds copies of the descriptors: kinds may come and go meanwhile.
class Encoder {
 public:
  Encoder(const Call& call, kube::IncludeObject include, env::Clock& clock)
      : accepted_(call.accepted),
        resource_(*call.resource),
        stored_(*call.stored),
        include_(include),
        clock_(clock) {}

  const kube::Resource& stored() const { return stored_; }

  std::string Line(kubestore::EventType type, const kubestore::Object& object) {
    if (accepted_.form == Form::kObject) {
      return WatchLine(EventTypeName(type), ObjectText(object, stored_, resource_));
    }
    return Formed(EventTypeName(type), ObjectValue(object, stored_, resource_));
  }

  std::string Bookmark(std::int64_t version, bool ends_initial_events) {
    return Formed("BOOKMARK", BookmarkObject(resource_, version, ends_initial_events));
  }

  static std::string Error(const Json& status) {
    return WatchLine("ERROR", kube::DumpObject(status));
  }

 private:
  std::string Formed(std::string_view type, Json value) {
    switch (accepted_.form) {
      case Form::kObject:
        break;
      case Form::kPartialMetadata:
      case Form::kPartialMetadataList:
        value = PartialMetadata(value, accepted_.meta_version);
        break;
      case Form::kTable: {
        const std::string version = GetString(value, {"metadata", "resourceVersion"});
        std::vector<Json> rows;
        rows.push_back(std::move(value));
        value = TableOf(resource_, rows, version, include_, with_columns_, clock_.Now(),
                        accepted_.meta_version);
        with_columns_ = false;  // only the first event has them
        break;
      }
    }
    return WatchLine(type, kube::DumpObject(value));
  }

  Accepted accepted_;
  kube::Resource resource_;
  kube::Resource stored_;
  kube::IncludeObject include_;
  env::Clock& clock_;
  bool with_columns_ = true;
};

// What the listener, the server and the connection tell the coroutine.
struct Mailbox {
  Mailbox(net::Loop& loop, std::size_t l, std::size_t b) : signal(loop), limit(l), bytes_limit(b) {}

  // An event always has room where nothing waits before it.
  void Put(Selected event) {
    if (overrun) return;
    const std::size_t size = event.object->body.size();
    if (queue.size() >= limit || (!queue.empty() && bytes + size > bytes_limit)) {
      overrun = true;
      queue.clear();
    } else {
      bytes += size;
      queue.push_back(std::move(event));
    }
    signal.Notify();
  }
  Selected Take() {
    Selected event = std::move(queue.front());
    queue.pop_front();
    bytes -= event.object->body.size();
    return event;
  }
  void End() {
    ended = true;
    signal.Notify();
  }

  net::Signal signal;
  std::size_t limit, bytes_limit;
  std::size_t bytes = 0;  // of the bodies in the queue
  std::deque<Selected> queue;
  bool overrun = false;
  bool ended = false;  // the server stops, or the client has gone
};

// What a watch begins with.
struct Beginning {
  std::vector<kubestore::ObjectPtr> objects;  // told as ADDED
  std::vector<kubestore::Event> events;       // happened since the client's version
  std::int64_t since = 0;                     // live events above this version follow
  bool ends_with_bookmark = false;
  Json error;  // an ERROR event, then the end
};

// Legacy clients get what exists where they name no version; newer ones say what they want.
bool WantsInitialEvents(const ListOptions& options) {
  if (options.send_initial_events) return *options.send_initial_events;
  return options.resource_version.empty() || options.resource_version == "0";
}

// The first error of the parameters, as an answer, or the watch's beginning.
Answer<Beginning> Begin(const kubestore::Store& store, const Call& call, const ListOptions& options,
                        const Filter& filter) {
  Beginning beginning;
  beginning.since = store.version();
  std::int64_t version = 0;
  if (!options.resource_version.empty()) {
    const auto wanted = ParseResourceVersion(options.resource_version);
    if (!wanted) {
      return std::unexpected(
          kube::StatusFailure(500, "",
                              "resourceVersion: Invalid value: " + Quote(options.resource_version) +
                                  ": " + wanted.error().message));
    }
    version = *wanted;
  }
  const std::string resource = call.stored->GroupResource();
  if (WantsInitialEvents(options)) {
    for (auto& object :
         store.List(resource, call.resource->namespaced ? call.info.ns : std::string())) {
      if (filter.everything() || filter.Matches(*call.stored, object->value)) {
        beginning.objects.push_back(std::move(object));
      }
    }
    beginning.ends_with_bookmark = options.bookmarks;
    return beginning;
  }
  if (version == 0) return beginning;
  beginning.since = std::max(version, store.version());
  if (version >= store.version()) return beginning;
  auto events = store.EventsSince(resource, version);
  if (events) {
    beginning.events = std::move(*events);
  } else {
    beginning.error = ExpiredStatus(events.error().message);
  }
  return beginning;
}

// A watch of one namespace or name alone asks less of the store's events.
Answer<Filter> FilterOf(const Call& call, ListOptions& options) {
  if (call.info.legacy_watch && !call.info.name.empty()) {
    options.fields.push_back({"metadata.name", true, call.info.name});
  }
  return Filter::Make(*call.resource, options.labels, options.fields);
}

Duration TimeoutOf(const ListOptions& options, env::Random& random) {
  const std::int64_t asked = options.timeout_seconds.value_or(0);
  if (asked > 0) return std::chrono::seconds(std::min<std::int64_t>(asked, 1 << 30));
  const auto extra = random.Below(static_cast<std::uint64_t>(kMinTimeoutSeconds));
  return std::chrono::seconds(kMinTimeoutSeconds + static_cast<std::int64_t>(extra));
}

// The coroutine's own state: what is left to send, and how long the watch goes on.
class Stream {
 public:
  Stream(Encoder encoder, std::shared_ptr<Mailbox> mailbox, Beginning beginning)
      : encoder_(std::move(encoder)),
        mailbox_(std::move(mailbox)),
        beginning_(std::move(beginning)) {}

  const kube::Resource& stored() const { return encoder_.stored(); }

  // The next lines, as many as make a chunk; empty where there is nothing to send.
  std::string NextChunk(std::uint64_t& sent) {
    std::string chunk;
    while (next_object_ < beginning_.objects.size() && chunk.size() < kChunkBytes) {
      chunk += encoder_.Line(kubestore::EventType::kAdded, *beginning_.objects[next_object_]);
      // Lets go of each object once it is told.
      beginning_.objects[next_object_++].reset();
      ++sent;
    }
    if (next_object_ < beginning_.objects.size()) return chunk;
    if (std::exchange(beginning_.ends_with_bookmark, false)) {
      chunk += encoder_.Bookmark(beginning_.since, true);
    }
    while (!mailbox_->queue.empty() && chunk.size() < kChunkBytes) {
      const Selected event = mailbox_->Take();
      chunk += encoder_.Line(event.type, *event.object);
      ++sent;
    }
    return chunk;
  }

  std::string Bookmark(std::int64_t version) { return encoder_.Bookmark(version, false); }
  const Json& error() const { return beginning_.error; }

 private:
  Encoder encoder_;
  std::shared_ptr<Mailbox> mailbox_;
  Beginning beginning_;
  std::size_t next_object_ = 0;
};

struct Surroundings {
  env::Clock& clock;
  const kubestore::Store& store;
  Metrics& metrics;
};

// Sends until the reader goes, the server stops, the time is over, or the reader was too slow.
net::Task<void> Run(std::shared_ptr<Stream> stream, std::shared_ptr<Mailbox> mailbox,
                    Surroundings server, bool bookmarks, Duration timeout,
                    net::ResponseWriter& writer) {
  if (!stream->error().is_null()) {
    std::string line = Encoder::Error(stream->error());
    const Status told = co_await writer.Write(std::move(line));
    if (!told) spdlog::debug("apiserver: a watch ended early: {}", told.error().message);
    co_return;
  }
  const Duration end = server.clock.Monotonic() + timeout;
  Duration bookmark_at = server.clock.Monotonic() + kBookmarkInterval;
  while (!mailbox->ended) {
    std::string chunk = stream->NextChunk(server.metrics.watch_events_sent);
    if (!chunk.empty()) {
      const Status sent = co_await writer.Write(std::move(chunk));
      if (!sent) co_return;
      continue;
    }
    if (mailbox->overrun) {
      ++server.metrics.watches_overrun;
      std::string line =
          Encoder::Error(ExpiredStatus("too old resource version: the watch fell behind"));
      const Status told = co_await writer.Write(std::move(line));
      if (!told) spdlog::debug("apiserver: a slow watch ended: {}", told.error().message);
      co_return;
    }
    const Duration now = server.clock.Monotonic();
    const Duration until = bookmarks ? std::min(end, bookmark_at) : end;
    // A wait that was not ended by a signal lasted as long as it was asked to.
    bool woken = false;
    if (now < until) woken = co_await mailbox->signal.WaitFor(until - now);
    if (woken) continue;
    const bool cancelled = co_await net::IsCancelled();
    if (cancelled) co_return;
    if (bookmarks) {
      std::string line = stream->Bookmark(server.store.version());
      const Status sent = co_await writer.Write(std::move(line));
      if (!sent) co_return;
    }
    if (until == end) co_return;
    bookmark_at += kBookmarkInterval;
  }
}

}  // namespace

net::Task<void> Server::Impl::Watch(std::shared_ptr<Call> call, net::ResponseWriter& writer) {
  auto parsed = ParseListOptions(call->query, /*watch=*/true);
  const auto include = ParseIncludeObject(QueryValue(call->query, "includeObject"));
  Json refusal;
  Answer<Filter> filter;
  Answer<Beginning> beginning;
  if (!parsed) {
    refusal = parsed.error();
  } else if (!include && call->accepted.form == Form::kTable) {
    refusal = kube::StatusBadRequest(include.error().message);
  } else if (filter = FilterOf(*call, *parsed); !filter) {
    refusal = filter.error();
  } else if (beginning = Begin(store, *call, *parsed, *filter); !beginning) {
    refusal = beginning.error();
  }
  if (!refusal.is_null()) {
    co_await SendNow(call, Reply::Error(std::move(refusal)), writer);
    co_return;
  }

  const std::int64_t since = beginning->since;
  const std::vector<kubestore::Event> earlier = std::move(beginning->events);
  std::size_t earlier_bytes = 0;
  for (const kubestore::Event& event : earlier) earlier_bytes += event.object->body.size();
  auto mailbox = std::make_shared<Mailbox>(loop, options.watch_queue_events + earlier.size(),
                                           options.watch_queue_bytes + earlier_bytes);
  Encoder encoder(*call, include.value_or(kube::IncludeObject::kMetadata), clock);
  auto stream = std::make_shared<Stream>(std::move(encoder), mailbox, std::move(*beginning));
  const std::string ns = call->resource->namespaced ? call->info.ns : std::string();
  const auto put = [mailbox, stream, ns,
                    selection = std::move(*filter)](const kubestore::Event& event) {
    if (!ns.empty() && event.key.ns != ns) return;
    if (auto selected = Select(selection, stream->stored(), event)) {
      mailbox->Put(std::move(*selected));
    }
  };
  for (const kubestore::Event& event : earlier) put(event);
  const auto listener = [put, since](const kubestore::Event& event) {
    if (event.version > since) put(event);
  };
  const int subscription = store.Subscribe(call->stored->GroupResource(), listener);
  const int watcher = next_watcher++;
  watchers[watcher] = [mailbox] { mailbox->End(); };
  ++metrics.watches_open;
  Count(*call, 200, Duration(0));
  const bool bookmarks = parsed->bookmarks;
  const Duration timeout = TimeoutOf(*parsed, random);

  net::HttpResponse head;
  head.headers["content-type"] = "application/json";
  head.headers["cache-control"] = "no-cache, private";
  if (!call->deprecation.empty()) head.headers["warning"] = "299 - " + Quote(call->deprecation);
  const Status begun = co_await writer.Begin(std::move(head));
  if (begun) {
    std::function<void()> on_close = [mailbox] { mailbox->End(); };
    writer.OnClose(std::move(on_close));
    const Surroundings server{clock, store, metrics};
    co_await Run(stream, mailbox, server, bookmarks, timeout, writer);
    const Status ended = co_await writer.End();
    if (!ended) spdlog::debug("apiserver: {}: {}", call->info.path, ended.error().message);
  }
  store.Unsubscribe(subscription);
  watchers.erase(watcher);
  --metrics.watches_open;
  watch_ended.Notify();
}

}  // namespace weir::apiserver
