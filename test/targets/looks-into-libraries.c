// Uses variables and functions of libc in every way that a symbol can be bound, maps an ELF file merely to read it, and
// says where it finds things: one line "NAME ADDRESS" each, then "ready".
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int secret(void) { return 1; }
int shown = 3;

int main(int argc, char **argv) {
  const int file = open(argc > 1 ? argv[1] : "/proc/self/exe", O_RDONLY);
  char *mapped = mmap(NULL, 1 << 14, PROT_READ, MAP_PRIVATE, file, 0);
  char copy[64];
  memcpy(copy, mapped, (size_t)argc * 8);
  printf("mapped %p\n", (void *)mapped);
  printf("main %p\n", (void *)main);
  printf("secret %p\n", (void *)secret);
  printf("shown %p\n", (void *)&shown);
  printf("stdout %p\n", (void *)&stdout);
  printf("environ %p\n", (void *)&environ);
  for (const char *const *name = (const char *const[]){"puts", "memcpy", "strlen", "gettimeofday", "realpath", NULL}; *name; name++) {
    printf("%s %p\n", *name, dlsym(RTLD_DEFAULT, *name));
  }
  printf("realpath@GLIBC_2.2.5 %p\n", dlvsym(RTLD_DEFAULT, "realpath", "GLIBC_2.2.5"));
  printf("realpath@GLIBC_2.3 %p\n", dlvsym(RTLD_DEFAULT, "realpath", "GLIBC_2.3"));
  printf("ready\n");
  fflush(stdout);
  for (;;) pause();
}
