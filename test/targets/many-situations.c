/* Many small situations, all changed by one diff: FIXED becomes 1. A line of input holds a number; the answer is one line with what each
   situation makes of it. State goes on over patch and revert, the same in both versions, so that a program that was compiled with the
   fix from the beginning says what a patched one has to answer. */
#define _GNU_SOURCE
#include <alloca.h>
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define FIXED 0
#define V(before, after) (FIXED ? (after) : (before))
#define NOINLINE __attribute__((noinline))

long other_unit(long n);
extern long other_global;

/* Variables of every sort. */
static long state = 7;
long exported = 3;
long common_one;
static long table[4] = { 1, 2, 3, 4 };
static long *const into_table = &table[2];
static long in_section __attribute__((section("special_data"))) = 11;
static struct __attribute__((packed)) { char tag; long value; } packed = { 1, 5 };
static struct { unsigned low : 3, middle : 7, high : 20; } bits = { 1, 2, 3 };
static char aligned[64] __attribute__((aligned(64)));
#ifndef NO_THREAD_LOCAL
__thread long own = 4;
static __thread long hidden_own = 9;
#endif

static NOINLINE long file_scope(long n) { state += n; exported ^= n; common_one += 2; return state + exported * V(2, 3) + common_one; }
static NOINLINE long one_scope(long n) { static long seen = 1; seen += n; return seen * V(3, 4); }
static NOINLINE long another_scope(long n) { static long seen = 100; static long times; seen -= n; return seen + ++times * V(5, 6); }
static NOINLINE long other_units(long n) { other_global += n; return other_unit(n) * V(2, 7) + other_global; }
static NOINLINE long into_arrays(long n) { table[n & 3]++; *into_table += V(0, 0) + 1; return table[0] + table[1] * 3 + table[n % 4] * V(5, 8); }
static NOINLINE long odd_places(long n) {
  packed.value += n; bits.middle += 3; bits.high++; in_section += n;
  aligned[n & 63] = (char)n;
  return packed.value + bits.middle * V(2, 3) + bits.high + in_section + aligned[n & 63] + ((unsigned long)aligned & 63);
}
#ifndef NO_THREAD_LOCAL
static NOINLINE long thread_local(long n) { own += n; hidden_own ^= n; return own * V(1, 2) + hidden_own; }
#endif
static NOINLINE long error_number(long n) { errno = 0; return (close(-1) < 0 ? errno : 0) + n * V(1, 2); }

/* Constants. */
static const long weights[] = { V(2, 3), 5, V(7, 9), 11 };
static const char *const words[] = { "zero", V("one", "uno"), "two", V("three", "tres") };
static NOINLINE long constants(long n) { return weights[n & 3] + (long)strlen(words[n & 3]) + words[n & 3][0]; }
static NOINLINE double mixed(double x) { return x * V(2.25, 3.5) + V(0.125f, 0.25f); }
static NOINLINE long floating(long n) { return (long)(mixed((double)n) * 1000.0); }
static NOINLINE long strings(long n) {
  char text[64];
  snprintf(text, sizeof text, V("%ld before %s", "%ld and after %s"), n, n % 2 ? "odd" : V("even", "smooth"));
  return (long)(strlen(text) + wcslen(V(L"wide", L"wider")) + strlen(__func__)) + text[3];
}

/* Control flow. */
static NOINLINE long jump_table(long n) {
  switch (n % 9) {
    case 0: return n * 3; case 1: return n + state; case 2: return V(17, 18); case 3: return table[1]; case 4: return -n;
    case 5: return n ^ V(5, 6); case 6: return n << 3; case 7: return n / 3; default: return exported;
  }
}
static NOINLINE long computed_goto(long n) {
  static const void *const places[] = { &&one, &&two, &&three };
  long sum = V(1, 2);
  goto *places[n % 3];
one: sum += 3;
two: sum *= 5;
three: return sum + n;
}
static NOINLINE long loops_to_entry(long n) { do n = n * 3 + V(1, 2); while (n < 5000); return n; }
static NOINLINE long recursive(long n) { return n < 2 ? V(1, 2) : n + recursive(n - 2); }
static long is_odd(long n);
static NOINLINE long is_even(long n) { return n == 0 ? V(10, 20) : is_odd(n - 1); }
static NOINLINE long is_odd(long n) { return n == 0 ? V(30, 40) : is_even(n - 1); }
static NOINLINE long tail_calls(long n) { return is_even(n % 50 + V(0, 1)); }
static NOINLINE long shortest(long n) { return n + V(1, 2); }
static NOINLINE __attribute__((cold)) void complain(long n) { printf("%s %ld\n", V("never", "not ever"), n); }
static NOINLINE long unlikely(long n) {
  if (__builtin_expect(n < 0, 0)) { complain(n); state = -1; abort(); }
  assert(n >= V(-5, -6));
  return n * V(6, 7);
}
static jmp_buf jump_place;
static NOINLINE void jump_away(long n) { longjmp(jump_place, (int)(n % 5) + V(1, 2)); }
static NOINLINE long jumping(long n) { int back = setjmp(jump_place); if (back == 0) jump_away(n); return n + back; }

