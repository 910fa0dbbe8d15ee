#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "platform/system.h"
#include "worker.h"
#include "workload/program.h"
#include "workload/rabbit.h"

namespace weir::worker {
namespace {

net::Task<void> DrainAndStop(worker::Worker* worker) {
  std::ignore = co_await worker->Drain();
  co_await worker->Stop();
}

int Main(int argc, char** argv) {
  CLI::App flags("Takes messages from a RabbitMQ queue, one at a time, and works on each.\n" +
                 std::string(workload::kRabbitVariables));
  std::string http = ":8080";
  std::string per_message = "5s";
  worker::Options options;
  options.done_queue = workload::EnvOr("DONE_QUEUE", "");
  options.die_at = workload::EnvOr("DIE_AT", "");
  flags.add_option("--http", http, "address to serve on; without a host, $POD_IP or loopback");
  flags.add_option("--per-msg", per_message, "time that a message takes, such as 5s or 250ms");
  flags.add_flag("--cpu-burn", options.cpu_burn, "compute for that time instead of waiting");
  flags.add_option("--done-queue", options.done_queue,
                   "queue that gets the id of each finished message ($DONE_QUEUE)");
  flags.add_option("--die-at", options.die_at, "a message at which to die, for trials ($DIE_AT)");
  CLI11_PARSE(flags, argc, argv);

  workload::StartLogging();
  const auto listen = workload::ListenOption("--http", http);
  if (!listen) return workload::CannotStart("worker", listen.error().message);
  options.listen = *listen;
  const auto duration = workload::DurationOption("--per-msg", per_message);
  if (!duration) return workload::CannotStart("worker", duration.error().message);
  options.per_message = *duration;
  const auto rabbit = workload::RabbitFromEnv("worker");
  if (!rabbit) return workload::CannotStart("worker", rabbit.error().message);
  options.rabbit = rabbit->options;
  options.queue = rabbit->queue;
  if (!options.done_queue.empty()) {
    const Status name = brokers::CheckQueueName(options.done_queue);
    if (!name) return workload::CannotStart("worker", "--done-queue: " + name.error().message);
  }

  net::Loop loop;
  platform::SystemClock clock;
  worker::Worker worker(loop, clock, options);
  if (const Status started = worker.Start(); !started) {
    return workload::CannotStart("worker", started.error().message);
  }
  spdlog::info("serving on {}:{}, taking from {} at {}:{}", options.listen.address, worker.port(),
               options.queue, options.rabbit.host, options.rabbit.port);
  return workload::RunUntilStopped(loop, [&worker] { return DrainAndStop(&worker); });
}

}  // namespace
}  // namespace weir::worker

// NOLINTNEXTLINE(bugprone-exception-escape): it ends the program with its words, as it should
int main(int argc, char** argv) { return weir::worker::Main(argc, argv); }
