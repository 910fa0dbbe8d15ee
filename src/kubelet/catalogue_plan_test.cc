#include "kubelet/catalogue_plan.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace weir::kubelet {
namespace {

const Placeholders kValues = {{"POD_IP", "127.64.0.1"},
                              {"DATA_DIR", "/data"},
                              {"WEIR", "/bin/weir"},
                              {"WEIR_BIN_DIR", "/lib/weir"}};

constexpr std::string_view kMine = R"(
images:
- image: [web, "shop/*"]
  command: [serve, --on, "${POD_IP}"]
  args: [--default, "${DATA_DIR}/x", 8080, true]
  env: {A: "${POD_IP}"}
  package: serve-pkg
- image: tools
  args: [sh]
)";

Catalogue Mine() {
  auto catalogue = Catalogue::Parse(kMine, "mine.yaml");
  EXPECT_TRUE(catalogue) << catalogue.error().message;
  return *catalogue;
}

// How a container's command and args combine with the entry's, as Kubernetes' table has it.
TEST(BuildCommand, Cases) {
  using Words = std::vector<std::string>;
  const struct {
    const char* image;
    Words command, args;
    const char* want;
  } cases[] = {
      {"web", {}, {}, "serve --on 127.64.0.1 --default /data/x 8080 true"},
      {"web:1.2", {}, {"--mine"}, "serve --on 127.64.0.1 --mine"},
      {"web", {"other"}, {}, "other"},
      {"web", {"other"}, {"--mine"}, "other --mine"},
      {"web", {}, {"serve", "--mine"}, "serve --on 127.64.0.1 --mine"},
      {"web", {}, {"${POD_IP}"}, "serve --on 127.64.0.1 ${POD_IP}"},
      {"tools", {}, {}, "sh"},
      {"tools", {}, {"date", "-u"}, "date -u"},
      {"nothing", {"cmd"}, {"a"}, "cmd a"},
      {"nothing", {}, {"a"}, "none"},
  };
  for (const auto& c : cases) {
    const auto argv = BuildCommand(Mine(), c.image, c.command, c.args, kValues);
    EXPECT_EQ(argv ? Join(*argv, " ") : "none", c.want) << c.image;
  }
}

TEST(Catalogue, FindsImagesHoweverTheyAreWritten) {
  const struct {
    const char* image;
    bool found;
  } cases[] = {
      {"web", true},
      {"web:latest", true},
      {"web@sha256:0123", true},
      {"library/web:1", true},
      {"docker.io/library/web:1", true},
      {"docker.io/shop/cart:2", true},
      {"quay.io/web", false},
      {"localhost:5000/web:1", false},
      {"website", false},
  };
  for (const auto& c : cases) EXPECT_EQ(Mine().Find(c.image) != nullptr, c.found) << c.image;
}

TEST(Catalogue, PutsOwnEntriesFirst) {
  Catalogue catalogue = Catalogue::BuiltIn();
  EXPECT_EQ(catalogue.file(), "the built-in catalogue");
  const auto redis = BuildCommand(catalogue, "redis:7", {}, {"--appendonly", "yes"}, kValues);
  ASSERT_TRUE(redis);
  EXPECT_EQ(Join(*redis, " "),
            "redis-server --bind 127.64.0.1 --port 6379 --dir /data "
            "--protected-mode no --appendonly yes");
  EXPECT_EQ(catalogue.Find("redis:7")->package, "redis-server");
  EXPECT_EQ(Join(*BuildCommand(catalogue, "weir/consumer:0.1", {}, {}, kValues), " "),
            "/lib/weir/consumer");
  EXPECT_EQ(
      Join(*BuildCommand(catalogue, "oliver006/redis_exporter:v1.45.0", {}, {}, kValues), " "),
      "/bin/weir exporter redis");
  auto first = Catalogue::Parse("images: [{image: redis, command: [mine]}]", "mine.yaml");
  ASSERT_TRUE(first);
  catalogue.PutBefore(*first);
  EXPECT_EQ(catalogue.Find("redis:7")->command[0], "mine");
  EXPECT_EQ(catalogue.file(), "mine.yaml");
}

TEST(Catalogue, ASetupScriptRunsTheCommand) {
  const auto catalogue = Catalogue::Parse(
      "images: [{image: a, command: [serve, here], args: [all], setup: 'echo ${HOME}'}]", "f");
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  const std::vector<std::string> shell = {"sh", "-euc", "echo ${HOME}\nexec \"$@\"", "sh"};
  const auto argv = [&](const std::vector<std::string>& args) {
    auto words = *BuildCommand(*catalogue, "a", {}, args, kValues);
    EXPECT_TRUE(std::equal(shell.begin(), shell.end(), words.begin()));
    return Join({words.begin() + 4, words.end()}, " ");
  };
  EXPECT_EQ(argv({}), "serve here all");
  EXPECT_EQ(argv({"serve", "z"}), "serve here z");
  EXPECT_EQ(Join(*BuildCommand(*catalogue, "a", {"own"}, {"z"}, kValues), " "), "own z");
}

TEST(Catalogue, RefusesWhatIsNone) {
  const struct {
    const char* yaml;
    const char* message;
  } cases[] = {
      {"images: 3", "f: expected a list `images`"},
      {"image: []", "f: expected a list `images`"},
      {"images: [web]", "f: images[0]: expected an object with `image` and `command`"},
      {"images: [{command: [a]}]", "f: images[0].image: expected a glob or a list of globs"},
      {"images: [{image: a, comand: [b]}]",
       "f: images[0].comand: expected one of image, command, args, setup, env, package"},
      {"images: [{image: a, command: [b], setup: 3}]",
       "f: images[0].setup: expected a shell script"},
      {"images: [{image: a, setup: x}]", "f: images[0].command: expected a program"},
      {"images: [{image: a, command: b}]", "f: images[0].command: expected a list of strings"},
      {"images: [{image: a, args: [{}]}]", "f: images[0].args[0]: expected a string"},
      {"images: [{image: a, args: ['${POD}']}]",
       "f: images[0].args[0]: no placeholder ${POD}; there are POD_IP, POD_NAME, POD_NAMESPACE, "
       "POD_UID, NODE_NAME, CONTAINER_NAME, DATA_DIR, WEIR, WEIR_BIN_DIR"},
      {"images: [{image: a, env: {X: '${POD_IP'}}]",
       "f: images[0].env.X: `${` without `}` in \"${POD_IP\""},
  };
  for (const auto& c : cases) {
    const auto catalogue = Catalogue::Parse(c.yaml, "f");
    ASSERT_FALSE(catalogue) << c.yaml;
    EXPECT_EQ(catalogue.error().message, c.message);
  }
  EXPECT_TRUE(Catalogue::Parse("", "f"));
}

}  // namespace
}  // namespace weir::kubelet
