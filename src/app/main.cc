// The program `weir`: finds out which command was asked for and hands over to it.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/explain_command.h"
#include "app/exporter_command.h"
#include "app/hpa_command.h"
#include "app/options.h"
#include "app/up.h"
#include "app/version.h"
#include "base/strings.h"
#include "platform/process.h"

namespace weir::app {
namespace {

// Turns a Go duration flag into a Duration, for CLI11's error messages.
CLI::Validator DurationFlag(Duration least = Duration(0)) {
  return CLI::Validator(
      [least](std::string& text) {
        auto parsed = ParseGoDuration(text);
        if (!parsed) return parsed.error().message;
        if (*parsed < Duration(0)) return std::string("must not be negative");
        return *parsed < least ? "must be at least " + FormatGoDuration(least) : std::string();
      },
      "DURATION");
}

// What is done again and again takes at least this long.
constexpr Duration kLeastPeriod = std::chrono::milliseconds(10);

// What the command line has asked for.
using Run = std::function<int()>;

// `value`: a Duration, or an optional one. Its text has been checked when it is taken.
template <class Value>
CLI::Option* AddDuration(CLI::App& command, const std::string& name, Value& value,
                         const std::string& help, Duration least = Duration(0)) {
  const auto take = [&value](const std::string& text) {
    if (const auto given = ParseGoDuration(text)) value = *given;
  };
  return command.add_option_function<std::string>(name, take, help)->check(DurationFlag(least));
}

void AddMetricsFlags(CLI::App& command, UpOptions& up) {
  AddDuration(command, "--downscale-stabilization", up.downscale_stabilization,
              "How long an HPA without behavior remembers higher recommendations")
      ->default_str(FormatGoDuration(up.downscale_stabilization));
  AddDuration(command, "--hpa-sync-period", up.hpa_sync_period,
              "How often each HPA is evaluated anyway", kLeastPeriod)
      ->default_str(FormatGoDuration(up.hpa_sync_period));
  command.add_option("--adapter-config", up.adapter_config_file,
                     "prometheus-adapter's configuration file");
  command.add_option("--scrape-config", up.scrape_config_file,
                     "What to scrape beside ServiceMonitors, and rule files, as Prometheus' "
                     "configuration file says it");
  AddDuration(command, "--metrics-relist-interval", up.metrics_relist_interval,
              "How often the metrics APIs list series anew (at once when a series is new)");
  AddDuration(command, "--metrics-max-age", up.metrics_max_age,
              "How long a metric without samples stays listed (the relist interval, or 5m)");
}

void AddUp(CLI::App& app, Run& run) {
  const auto up = std::make_shared<UpOptions>();
  auto* command = app.add_subcommand(
      "up", "A local Kubernetes cluster in the foreground; its pods are local processes.");
  command->add_option("-f,--filename", up->files, "Manifests to apply at start: files or folders");
  command
      ->add_option("--data-dir", up->data_dir,
                   "Where objects, logs and credentials are kept (" + DefaultDataDir() + ")")
      ->check(CLI::Validator(
          [](std::string& text) { return std::string(text.empty() ? "must name a folder" : ""); },
          "FOLDER"));
  command->add_option("--port", up->port, "Port of the API (6443, or a free one if it is taken)")
      ->check(CLI::Range(0, 65535));
  command->add_option("--images", up->images_file, "Image catalogue, read before the built-in one");
  command->add_option("--token-auth-file", up->token_auth_file,
                      "Further users, as kube-apiserver reads them: token,user,uid[,\"groups\"]");
  command
      ->add_option_function<std::string>(
          "--kubelet", [up](const std::string& which) { up->node = which == "process"; },
          "Who runs the pods: `process`, as local processes; `none`, no node is registered")
      ->check(CLI::IsMember({"process", "none"}))
      ->default_str("process");
  AddMetricsFlags(*command, *up);
  command->add_flag("--upstream-exact", up->upstream_exact,
                    "Answer as Kubernetes 1.36 does in everything, for comparison");
  command->callback([up, &run] { run = [up] { return RunUp(*up); }; });
}

void AddExporter(CLI::App& app, Run& run) {
  auto* command =
      app.add_subcommand("exporter", "A queue's metrics as a Prometheus page: weir exporter redis");
  command->prefix_command();
  command->callback([command, &run] {
    run = [arguments = command->remaining()] { return RunExporter(arguments); };
  });
}

void AddHpa(CLI::App& app, Run& run) {
  auto* hpa = app.add_subcommand("hpa", "The HorizontalPodAutoscaler's decisions.");
  hpa->require_subcommand(1);
  auto* command = hpa->add_subcommand(
      "replay",
      "Decide scenarios, or recorded decisions again: one line of JSON each. The exit status is 1 "
      "if "
      "something could not be read, or came out otherwise than its record says.");
  const auto file = std::make_shared<std::string>("-");
  const auto exact = std::make_shared<bool>(false);
  command->add_option("FILE", *file,
                      "Scenarios as lines of JSON, or what `weir explain hpa/NAME -o json` and "
                      "`kubectl get decisions -o json` print; - is standard input");
  command->add_flag("--upstream-exact", *exact, "Decide as Kubernetes 1.36 does");
  command->callback(
      [file, exact, &run] { run = [file, exact] { return RunHpaReplay(*file, *exact); }; });
}

void AddExplain(CLI::App& app, Run& run) {
  const auto explain = std::make_shared<ExplainOptions>();
  auto* command =
      app.add_subcommand("explain", "Why an autoscaler's target has as many replicas as it has.");
  command->add_option("WHAT", explain->what, "hpa/NAME")->required();
  command->add_option("-n,--namespace", explain->ns, "The autoscaler's namespace");
  command->add_option("--kubeconfig", explain->kubeconfig,
                      "The cluster ($KUBECONFIG, or ~/.kube/config)");
  command->add_option("--at", explain->at,
                      "The decision in force then: 2026-01-31T12:00:00Z, or 5m ago as 5m");
  command
      ->add_option_function<std::string>(
          "-o,--output", [explain](const std::string& form) { explain->json = form == "json"; },
          "`json`: the record as it is")
      ->check(CLI::IsMember({"json"}));
  command->callback([explain, &run] { run = [explain] { return RunExplain(*explain); }; });
}

int Main(int argc, char** argv) {
  CLI::App app{"Weir scales workers by the work that waits for them."};
  app.set_version_flag("--version", "weir " + std::string(kVersion));
  app.require_subcommand(1);
  Run run;
  AddUp(app, run);
  AddExporter(app, run);
  AddHpa(app, run);
  AddExplain(app, run);
  // Of an unknown command CLI11 says only that one is required.
  const auto is_asked = [&](const CLI::App* command) { return command->check_name(argv[1]); };
  if (argc > 1 && *argv[1] != '-' && app.get_subcommands(is_asked).empty()) {
    fmt::print(stderr, "weir: no command \"{}\"; weir --help lists them\n", argv[1]);
    return 2;
  }
  CLI11_PARSE(app, argc, argv);
  return run();
}

}  // namespace
}  // namespace weir::app

// NOLINTNEXTLINE(bugprone-exception-escape): it ends the program with its words, as it should
int main(int argc, char** argv) {
  if (weir::platform::IsPodInit(argc, argv)) return weir::platform::PodInitMain(argc, argv);
  return weir::app::Main(argc, argv);
}
