// Writes what passes leave in their autoscalers' statuses. Conditions and replicas at once; current
// values alone once a sync period, and not before the autoscalers that wait have decided: then
// those that stood back get another pass each, one after another. Owned by HpaController. Loop
// thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "autoscale/decide.h"
#include "client/client.h"
#include "client/informer.h"
#include "env/clock.h"

namespace weir::controllers {

using SubjectPtr = std::shared_ptr<const autoscale::Subject>;

// What the writer remembers of one autoscaler.
struct StatusMemory {
  enum class Turn { kNone, kLater, kNow };

  client::ObjectPtr written;  // the newest object that a write returned
  std::int32_t replicas = 0;  // the target's, which averages are over; the pass sets it
  std::optional<std::int32_t> values_over;  // the same when values were last written
  Duration values_due{0};                   // when values alone are worth a write again
  Turn turn = Turn::kNone;                  // whether they stand back, or have done so
};

class HpaStatusWriter {
 public:
  struct Options {
    bool upstream_exact = false;
    Duration sync_period{0};
    std::function<bool()> others_wait;                    // for their passes
    std::function<void(const std::string& hpa)> enqueue;  // asks for a pass
  };
  // All outlive the writer.
  HpaStatusWriter(net::Loop& loop, client::Client& client, const env::Clock& clock,
                  Options options);

  // Writes the decision's status where that is worth it. `object` is what was decided for; another
  // one of its name is left alone. A failure becomes the decision's error and the first of its
  // events_after_status.
  net::Task<autoscale::Decision> Write(SubjectPtr subject, client::ObjectPtr object,
                                       autoscale::Decision decision,
                                       std::shared_ptr<StatusMemory> memory);
  // Gives those who stood back their pass, until cancelled.
  net::Task<void> Run();

 private:
  bool IsDue(const autoscale::Subject& subject, const autoscale::Decision& decision,
             const std::shared_ptr<StatusMemory>& memory);

  client::Client& client_;
  const env::Clock& clock_;
  Options options_;
  std::deque<std::pair<std::string, std::weak_ptr<StatusMemory>>> standing_back_;
  net::Signal stood_back_;
};

}  // namespace weir::controllers
