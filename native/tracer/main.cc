// suture-tracer: serves requests on its standard streams, one after the other, and ends when its input closes.
// Between two requests it holds no process. See PROTOCOL.md.
#include "handlers.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

namespace suture {
namespace {

/** A thousand threads and their files want more than the usual 1024. */
void raiseFileLimit() {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void prepareOurselves() {
  // A reader that has gone is an error of write(2), not our death in the middle of a request.
  signal(SIGPIPE, SIG_IGN);
  // What a terminal or a supervisor sends to all of its processes is for the program that started us: it closes our input when it wants
  // us to end, and until then needs us to leave everything in order.
  for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU}) signal(number, SIG_IGN);
  // A limit on the size of files is an error of write(2), too.
  signal(SIGXFSZ, SIG_IGN);
  // Our memory holds copies of other people's: no core file, and nobody of the same user looks in.
  prctl(PR_SET_DUMPABLE, 0);
  raiseFileLimit();
}

int serveUntilClosed() {
  for (;;) {
    Result<std::optional<Request>> frame = readFrame(STDIN_FILENO);
    if (!frame) {
      // After a frame that is not one there is no telling where the next begins.
      std::fprintf(stderr, "suture-tracer: %s\n", frame.error().message.c_str());
      (void)!writeFrame(STDOUT_FILENO, errorHead(Json(), frame.error()), {});
      return 2;
    }
    if (!frame.value()) return 0;
    const Reply reply = serve(*frame.value());
    if (!writeFrame(STDOUT_FILENO, reply.head, reply.body)) return 0;
  }
}

}  // namespace
}  // namespace suture

int main() {
  suture::prepareOurselves();
  return suture::serveUntilClosed();
}
