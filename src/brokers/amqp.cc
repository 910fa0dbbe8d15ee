#include "brokers/amqp.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "net/tcp.h"

namespace weir::brokers {
namespace {

constexpr std::size_t kReadBytes = 64U << 10U;
// Where no heartbeats were agreed on.
constexpr Duration kForever = std::chrono::hours(24);
constexpr Duration kCloseWait = std::chrono::seconds(2);
// A queue that is missing closes the channel, and what was asked after it has to be asked again.
constexpr std::size_t kInspectBatch = 256;
constexpr std::size_t kUnconfirmedMax = 10'000;

// Each use has a channel of its own: the broker closes the channel that asked for something wrong.
enum Channel : std::uint16_t { kDeclares = 1, kInspects, kPublishes, kConsumes };

Code CodeOf(std::uint16_t reply_code) {
  switch (reply_code) {
    case 403:
      return Code::kForbidden;
    case 404:
    case 312:  // no route
      return Code::kNotFound;
    case 406:  // precondition failed: declared otherwise
    case 405:  // locked by another connection
      return Code::kConflict;
    default:
      return Code::kUnavailable;
  }
}

std::string HostPort(const AmqpOptions& options) {
  const bool v6 = options.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", options.host, v6 ? "]" : "", options.port);
}

}  // namespace

Status CheckQueueName(std::string_view name) {
  constexpr std::size_t kNameBytesMax = 255;
  if (!name.empty() && name.size() <= kNameBytesMax && IsUtf8(name)) return {};
  return Fail(Code::kInvalid, fmt::format("queue {}: expected a name of 1 to 255 bytes of UTF-8",
                                          Quote(name.substr(0, kNameBytesMax))));
}

struct Amqp::State : std::enable_shared_from_this<Amqp::State> {
  // A message that the broker has not confirmed yet.
  struct Unconfirmed {
    explicit Unconfirmed(net::Loop& loop, std::string i) : id(std::move(i)), done(loop) {}
    std::string id;
    net::Signal done;
    std::optional<Error> returned;
    std::optional<Status> outcome;
  };
  using Condition = std::function<bool()>;

  State(net::Loop& l, AmqpOptions o)
      : loop(l), options(std::move(o)), group(l, "amqp"), changed(l), output(l), arrived(l) {}

  net::Task<Status> Connect();
  net::Task<Status> MakeConnection();
  net::Task<Status> DeclareQueues();
  static net::Task<void> Read(std::shared_ptr<State> self, std::uint64_t connection,
                              std::shared_ptr<net::TcpStream> stream);
  static net::Task<void> Write(std::shared_ptr<State> self, std::uint64_t connection,
                               std::shared_ptr<net::TcpStream> stream);
  void Take(AmqpEvent event);
  void TakeChannelClosed(const AmqpEvent& event);
  void TakeConfirmed(const AmqpEvent& event);
  void FailPublishes(const Error& error);
  void Break(const Error& error);
  net::Task<Status> InspectSome(const std::vector<std::string>* queues, std::size_t end,
                                std::vector<std::optional<AmqpQueueState>>* states);

  net::Task<Status> Publish(const std::string* queue, const AmqpMessage* message);

  bool Usable() const { return session != nullptr && session->open(); }
  Error Explained(const Error& error) const {
    return {error.code, fmt::format("rabbitmq {}: {}", HostPort(options), error.message)};
  }
  void OpenChannel(Channel channel) {
    if (!open_channels.try_emplace(channel, true).second) return;
    session->OpenChannel(channel);
    if (channel != kPublishes) return;
    session->SelectConfirms(channel);
    published = 0;
  }

