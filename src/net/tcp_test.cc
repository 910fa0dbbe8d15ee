#include "net/tcp.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "net/testing.h"

namespace weir::net {
namespace {

using std::chrono::milliseconds;
constexpr Duration kLong = std::chrono::seconds(20);

class TcpTest : public ::testing::Test {
 protected:
  TcpTest()
      : accepted_(loop_),
        listener_(loop_, "127.0.0.1", 0, [this](std::unique_ptr<TcpStream> stream) {
          server_side_ = std::move(stream);
          accepted_.Notify();
        }) {
    EXPECT_TRUE(listener_.Start());
    auto client = RunTask(loop_, TcpConnect("127.0.0.1", listener_.port(), kLong));
    EXPECT_TRUE(client);
    client_side_ = std::move(*client);
    EXPECT_TRUE(RunTask(loop_, accepted_.WaitFor(kLong)));
  }
  ~TcpTest() override { RunTask(loop_, listener_.Stop()); }

  Loop loop_;
  Signal accepted_;
  TcpListener listener_;
  std::unique_ptr<TcpStream> client_side_, server_side_;
};

TEST_F(TcpTest, CarriesBytesBothWaysAndHalfCloses) {
  ASSERT_TRUE(RunTask(loop_, client_side_->Write("ping", kLong)));
  client_side_->ShutdownWrite();
  EXPECT_EQ(RunTask(loop_, server_side_->Read(2, kLong)).value(), "pi");
  EXPECT_EQ(RunTask(loop_, server_side_->Read(100, kLong)).value(), "ng");
  EXPECT_EQ(RunTask(loop_, server_side_->Read(100, kLong)).value(), "");
  ASSERT_TRUE(RunTask(loop_, server_side_->Write("pong", kLong)));
  EXPECT_EQ(RunTask(loop_, client_side_->Read(100, kLong)).value(), "pong");
}

TEST_F(TcpTest, ATimeoutLeavesTheStreamUsable) {
  const auto late = RunTask(loop_, client_side_->Read(10, milliseconds(5)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kTimeout);
  ASSERT_TRUE(RunTask(loop_, server_side_->Write("x", kLong)));
  EXPECT_EQ(RunTask(loop_, client_side_->Read(10, kLong)).value(), "x");
}

TEST_F(TcpTest, AWriteToAPeerThatDoesNotReadTimesOut) {
  const Status late =
      RunTask(loop_, client_side_->Write(std::string(64U << 20U, 'x'), milliseconds(20)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kTimeout);
}

Task<void> ReadInto(TcpStream* stream, Result<std::string>* out) {
  *out = co_await stream->Read(10, kLong);
}

TEST_F(TcpTest, CancellationAndCloseEndARead) {
  for (const bool cancel : {true, false}) {
    TaskGroup group(loop_, "reader");
    Result<std::string> result = std::string("untouched");
    group.Spawn(ReadInto(client_side_.get(), &result));
    RunTask(loop_, Sleep(milliseconds(1)));
    if (!cancel) client_side_->Close();
    RunTask(loop_, group.Stop());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, cancel ? Code::kCancelled : Code::kUnavailable);
  }
}

TEST_F(TcpTest, ErrorsNameWhere) {
  TcpListener second(loop_, "127.0.0.1", listener_.port(), [](std::unique_ptr<TcpStream>) {});
  const Status taken = second.Start();
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::kConflict);
  const std::uint16_t port = listener_.port();
  RunTask(loop_, listener_.Stop());
  const auto refused = RunTask(loop_, TcpConnect("127.0.0.1", port, kLong));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_EQ(refused.error().message,
            fmt::format("connect to 127.0.0.1:{}: Connection refused", port));
  const auto unknown = RunTask(loop_, TcpConnect("no-such-host.invalid", 1, kLong));
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("no-such-host.invalid"), std::string::npos);
  EXPECT_TRUE(RunTask(loop_, TcpConnect("localhost", port, kLong))
                  .error()
                  .message.find("connect to localhost") == 0);
}

}  // namespace
}  // namespace weir::net
