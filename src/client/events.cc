#include "client/events.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "client/events_plan.h"

namespace weir::client {
namespace {

constexpr std::size_t kWaitingMax = 1000;

}  // namespace

struct EventRecorder::State {
  State(Client& c, net::TaskGroup& g, env::Clock& k, env::Random& r, EventSource s)
      : client(c), group(g), clock(k), random(r), source(std::move(s)) {}

  // Writes what waits, in order, then ends; Record starts it again.
  static net::Task<void> Drain(std::shared_ptr<State> self) {
    while (!self->waiting.empty() && !self->group.stopping()) {
      EventNews news = std::move(self->waiting.front());
      self->waiting.pop_front();
      co_await self->Write(std::move(news));
    }
    self->draining = false;
  }

  net::Task<void> Write(EventNews news) {
    const std::string key = EventCorrelator::KeyOf(news);
    const std::string ns = EventNamespace(news.involved);
    if (EventCorrelator::Known* known = correlator.Find(key)) {
      const std::string name = known->name;
      const std::int64_t count = known->count + 1;
      const Result<Json> patched = co_await client.Patch(refs::kEvents, ns, name, PatchType::kMerge,
                                                         CountPatch(count, news.now));
      if (patched) correlator.Remember(key, name, count);
      if (patched || patched.error().code != Code::kNotFound) co_return Told(patched);
      correlator.Forget(key);  // it has expired: begin anew
    }
    Json event = NewEvent(news, source, random);
    const std::string name = GetString(event, {"metadata", "name"});
    const Result<Json> created = co_await client.Create(refs::kEvents, ns, std::move(event));
    if (created) correlator.Remember(key, name, 1);
    Told(created);
  }

  void Told(const Result<Json>& answer) {
    if (answer || answer.error().code == Code::kCancelled) return;
    spdlog::warn("{}: an event was not recorded: {}", source.component, answer.error().message);
  }

  Client& client;
  net::TaskGroup& group;
  env::Clock& clock;
  env::Random& random;
  EventSource source;
  EventCorrelator correlator;
  std::deque<EventNews> waiting;
  Time last{};
  bool draining = false;
};

EventRecorder::EventRecorder(Client& client, net::TaskGroup& group, env::Clock& clock,
                             env::Random& random, std::string component, std::string host)
    : state_(std::make_shared<State>(client, group, clock, random,
                                     EventSource{std::move(component), std::move(host)})) {}

EventRecorder::~EventRecorder() = default;

void EventRecorder::Record(const Json& object, std::string type, std::string reason,
                           std::string message) {
  if (state_->waiting.size() >= kWaitingMax) {
    spdlog::warn("{}: {} events wait to be recorded; {} for {} is dropped",
                 state_->source.component, kWaitingMax, reason,
                 GetString(object, {"metadata", "name"}));
    return;
  }
  // Instants name events: no two of one recorder are the same, and hardly ever those of two.
  const Duration jitter(static_cast<std::int64_t>(state_->random.Below(1'000'000)));
  state_->last = std::max(state_->clock.Now() + jitter, state_->last + Duration(1));
  state_->waiting.push_back(EventNews{ReferenceTo(object), std::move(type), std::move(reason),
                                      std::move(message), state_->last});
  if (state_->draining) return;
  state_->draining = true;
  state_->group.Spawn(State::Drain(state_));
}

}  // namespace weir::client