  // Resumes when the condition holds on this connection; the connection's error where it broke.
  net::Task<Status> Until(std::uint64_t connection, Condition condition, Duration limit,
                          std::string what) {
    const Duration end = loop.Monotonic() + limit;
    while (true) {
      if (connection != number || session == nullptr) co_return std::unexpected(broken_by);
      if (condition()) co_return Status();
      const Duration left = end - loop.Monotonic();
      if (left <= Duration::zero()) {
        co_return Fail(Code::kTimeout, fmt::format("{}: no answer in time", what));
      }
      co_await changed.WaitFor(left);
      const bool cancelled = co_await net::IsCancelled();
      if (cancelled) co_return Fail(Code::kCancelled, "cancelled");
    }
  }

  net::Loop& loop;
  AmqpOptions options;
  net::TaskGroup group;
  net::Signal changed;  // anything that a command waits for
  net::Signal output;   // the session has something to send, or the connection is another
  net::Signal arrived;  // a delivery, or the consumer's end

  std::uint64_t number = 0;  // of the connection, from 1
  std::shared_ptr<net::TcpStream> stream;
  std::unique_ptr<AmqpSession> session;
  Error broken_by{Code::kUnavailable, "not connected"};
  bool connecting = false;
  bool queues_declared = false;
  bool inspecting = false;
  bool closed = false;  // the broker has answered Close
  std::map<Channel, bool> open_channels;
  std::map<Channel, Error> channel_errors;
  std::optional<std::string> blocked;

  std::size_t declared = 0;
  std::vector<AmqpQueueState> inspected;
  std::uint64_t published = 0;  // on the channel
  std::map<std::uint64_t, std::shared_ptr<Unconfirmed>> unconfirmed;
  std::deque<AmqpDelivery> deliveries;
  std::optional<Error> consumer_error = Error{Code::kUnavailable, "not consuming"};
};

net::Task<Status> Amqp::State::Connect() {
  while (connecting) {
    const bool ok = co_await changed.Wait();
    if (!ok) co_return Fail(Code::kCancelled, "rabbitmq: cancelled");
  }
  if (Usable() && queues_declared) co_return Status();
  connecting = true;
  Status status;
  if (!Usable()) status = co_await MakeConnection();
  if (status) status = co_await DeclareQueues();
  connecting = false;
  changed.Notify();
  if (!status) {
    Break(status.error());
    co_return std::unexpected(Explained(status.error()));
  }
  co_return status;
}

net::Task<Status> Amqp::State::MakeConnection() {
  Result<std::unique_ptr<net::TcpStream>> connected = Fail(Code::kUnavailable, "not connected");
  if (options.tls == nullptr) {
    connected = co_await net::TcpConnect(options.host, options.port, options.connect_timeout);
  } else {
    connected =
        co_await net::TlsConnect(options.host, options.port, options.tls, options.connect_timeout);
  }
  if (!connected) co_return std::unexpected(connected.error());
  ++number;
  stream = std::move(*connected);
  session = std::make_unique<AmqpSession>(options.login);
  queues_declared = false;
  closed = false;
  open_channels.clear();
  channel_errors.clear();
  blocked.reset();
  group.Spawn(Read(shared_from_this(), number, stream));
  group.Spawn(Write(shared_from_this(), number, stream));
  const Condition opened = [this] { return session->open(); };
  co_return co_await Until(number, opened, options.connect_timeout, "log in");
}

net::Task<Status> Amqp::State::DeclareQueues() {
  if (!options.queues.empty()) {
    declared = 0;
    channel_errors.erase(kDeclares);
    OpenChannel(kDeclares);
    for (const AmqpQueueSpec& queue : options.queues) session->Declare(kDeclares, queue);
    output.Notify();
    const Condition answered = [this] {
      return declared == options.queues.size() || channel_errors.contains(kDeclares);
    };
    const Status status =
        co_await Until(number, answered, options.command_timeout, "declare queues");
    if (!status) co_return status;
    if (const auto it = channel_errors.find(kDeclares); it != channel_errors.end()) {
      co_return std::unexpected(it->second);
    }
  }
  queues_declared = true;
  co_return Status();
}

