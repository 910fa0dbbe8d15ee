#include "kubelet/container_run.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "net/deadline.h"

namespace weir::kubelet {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10U;
constexpr std::size_t kMaxCommandOutput = std::size_t{10} << 10U;

}  // namespace

struct ContainerRun::State {
  State(net::Loop& loop, env::Clock& c, platform::ChildProcess started,
        std::shared_ptr<ContainerLog> l, EndFn fn)
      : clock(c),
        child(started),
        output(loop.context(), started.output_fd),
        ended(loop.context(), started.pidfd),
        log(std::move(l)),
        on_end(std::move(fn)) {}

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    if (child.pid < 0) return;
    platform::KillProcess(child);
    Reap();
  }

  platform::ExitStatus Reap() {
    ended.release();  // ReapProcess closes the descriptor
    return platform::ReapProcess(child);
  }

  env::Clock& clock;
  platform::ChildProcess child;
  asio::posix::stream_descriptor output;
  asio::posix::stream_descriptor ended;
  std::shared_ptr<ContainerLog> log;
  EndFn on_end;
  bool abandoned = false;

  // A task in its own right: holds the state until the end.
  static net::Task<void> Follow(std::shared_ptr<State> state) {
    std::string buffer(kReadBytes, '\0');
    while (true) {
      const auto target = asio::buffer(buffer);
      const auto [error, n] = co_await state->output.async_read_some(target, net::kAwait);
      if (error) break;
      state->log->Append(std::string_view(buffer).substr(0, n), state->clock.Now());
    }
    if (const bool cancelled = co_await net::IsCancelled(); cancelled) co_return;
    const auto wait = asio::posix::stream_descriptor::wait_read;
    const auto [error] = co_await state->ended.async_wait(wait, net::kAwait);
    if (error || state->abandoned) co_return;
    const platform::ExitStatus status = state->Reap();
    state->log->Close(state->clock.Now());
    const EndFn on_end = std::move(state->on_end);
    on_end(status);
  }
};

Result<std::unique_ptr<ContainerRun>> ContainerRun::Start(net::Loop& loop, net::TaskGroup& group,
                                                          env::Clock& clock,
                                                          platform::ProcessSpec spec,
                                                          std::shared_ptr<ContainerLog> log,
                                                          EndFn on_end) {
  spec.capture_output = true;
  auto child = platform::StartProcess(spec);
  if (!child) return std::unexpected(child.error());
  auto state = std::make_shared<State>(loop, clock, *child, std::move(log), std::move(on_end));
  group.Spawn(State::Follow(state));
  return std::unique_ptr<ContainerRun>(new ContainerRun(std::move(state)));
}

ContainerRun::~ContainerRun() {
  state_->abandoned = true;
  platform::KillProcess(state_->child);
}

void ContainerRun::Terminate() { platform::TerminateProcess(state_->child); }
void ContainerRun::Kill() { platform::KillProcess(state_->child); }
int ContainerRun::pid() const { return state_->child.pid; }
int ContainerRun::pidfd() const { return state_->child.pidfd; }

net::Task<Result<CommandResult>> RunCommand(net::Loop& loop, platform::ProcessSpec spec,
                                            Duration timeout) {
  spec.capture_output = true;
  auto child = platform::StartProcess(spec);
  if (!child) co_return std::unexpected(child.error());
  asio::posix::stream_descriptor output(loop.context(), child->output_fd);
  asio::posix::stream_descriptor ended(loop.context(), child->pidfd);
  CommandResult result;
  Code failure = Code::kInternal;
  bool failed = false;
  {
    net::Deadline deadline = co_await net::Deadline::In(timeout);
    std::string buffer(kMaxCommandOutput, '\0');
    while (true) {
      const auto target = asio::buffer(buffer);
      auto token = deadline.token();
      const auto [error, n] = co_await output.async_read_some(target, token);
      if (error) break;
      result.output.append(buffer, 0, std::min(n, kMaxCommandOutput - result.output.size()));
    }
    if (!deadline.expired() && !deadline.cancelled()) {
      const auto wait = asio::posix::stream_descriptor::wait_read;
      auto token = deadline.token();
      co_await ended.async_wait(wait, token);
    }
    failed = deadline.expired() || deadline.cancelled();
    failure = deadline.code();
  }
  if (failed) platform::KillProcess(*child);
  ended.release();
  const platform::ExitStatus status = platform::ReapProcess(*child);
  if (failed) {
    co_return Fail(failure, failure == Code::kTimeout ? "timed out" : "cancelled");
  }
  if (!status.error.empty()) co_return Fail(Code::kNotFound, status.error);
  result.exit_code = status.code;
  co_return result;
}

}  // namespace weir::kubelet
