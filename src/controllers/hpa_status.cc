#include "controllers/hpa_status.h"

#include "controllers/hpa_plan.h"

namespace weir::controllers {
namespace {

using autoscale::Decision;
using Turn = StatusMemory::Turn;

constexpr int kTries = 3;
// Those that stood back write so far apart, and each waits so long at most for the others' passes
// to end.
constexpr Duration kBetween = std::chrono::milliseconds(10);
constexpr int kWaits = 100;  // times that

std::string UidOf(const Json& hpa) { return GetString(hpa, {"metadata", "uid"}); }

}  // namespace

HpaStatusWriter::HpaStatusWriter(net::Loop& loop, client::Client& client, const env::Clock& clock,
                                 Options options)
    : client_(client), clock_(clock), options_(std::move(options)), stood_back_(loop) {}

bool HpaStatusWriter::IsDue(const autoscale::Subject& subject, const Decision& decision,
                            const std::shared_ptr<StatusMemory>& memory) {
  const bool stands_back = memory->turn != Turn::kNow && options_.others_wait();
  if (memory->turn == Turn::kNow) memory->turn = Turn::kNone;
  const StatusWrite when{.upstream_exact = options_.upstream_exact,
                         .values_due = clock_.Monotonic() >= memory->values_due ||
                                       memory->replicas != memory->values_over,
                         .others_wait = stands_back};
  const controllers::Write write = WorthWriting(decision, when);
  if (write == controllers::Write::kLater && memory->turn == Turn::kNone) {
    memory->turn = Turn::kLater;
    standing_back_.emplace_back(subject.ns + "/" + subject.name, memory);
    stood_back_.Notify();
  }
  return write == controllers::Write::kNow;
}

net::Task<Decision> HpaStatusWriter::Write(SubjectPtr subject, client::ObjectPtr object,
                                           Decision decision,
                                           std::shared_ptr<StatusMemory> memory) {
  if (!IsDue(*subject, decision, memory)) co_return decision;
  const Duration now = clock_.Monotonic();
  Json updated = *object;
  for (int tries = 1;; ++tries) {
    updated["status"] = decision.status.ToJson();
    Result<Json> written =
        co_await client_.Update(client::refs::kHpas, subject->ns, subject->name, updated, "status");
    if (written) {
      memory->written = std::make_shared<const Json>(*std::move(written));
      memory->values_due = now + options_.sync_period;
      memory->values_over = memory->replicas;
      co_return decision;
    }
    Error error = written.error();
    if (error.code == Code::kConflict && tries < kTries) {
      // Somebody wrote something else: the status is this controller's alone.
      Result<Json> again = co_await client_.Get(client::refs::kHpas, subject->ns, subject->name);
      if (again && UidOf(*again) != UidOf(*object)) co_return decision;
      if (again) {
        updated = *std::move(again);
        continue;
      }
      error = again.error();
    }
    if (error.code == Code::kNotFound || error.code == Code::kCancelled) co_return decision;
    decision.error = autoscale::StatusError(decision, *subject, error.message);
    decision.events_after_status.insert(decision.events_after_status.begin(),
                                        {"Warning", "FailedUpdateStatus", error.message});
    co_return decision;
  }
}

net::Task<void> HpaStatusWriter::Run() {
  for (bool more = co_await stood_back_.Wait(); more; more = co_await stood_back_.Wait()) {
    while (!standing_back_.empty()) {
      for (int times = 0; times < kWaits; ++times) {
        if (const bool slept = co_await net::Sleep(kBetween); !slept) co_return;
        if (!options_.others_wait()) break;
      }
      const auto [hpa, weak] = standing_back_.front();
      standing_back_.pop_front();
      const std::shared_ptr<StatusMemory> memory = weak.lock();
      if (!memory) continue;  // the autoscaler has gone
      memory->turn = Turn::kNow;
      options_.enqueue(hpa);
    }
  }
}

}  // namespace weir::controllers