net::Task<void> Amqp::State::Read(std::shared_ptr<State> self, std::uint64_t connection,
                                  std::shared_ptr<net::TcpStream> stream) {
  while (self->number == connection && self->session != nullptr) {
    // Two heartbeats missed: the broker has gone.
    const Duration beat = self->session->heartbeat();
    Duration limit = beat > Duration::zero() ? 2 * beat : kForever;
    if (!self->session->open()) limit = self->options.connect_timeout;
    const Result<std::string> bytes = co_await stream->Read(kReadBytes, limit);
    if (self->number != connection || self->session == nullptr) co_return;
    if (!bytes) co_return self->Break(bytes.error());
    if (bytes->empty()) {
      co_return self->Break({Code::kUnavailable, "the broker closed the connection"});
    }
    const Status fed = self->session->Feed(*bytes);
    while (std::optional<AmqpEvent> event = self->session->Next()) self->Take(std::move(*event));
    if (!fed) co_return self->Break(fed.error());
    if (self->session->has_output()) self->output.Notify();
    self->changed.Notify();
  }
}

net::Task<void> Amqp::State::Write(std::shared_ptr<State> self, std::uint64_t connection,
                                   std::shared_ptr<net::TcpStream> stream) {
  while (self->number == connection && self->session != nullptr) {
    const Duration beat = self->session->heartbeat();
    if (self->session->has_output()) {
      const Duration limit = beat > Duration::zero() ? 2 * beat : self->options.command_timeout;
      std::string bytes = self->session->TakeOutput();
      const Status written = co_await stream->Write(std::move(bytes), limit);
      if (!written && self->number == connection) co_return self->Break(written.error());
      continue;
    }
    const bool notified =
        co_await self->output.WaitFor(beat > Duration::zero() ? beat / 2 : kForever);
    const bool cancelled = co_await net::IsCancelled();
    if (cancelled) co_return;
    if (!notified && self->number == connection && self->Usable()) self->session->Heartbeat();
  }
}

void Amqp::State::Take(AmqpEvent event) {
  switch (event.type) {
    case AmqpEvent::Type::kOpened:
      return;
    case AmqpEvent::Type::kDeclared:
      if (event.channel == kDeclares) ++declared;
      if (event.channel == kInspects) inspected.push_back({event.messages, event.consumers});
      return;
    case AmqpEvent::Type::kChannelClosed:
      return TakeChannelClosed(event);
    case AmqpEvent::Type::kDelivered:
      deliveries.push_back({std::move(event.message), event.redelivered, event.tag, number});
      arrived.Notify();
      return;
    case AmqpEvent::Type::kReturned:
      queues_declared = false;
      for (const auto& [tag, publish] : unconfirmed) {
        if (publish->id == event.message.id) publish->returned = {CodeOf(event.code), event.text};
      }
      return;
    case AmqpEvent::Type::kConfirmed:
      return TakeConfirmed(event);
    case AmqpEvent::Type::kCancelled:
      queues_declared = false;
      consumer_error = {Code::kNotFound, "the queue has gone"};
      arrived.Notify();
      return;
    case AmqpEvent::Type::kBlocked:
      blocked = event.text;
      return;
    case AmqpEvent::Type::kUnblocked:
      blocked.reset();
      return;
    case AmqpEvent::Type::kClosed:
      closed = true;
      return;
  }
}

void Amqp::State::TakeChannelClosed(const AmqpEvent& event) {
  const auto channel = static_cast<Channel>(event.channel);
  const Error error{CodeOf(event.code), event.text};
  open_channels.erase(channel);
  channel_errors[channel] = error;
  if (channel == kPublishes) FailPublishes(error);
  if (channel == kConsumes) {
    consumer_error = error;
    arrived.Notify();
  }
}