/* Calls of every sort. */
static inline long inlined(long n) { return n * V(13, 14) + state; }
static NOINLINE long first_caller(long n) { return inlined(n) + 1; }
static NOINLINE long second_caller(long n) { return inlined(n + 2) ^ 5; }
static NOINLINE long callers(long n) { return first_caller(n) + second_caller(n); }
/* Of this one the compiler puts the beginning into its callers and leaves the rest by itself. */
static long parted(long n) {
  if (__builtin_expect(n % 3 != 0, 1)) return n + V(1, 2);
  for (long i = 0; i < n % 11; i++) { state += table[i & 3] * i + V(5, 6) - V(5, 6); table[(i + 1) & 3] ^= state & 3; }
  fflush(stdout);
  return state * V(2, 3) + table[0] + table[1];
}
static NOINLINE long first_part(long n) { return parted(n) + 1; }
static NOINLINE long second_part(long n) { return parted(n + 2) ^ 5; }
static NOINLINE long parts(long n) { return first_part(n) + second_part(n); }
struct big { long a, b, c[6]; };
static NOINLINE struct big make_big(long n) { struct big big = { n, n + V(1, 2), { 1, 2, 3, 4, 5, n } }; return big; }
static NOINLINE long by_value(long n) { struct big big = make_big(n); big.c[2] += big.b; return big.a + big.b * 2 + big.c[2] + big.c[5]; }
static NOINLINE long part_of(struct big *big, long unused) { (void)unused; return big->a + big->c[3] * V(2, 3); }
static NOINLINE long by_factor(long n, long factor) { long sum = 0; for (long i = 0; i < n % 7; i++) sum += i * factor; return sum + V(1, 2); }
static NOINLINE long specialised(long n) { struct big big = { .a = n, .c = { 0, 0, 0, 4 } }; return part_of(&big, n) + by_factor(n, 6) + by_factor(n + 1, 6); }
static NOINLINE long sum_of(int count, ...) {
  va_list list;
  long sum = V(100, 200);
  va_start(list, count);
  while (count-- > 0) sum += va_arg(list, long);
  va_end(list);
  return sum;
}
static NOINLINE long variadic(long n) { return sum_of(3, n, n * 2, V(5L, 6L)) + sum_of(8, 1L, 2L, 3L, 4L, 5L, 6L, 7L, n); }
static NOINLINE long on_the_stack(long n) {
  char *room = alloca((size_t)(n % 64 + 16));
  long many[n % 5 + 2];
  memset(room, V(1, 2), (size_t)(n % 64 + 16));
  for (long i = 0; i < n % 5 + 2; i++) many[i] = room[i] * i;
  return many[n % 5 + 1] + room[3];
}
static NOINLINE long copies(long n) {
  char from[48], to[48] = { 0 };
  memset(from, V('a', 'b'), sizeof from);
  from[n % 40 + 1] = 0;
  strcpy(to, from);
  memcpy(to + 1, "xyz", 3);
  return (long)strlen(to) + to[0] + to[2] + (memcmp(from, "aaaa", 1) > 0);
}
static NOINLINE int comes_from_somewhere(void) { return __builtin_return_address(0) != 0; }
static NOINLINE long return_address(long n) { return comes_from_somewhere() * V(3, 4) + n; }
static long (*volatile saved)(long) = shortest;
static size_t (*volatile saved_length)(const char *) = strlen;
static long (*volatile saved_other)(long) = other_unit;
static NOINLINE long pointers(long n) {
  long (*volatile now)(long) = shortest;
  size_t (*volatile length)(const char *) = strlen;
  return (now == saved) + 10 * (length == saved_length) + 100 * (saved_other == other_unit) + saved(n) + (long)length("abc") + V(0, 1000);
}
__attribute__((weak)) long weak_one(long n) { return n + V(1, 2); }
long real_name(long n) { return n * V(2, 3); }
extern long other_name(long n) __attribute__((alias("real_name")));
__attribute__((visibility("hidden"))) NOINLINE long hidden_one(long n) { return n - V(1, 2); }
static NOINLINE long names(long n) { return weak_one(n) + real_name(n) * 2 + other_name(n) + hidden_one(n); }
#ifndef NO_IFUNC
static NOINLINE long implementation(long n) { return n * V(3, 5); }
static void *resolve_indirect(void) { return (void *)implementation; }
long indirect(long n) __attribute__((ifunc("resolve_indirect")));
static long indirect_one(long n) { return indirect(n) + V(1, 2); }
#endif
#ifndef __clang__
static NOINLINE long nested(long n) {
  long add(long more) { return n + more * V(2, 3); }
  return add(1) + add(n);
}
#endif

