// One run of a container: its process, its output flowing into a log, its end. Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "env/clock.h"
#include "kubelet/container_log.h"
#include "net/loop.h"
#include "platform/process.h"

namespace weir::kubelet {

class ContainerRun {
 public:
  using EndFn = std::function<void(platform::ExitStatus)>;

  // Starts the process (errors are platform::StartProcess') and its task in `group`. `on_end` is
  // called once, when the process has ended and all its output is in the log, which is closed then.
  static Result<std::unique_ptr<ContainerRun>> Start(net::Loop& loop, net::TaskGroup& group,
                                                     env::Clock& clock, platform::ProcessSpec spec,
                                                     std::shared_ptr<ContainerLog> log,
                                                     EndFn on_end);
  // A process that still runs is killed; on_end is not called any more.
  ~ContainerRun();
  ContainerRun(const ContainerRun&) = delete;
  ContainerRun& operator=(const ContainerRun&) = delete;

  void Terminate();
  void Kill();
  // -1 after the end.
  int pid() const;
  int pidfd() const;

 private:
  struct State;
  explicit ContainerRun(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// Runs a command inside the namespaces of a running container (`pidfd`) until it ends, for probes
// and hooks. kTimeout after `timeout`, with the command killed; output beyond 10 KiB is dropped.
struct CommandResult {
  int exit_code = 0;
  std::string output;
};
net::Task<Result<CommandResult>> RunCommand(net::Loop& loop, platform::ProcessSpec spec,
                                            Duration timeout);

}  // namespace weir::kubelet
