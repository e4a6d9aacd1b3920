// One function for each method of PROTOCOL.md. To add a method: declare it here, write it in the file of its
// subject, name it in the table of dispatch.cc, describe it in PROTOCOL.md, give it a function in ../tracer.ts.
#pragma once

#include "protocol.h"

namespace suture {

using Handler = Result<Answer> (*)(const Request&);

/** The whole of one request: finds the handler, calls it, makes the head of the answer. */
struct Reply {
  Json head;
  Bytes body;
};
Reply serve(const Request& request);

// inspect.cc: reads only
Result<Answer> hello(const Request&);
Result<Answer> process(const Request&);
Result<Answer> maps(const Request&);
Result<Answer> read(const Request&);
Result<Answer> mappedFile(const Request&);
Result<Answer> threads(const Request&);
// branches.cc
Result<Answer> branches(const Request&);
// holders.cc
Result<Answer> holders(const Request&);
// debug-request.cc
Result<Answer> debug(const Request&);
// layouts.cc
Result<Answer> layouts(const Request&);

// These stop or change a process.
Result<Answer> stacks(const Request&);      // stacks.cc
Result<Answer> references(const Request&);  // references.cc
Result<Answer> stage(const Request&);       // stage.cc
Result<Answer> unmap(const Request&);       // stage.cc
Result<Answer> write(const Request&);       // stage.cc
Result<Answer> call(const Request&);        // call.cc
Result<Answer> transition(const Request&);  // transition.cc

}  // namespace suture
