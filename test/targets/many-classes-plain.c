// The C unit of many-classes.cc: C++ calls it, and it calls back.
static int asked;

__attribute__((noinline)) static int twice(int n) { return 2 * n; }

int ask_plain(int n, int (*callback)(int)) {
  ++asked;
  return twice(callback(n)) + 0 * asked;
}
