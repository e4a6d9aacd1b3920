// The request that asks whether the process still knows addresses in given ranges: reference-search.h.
#include "reference-search.h"

#include "handlers.h"

namespace suture {

Result<WantedReferences> parseWantedReferences(const Json& object) {
  WantedReferences wanted = {TRY(rangesField(object, "into")), TRY(rangesField(object, "except")), {}};
  for (const RemoteRange& range : TRY(rangesField(object, "code"))) wanted.code.push_back({range});
  return wanted;
}

Result<Answer> references(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const uint64_t startTime = TRY(hexField(request.head, "startTime"));
  WantedReferences wanted = TRY(parseWantedReferences(request.head));
  TRY(checkSameProcess(pid, startTime));
  ReferenceSearch search(pid, startTime, std::move(wanted));
  TRY(search.perform());
  return Answer{search.toJson(), {}};
}

}  // namespace suture
