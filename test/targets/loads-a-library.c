/* Loads the library that it is told of, and waits for the end of its input. */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
  char byte;
  if (argc < 2 || dlopen(argv[1], RTLD_NOW) == NULL) {
    fprintf(stderr, "%s\n", argc < 2 ? "no library is named" : dlerror());
    return 1;
  }
  while (read(0, &byte, 1) > 0) {}
  return 0;
}
