// Finds targets in a cluster's objects, in the caches of ServiceMonitors, Services, EndpointSlices
// and Pods, and in lists of addresses, and keeps the Scraper at them. Owned by app; loop thread
// only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/events.h"
#include "client/shared_informers.h"
#include "env/clock.h"
#include "env/random.h"
#include "scrape/scraper.h"

namespace weir::scrape {

class Manager {
 public:
  // All references outlive the manager; `client` is for events.
  Manager(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
          client::SharedInformers& informers, AppenderFactory appenders);
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // Targets beside those of the cluster; any number of lists, before Start.
  void AddStatic(const StaticTargets& list);

  // Called after each scrape: when it was asked for and when its samples were committed.
  void SetHopListener(std::function<void(const ScrapeReport&)> listener);

  // Finds and scrapes from now on. A ServiceMonitor that cannot be scraped gets a Warning event
  // `InvalidConfiguration` that names the field.
  void Start();
  // Ends all scrapes and listens no more; writes no stale markers.
  net::Task<void> Stop();

  struct Counters {
    Scraper::Counters scraper;
    std::size_t refused_monitors = 0;  // now
    std::uint64_t plans = 0;
  };
  Counters counters() const;
  const Scraper& scraper() const { return scraper_; }

 private:
  net::Task<void> Run();
  void Plan();
  void Report(const std::vector<Refusal>& refusals);

  net::TaskGroup group_;
  Scraper scraper_;
  client::EventRecorder events_;
  client::Informer& monitors_;
  client::Informer& services_;
  client::Informer& slices_;
  client::Informer& pods_;
  net::Signal dirty_;
  std::vector<Target> static_targets_;
  std::map<std::string, std::string> refused_;  // monitor -> version and reason, as reported
  std::uint64_t plans_ = 0;
  std::vector<client::Informer::Registration> listening_;
};

}  // namespace weir::scrape