void Amqp::State::TakeConfirmed(const AmqpEvent& event) {
  auto it = event.multiple ? unconfirmed.begin() : unconfirmed.lower_bound(event.tag);
  while (it != unconfirmed.end() && it->first <= event.tag) {
    Unconfirmed& publish = *it->second;
    if (publish.returned) {
      publish.outcome = std::unexpected(Explained(*publish.returned));
    } else if (!event.positive) {
      publish.outcome =
          std::unexpected(Explained({Code::kUnavailable, "the broker refused the message"}));
    } else {
      publish.outcome.emplace();
    }
    publish.done.Notify();
    it = unconfirmed.erase(it);
  }
}

void Amqp::State::FailPublishes(const Error& error) {
  for (const auto& [tag, publish] : std::exchange(unconfirmed, {})) {
    publish->outcome = std::unexpected(Explained(error));
    publish->done.Notify();
  }
}

void Amqp::State::Break(const Error& error) {
  if (stream) stream->Close();
  stream.reset();
  if (session == nullptr) return;
  session.reset();
  broken_by = error;
  consumer_error = error;
  deliveries.clear();  // the broker delivers them again
  FailPublishes(error);
  changed.Notify();
  output.Notify();
  arrived.Notify();
}

// Asks for the queues from states->size() to `end`, or up to the first that is missing.
net::Task<Status> Amqp::State::InspectSome(const std::vector<std::string>* queues, std::size_t end,
                                           std::vector<std::optional<AmqpQueueState>>* states) {
  inspected.clear();
  channel_errors.erase(kInspects);
  OpenChannel(kInspects);
  const std::size_t asked = end - states->size();
  for (std::size_t i = states->size(); i < end; ++i) session->Inspect(kInspects, (*queues)[i]);
  output.Notify();
  const Condition answered = [this, asked] {
    return inspected.size() == asked || channel_errors.contains(kInspects);
  };
  const Status status = co_await Until(number, answered, options.command_timeout, "inspect queues");
  if (!status) co_return status;
  for (const AmqpQueueState& state : inspected) states->push_back(state);
  const auto error = channel_errors.find(kInspects);
  if (error == channel_errors.end()) co_return Status();
  if (error->second.code != Code::kNotFound) co_return std::unexpected(error->second);
  states->push_back(std::nullopt);
  co_return Status();
}