/* Instructions. */
static NOINLINE long assembly(long n) { long out; __asm__("lea (%1,%1,%c2), %0" : "=r"(out) : "r"(n), "i"(V(2, 4))); return out; }
typedef int eight __attribute__((vector_size(32)));
static NOINLINE __attribute__((target("avx2"))) long wide(long n) {
  eight numbers = { (int)n, 2, 3, 4, 5, 6, 7, V(8, 9) };
  volatile eight factors = { 1, 2, V(3, 4), 4, 5, 6, 7, 8 };
  eight product = numbers * factors;
  return product[0] + product[2] + product[7];
}
static NOINLINE long vectors(long n) { return __builtin_cpu_supports("avx2") ? wide(n) : n + V(14 + 64, 19 + 72) - V(5, 7); }

/* What the program did not use before. */
static NOINLINE long new_uses(long n) {
#if FIXED
  static long fresh = 40;
  static const char *const fresh_words[] = { "nine", "eleven" };
  fresh = n + 2;
#ifndef STATIC_PROGRAM
  char text[32];
  stpcpy(text, "12x34");
  sprintf(text + 5, "%ld", n);
  return (long)strtoull(text, NULL, 10) + (long)strspn(text, "0123456789") + (long)strlen(fresh_words[n & 1]) + fresh + (stderr != NULL) + (environ != NULL) + optind;
#else
  return 12 + 2 + (long)strlen(fresh_words[n & 1]) + fresh + 1 + 1 + 1;
#endif
#else
  return n * 40503 - 1;
#endif
}

/* Not changed, although the lines above it are. */
static NOINLINE long unchanged_with_line(long n) { return n > 0 ? 0 : __LINE__ + (long)strlen(__FILE__) + __COUNTER__; }

#define SITUATION(name) { #name, name }
static const struct situation { const char *name; long (*run)(long n); } situations[] = {
  SITUATION(file_scope), SITUATION(one_scope), SITUATION(another_scope), SITUATION(other_units), SITUATION(into_arrays), SITUATION(odd_places),
#ifndef NO_THREAD_LOCAL
  SITUATION(thread_local),
#endif
  SITUATION(error_number), SITUATION(constants), SITUATION(floating), SITUATION(strings), SITUATION(jump_table), SITUATION(computed_goto),
  SITUATION(loops_to_entry), SITUATION(recursive), SITUATION(tail_calls), SITUATION(shortest), SITUATION(unlikely), SITUATION(jumping), SITUATION(callers), SITUATION(parts),
  SITUATION(by_value), SITUATION(specialised), SITUATION(variadic), SITUATION(on_the_stack), SITUATION(copies), SITUATION(return_address), SITUATION(pointers),
  SITUATION(names),
#ifndef NO_IFUNC
  SITUATION(indirect_one),
#endif
#ifndef __clang__
  SITUATION(nested),
#endif
  SITUATION(assembly), SITUATION(vectors), SITUATION(new_uses), SITUATION(unchanged_with_line),
};

int main(void) {
  char line[32];
  const struct situation *volatile first = situations;
  setvbuf(stdout, NULL, _IOLBF, 1 << 16);
  puts("ready");
  while (fgets(line, sizeof line, stdin) != NULL) {
    long n = strtol(line, NULL, 10);
    printf("%ld:", n);
    for (size_t i = 0; i < sizeof situations / sizeof *situations; i++) printf(" %s=%ld", first[i].name, first[i].run(n));
    puts("");
  }
  return 0;
}
