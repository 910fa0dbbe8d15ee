#include "controllers/adopt.h"

#include <memory>
#include <utility>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {

net::Task<Result<client::ObjectPtr>> Adopt(client::Client& client, client::ResourceRef resource,
                                           client::ObjectPtr object, client::ObjectPtr owner) {
  Json patch = AdoptPatch(*object, *owner);
  Result<Json> adopted =
      co_await client.Patch(std::move(resource), Namespace(*object), Name(*object),
                            client::PatchType::kMerge, std::move(patch));
  if (adopted) co_return std::make_shared<const Json>(std::move(*adopted));
  if (adopted.error().code == Code::kNotFound) co_return client::ObjectPtr();
  co_return std::unexpected(adopted.error());
}

}  // namespace weir::controllers