Amqp::Amqp(net::Loop& loop, AmqpOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

Amqp::~Amqp() = default;

net::Task<Status> Amqp::Connect() {
  const std::shared_ptr<State> state = state_;
  co_return co_await state->Connect();
}

net::Task<Result<std::vector<std::optional<AmqpQueueState>>>> Amqp::Inspect(
    std::vector<std::string> queues) {
  const std::shared_ptr<State> state = state_;
  while (state->inspecting) {
    const bool ok = co_await state->changed.Wait();
    if (!ok) co_return Fail(Code::kCancelled, "rabbitmq: cancelled");
  }
  state->inspecting = true;
  std::vector<std::optional<AmqpQueueState>> states;
  Status status = co_await state->Connect();
  if (status) {
    while (status && states.size() < queues.size()) {
      if (!state->Usable()) {
        status = std::unexpected(state->broken_by);
        break;
      }
      const std::size_t end = std::min(queues.size(), states.size() + kInspectBatch);
      status = co_await state->InspectSome(&queues, end, &states);
    }
    if (!status) {
      // Answers may still be under way: they must not be taken for those to the next question.
      state->Break(status.error());
      status = std::unexpected(state->Explained(status.error()));
    }
  }
  state->inspecting = false;
  state->changed.Notify();
  if (!status) co_return std::unexpected(status.error());
  co_return states;
}

net::Task<Status> Amqp::State::Publish(const std::string* queue, const AmqpMessage* message) {
  const std::shared_ptr<State> state = shared_from_this();
  const Status connected = co_await state->Connect();
  if (!connected) co_return connected;
  if (state->unconfirmed.size() >= kUnconfirmedMax) {
    const Error full{Code::kUnavailable, "too many messages wait for the broker's confirmation"};
    co_return std::unexpected(state->Explained(full));
  }
  state->OpenChannel(kPublishes);
  const std::uint64_t connection = state->number;
  const std::uint64_t tag = ++state->published;
  auto publish = std::make_shared<Unconfirmed>(state->loop, message->id);
  state->unconfirmed[tag] = publish;
  state->session->Publish(kPublishes, *queue, *message);
  state->output.Notify();
  co_await publish->done.WaitFor(state->options.command_timeout);
  if (publish->outcome) co_return *publish->outcome;
  if (state->number == connection) {
    const auto it = state->unconfirmed.find(tag);
    if (it != state->unconfirmed.end() && it->second == publish) state->unconfirmed.erase(it);
  }
  const bool cancelled = co_await net::IsCancelled();
  if (cancelled) co_return Fail(Code::kCancelled, "rabbitmq: cancelled");
  const std::string why =
      state->blocked ? fmt::format(": it takes none now: {}", *state->blocked) : std::string();
  const Error late{Code::kTimeout,
                   fmt::format("the broker did not confirm the message in time{}", why)};
  co_return std::unexpected(state->Explained(late));
}

net::Task<Status> Amqp::Publish(std::string queue, AmqpMessage message) {
  const std::shared_ptr<State> state = state_;
  Status published = co_await state->Publish(&queue, &message);
  const bool had_no_queue = !published && published.error().code == Code::kNotFound;
  // The queue was deleted: it is declared again with the next connect.
  if (had_no_queue && !state->options.queues.empty()) {
    published = co_await state->Publish(&queue, &message);
  }
  co_return published;
}

net::Task<Status> Amqp::Consume(std::string queue, std::uint16_t prefetch) {
  const std::shared_ptr<State> state = state_;
  const Status connected = co_await state->Connect();
  if (!connected) co_return connected;
  state->deliveries.clear();
  state->consumer_error.reset();
  state->OpenChannel(kConsumes);
  state->session->Consume(kConsumes, queue, prefetch);
  state->output.Notify();
  co_return Status();
}

net::Task<Result<std::optional<AmqpDelivery>>> Amqp::Next(Duration limit) {
  const std::shared_ptr<State> state = state_;
  const Duration end = state->loop.Monotonic() + limit;
  while (true) {
    if (state->consumer_error) co_return std::unexpected(state->Explained(*state->consumer_error));
    if (!state->deliveries.empty()) {
      AmqpDelivery delivery = std::move(state->deliveries.front());
      state->deliveries.pop_front();
      co_return delivery;
    }
    const Duration left = end - state->loop.Monotonic();
    if (left <= Duration::zero()) co_return std::optional<AmqpDelivery>();
    co_await state->arrived.WaitFor(left);
    const bool cancelled = co_await net::IsCancelled();
    if (cancelled) co_return Fail(Code::kCancelled, "rabbitmq: cancelled");
  }
}

bool Amqp::Holds(const AmqpDelivery& delivery) const {
  return delivery.connection == state_->number && state_->Usable();
}

void Amqp::Acknowledge(const AmqpDelivery& delivery) {
  if (!Holds(delivery)) return;
  state_->session->Acknowledge(kConsumes, delivery.tag);
  state_->output.Notify();
}

net::Task<void> Amqp::Close() {
  const std::shared_ptr<State> state = state_;
  if (state->Usable()) {
    state->session->Close();
    state->output.Notify();
    const State::Condition closed = [state] { return state->closed; };
    std::ignore = co_await state->Until(state->number, closed, kCloseWait, "close");
  }
  state->Break({Code::kCancelled, "the connection was closed"});
}

net::Task<void> Amqp::Stop() {
  const std::shared_ptr<State> state = state_;
  co_await Close();
  co_await state->group.Stop();
}

bool Amqp::connected() const { return state_->Usable(); }
const AmqpOptions& Amqp::options() const { return state_->options; }
std::string Amqp::where() const { return HostPort(state_->options); }

}  // namespace weir::brokers
