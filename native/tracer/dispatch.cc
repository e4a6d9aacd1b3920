// The table of methods, and what happens to one request.
#include "handlers.h"
#include "process.h"

namespace suture {

namespace {

struct Method {
  std::string_view name;
  Handler handler;
};

constexpr Method methods[] = {
  {"hello", hello},
  {"process", process},
  {"maps", maps},
  {"read", read},
  {"mapped-file", mappedFile},
  {"threads", threads},
  {"holders", holders},
  {"debug", debug},
  {"layouts", layouts},
  {"references", references},
  {"stacks", stacks},
  {"stage", stage},
  {"unmap", unmap},
  {"write", write},
  {"call", call},
  {"transition", transition},
};

Result<Answer> answer(const Request& request) {
  const std::string name = TRY(textField(request.head, "method"));
  const Handler handler = findHandler(name);
  if (handler == nullptr) return Error{ErrorKind::usage, "Cannot serve the request: no method is named \"" + name + "\""};
  Result<Answer> served = handler(request);
  if (served || served.error().kind != ErrorKind::unreadableMemory || !request.head.contains("pid")) return served;
  return unlessEnding(TRY(pidField(request.head)), std::move(served).error());
}

}  // namespace

Handler findHandler(std::string_view name) {
  for (const Method& method : methods) {
    if (method.name == name) return method.handler;
  }
  return nullptr;
}

Reply serve(const Request& request) {
  const Json id = request.head.contains("id") ? request.head["id"] : Json();
  Result<Answer> served = answer(request);
  if (!served) return {errorHead(id, served.error()), {}};
  return {answerHead(id, served.value()), std::move(served.value().body)};
}

}  // namespace suture
