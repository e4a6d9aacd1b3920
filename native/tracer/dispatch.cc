// The table of methods, and what happens to one request.
#include "fault-points.h"
#include "guardian.h"
#include "handlers.h"
#include "process.h"

namespace suture {

namespace {

/** What a request does to a process: nothing that it notices, stopping threads, changing it, or both. */
enum Effect : uint8_t { reads = 0, stops = 1, changes = 2 };

struct Method {
  std::string_view name;
  Handler handler;
  int effect = reads;
};

constexpr Method methods[] = {
  {"hello", hello},
  {"process", process},
  {"maps", maps},
  {"read", read},
  {"mapped-file", mappedFile},
  {"threads", threads},
  {"branches", branches},
  {"holders", holders},
  {"debug", debug},
  {"layouts", layouts},
  {"references", references, stops},
  {"stacks", stacks, stops},
  {"stage", stage, stops | changes},
  {"unmap", unmap, stops | changes},
  {"write", write, changes},
  {"call", call, stops | changes},
  {"transition", transition, stops | changes},
};

const Method* findMethod(std::string_view name) {
  for (const Method& method : methods) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

Result<Answer> answer(const Request& request) {
  const std::string name = TRY(textField(request.head, "method"));
  const Method* const method = findMethod(name);
  if (method == nullptr) return Error{ErrorKind::usage, "Cannot serve the request: no method is named \"" + name + "\""};
  if (method->effect & changes) faultPoint("begin", 0);
  if (method->effect & stops) Guardian::instance().watch();
  Result<Answer> served = method->handler(request);
  if (method->effect & stops) Guardian::instance().dismiss();
  if (method->effect & changes) faultPoint("end", 0);
  if (served || served.error().kind != ErrorKind::unreadableMemory || !request.head.contains("pid")) return served;
  return unlessEnding(TRY(pidField(request.head)), std::move(served).error());
}

}  // namespace

Reply serve(const Request& request) {
  const Json id = request.head.contains("id") ? request.head["id"] : Json();
  Result<Answer> served = answer(request);
  if (!served) return {errorHead(id, served.error()), {}};
  return {answerHead(id, served.value()), std::move(served.value().body)};
}

}  // namespace suture
