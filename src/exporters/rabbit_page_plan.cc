#include "exporters/rabbit_page_plan.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <array>

#include "base/strings.h"
#include "exposition/writer.h"
#include "model/labels.h"

namespace weir::exporters {
namespace {

using exposition::MetricType;
using model::Labels;

struct Statistic {
  std::string_view field;  // of message_stats
  bool rate;               // of its details
  std::string_view metric;
  std::string_view help;
};

constexpr std::array<Statistic, 8> kStatistics{{
    {"publish", false, "messages_published_total", "Messages published."},
    {"deliver", false, "messages_delivered_total",
     "Messages delivered that want to be acknowledged."},
    {"ack", false, "messages_ack_total", "Messages acknowledged."},
    {"redeliver", false, "messages_redelivered_total", "Messages delivered again."},
    {"publish", true, "messages_publish_rate", "Messages published per second."},
    {"deliver", true, "messages_deliver_rate",
     "Messages per second delivered that want to be acknowledged."},
    {"ack", true, "messages_ack_rate", "Messages acknowledged per second."},
    {"redeliver", true, "messages_redeliver_rate", "Messages per second delivered again."},
}};

// That exporter's key of it.
std::string KeyOf(const Statistic& statistic) {
  return fmt::format("message_stats.{}{}", statistic.field, statistic.rate ? "_details.rate" : "");
}

std::optional<double> Number(const Json& object, std::string_view key) {
  const Json* value = Find(object, std::string(key));
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

RabbitListed ReadQueue(const Json& queue) {
  RabbitListed listed;
  const Json* durable = Find(queue, "durable");
  listed.durable = durable != nullptr && durable->is_boolean() && durable->get<bool>();
  listed.policy = GetString(queue, {"policy"});
  listed.node = GetString(queue, {"node"});
  listed.unacknowledged = Number(queue, "messages_unacknowledged");
  const Json& stats = GetObject(queue, {"message_stats"});
  for (const Statistic& statistic : kStatistics) {
    const auto value =
        statistic.rate
            ? Number(GetObject(stats, {std::string(statistic.field) + "_details"}), "rate")
            : Number(stats, statistic.field);
    if (value) listed.statistics[std::string(statistic.metric)] = *value;
  }
  return listed;
}

// One sample for each queue that has a value.
class Pages {
 public:
  Pages(const RabbitFindings& findings, const RabbitExporterOptions& options)
      : findings_(findings), options_(options) {}

  // `key_of_metric`: by what EXCLUDE_METRICS knows it.
  template <class Value>
  void Gauge(const std::string& key_of_metric, std::string_view name, std::string_view help,
             MetricType type, Value value) {
    if (options_.exclude_metrics.contains(key_of_metric)) return;
    bool begun = false;
    for (const auto& [key, declared] : findings_.declared) {
      const auto listed = findings_.listing.find(key);
      if (listed == findings_.listing.end()) continue;  // gone meanwhile
      const std::optional<double> number = value(key, declared);
      if (!number) continue;
      if (!std::exchange(begun, true)) {
        page_.Family("rabbitmq_queue_" + std::string(name), std::string(help), type);
      }
      page_.Sample(LabelsOf(key, listed->second), *number);
    }
  }
  exposition::Writer& page() { return page_; }

 private:
  Labels LabelsOf(const RabbitQueueKey& key, const RabbitListed& listed) const {
    std::string self = listed.node == findings_.node ? "1" : "0";
    if (options_.loadbalancer) self = "lb";
    return Labels({{"cluster", findings_.cluster},
                   {"durable", listed.durable ? "true" : "false"},
                   {"policy", listed.policy},
                   {"queue", key.second},
                   {"self", std::move(self)},
                   {"vhost", key.first}});
  }
  const RabbitFindings& findings_;
  const RabbitExporterOptions& options_;
  exposition::Writer page_;
};

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

void WriteState(const RabbitFindings& findings, exposition::Writer& page) {
  page.Family("rabbitmq_up", "Whether RabbitMQ answered this scrape.", MetricType::kGauge);
  page.Sample(Labels({{"cluster", findings.cluster}, {"node", findings.node}}),
              findings.error || !findings.listing_age ? 0 : 1);
  page.Family("rabbitmq_module_up", "Whether the management API answered last time.",
              MetricType::kGauge);
  page.Sample(Labels({{"cluster", findings.cluster}, {"module", "queue"}, {"node", findings.node}}),
              findings.management_error ? 0 : 1);
  if (findings.listing_age) {
    page.Family("rabbitmq_exporter_statistics_age_seconds",
                "Since when what the management API told has not changed here.",
                MetricType::kGauge);
    page.Sample(Labels({{"statistics", "counts"}}), Seconds(*findings.listing_age));
    if (findings.statistics_age) {
      page.Sample(Labels({{"statistics", "rates"}}), Seconds(*findings.statistics_age));
    }
  }
  const auto& error = findings.error ? findings.error : findings.management_error;
  page.Family("rabbitmq_exporter_last_scrape_error", "1 and the reason where something failed.",
              MetricType::kGauge);
  page.Sample(error ? Labels({{"err", error->message}}) : Labels(), error ? 1 : 0);
}

}  // namespace

Result<RabbitListing> ReadListing(std::string_view body, const RabbitExporterOptions& options) {
  const auto document = ParseJson(body);
  if (!document) return Prefixed("list of queues", document.error());
  if (!document->is_array()) return Fail(Code::kInvalid, "list of queues: expected an array");
  if (options.max_queues > 0 && document->size() > static_cast<std::size_t>(options.max_queues)) {
    return Fail(Code::kInvalid,
                fmt::format("{} queues: MAX_QUEUES is {}", document->size(), options.max_queues));
  }
  const RE2 include(options.include_queues), skip(options.skip_queues);
  const RE2 include_vhost(options.include_vhost), skip_vhost(options.skip_vhost);
  RabbitListing listing;
  for (const Json& queue : *document) {
    std::string name = GetString(queue, {"name"});
    std::string vhost = GetString(queue, {"vhost"});
    if (name.empty() || vhost.empty() || !IsUtf8(name) || !IsUtf8(vhost)) continue;
    if (!RE2::PartialMatch(vhost, include_vhost) || RE2::PartialMatch(vhost, skip_vhost) ||
        !RE2::PartialMatch(name, include) || RE2::PartialMatch(name, skip)) {
      continue;
    }
    listing[{std::move(vhost), std::move(name)}] = ReadQueue(queue);
  }
  return listing;
}

std::string RabbitPage(const RabbitFindings& findings, const RabbitExporterOptions& options) {
  Pages pages(findings, options);
  WriteState(findings, pages.page());
  if (findings.error) return pages.page().Take();
  using Declared = RabbitFindings::Declared;
  const auto unacknowledged = [&findings](const RabbitQueueKey& key) -> std::optional<double> {
    if (!findings.listing_age || *findings.listing_age > kListingAgeMax) return std::nullopt;
    const auto it = findings.listing.find(key);
    return it == findings.listing.end() ? std::nullopt : it->second.unacknowledged;
  };
  const auto ready = [](const RabbitQueueKey&, const Declared& declared) {
    return std::optional<double>(declared.ready);
  };
  const auto consumers = [](const RabbitQueueKey&, const Declared& declared) {
    return std::optional<double>(declared.consumers);
  };
  const auto unacked = [&](const RabbitQueueKey& key, const Declared&) {
    return unacknowledged(key);
  };
  const auto all = [&](const RabbitQueueKey& key, const Declared& declared) {
    std::optional<double> sum = unacknowledged(key);
    if (sum) *sum += declared.ready;
    return sum;
  };
  constexpr MetricType kGauge = MetricType::kGauge;
  pages.Gauge("messages", "messages", "Messages that wait or are not acknowledged yet.", kGauge,
              all);
  pages.Gauge("messages_ready", "messages_ready", "Messages that wait.", kGauge, ready);
  pages.Gauge("messages_unacknowledged", "messages_unacknowledged",
              "Messages delivered and not acknowledged yet.", kGauge, unacked);
  pages.Gauge("messages_unacknowledged", "messages_unacked",
              "The same, by the name of RabbitMQ's own exporter.", kGauge, unacked);
  pages.Gauge("consumers", "consumers", "Consumers.", kGauge, consumers);
  for (const Statistic& statistic : kStatistics) {
    const std::string metric(statistic.metric);
    const auto value = [&](const RabbitQueueKey& key, const Declared&) -> std::optional<double> {
      const auto it = findings.statistics.find(key);
      if (it == findings.statistics.end()) return std::nullopt;
      const auto found = it->second.statistics.find(metric);
      if (found == it->second.statistics.end()) return std::nullopt;
      return found->second;
    };
    pages.Gauge(KeyOf(statistic), statistic.metric, statistic.help,
                statistic.rate ? MetricType::kGauge : MetricType::kCounter, value);
  }
  return pages.page().Take();
}

}  // namespace weir::exporters
