// Functions whose code leads back into their own first bytes, or only seems to; and two that wait with nothing but their
// first bytes done. Nobody calls them until `call` or `read` comes on standard input, which then waits for a byte of a pipe.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUNCTION(name, code) \
  __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" code ".size " #name ", .-" #name "\n"); \
  void name(void)

FUNCTION(shortLoop, "push %rbx\n1: nop\n dec %edi\n jne 1b\n pop %rbx\n ret\n");
FUNCTION(farLoop, "push %rbx\n1: nop\n .fill 200, 1, 0x90\n dec %edi\n jne 1b\n pop %rbx\n ret\n");
FUNCTION(fromItsEntry, "1: dec %edi\n nop\n nop\n nop\n jne 1b\n ret\n");
FUNCTION(laterLoop, "push %rbx\n sub $16, %rsp\n1: dec %edi\n jne 1b\n add $16, %rsp\n pop %rbx\n ret\n");
FUNCTION(callsItself, "push %rbx\n mov %edi, %ebx\n test %ebx, %ebx\n je 1f\n call callsItself\n1: pop %rbx\n ret\n");
FUNCTION(byDistance, "push %rbx\n1: lea 9f(%rip), %rdx\n movslq (%rdx,%rdi,4), %rax\n add %rdx, %rax\n jmp *%rax\n2: pop %rbx\n ret\n"
                     ".section .rodata\n9: .long 2b - 9b, 1b - 9b\n.text\n");
FUNCTION(byAddress, "push %rbx\n1: lea 9f(%rip), %rdx\n jmp *(%rdx,%rdi,8)\n2: pop %rbx\n ret\n"
                    ".section .data.rel.ro, \"aw\"\n.balign 8\n9: .quad 2b, 1b\n.text\n");
FUNCTION(onlyForwards, "push %rbx\n sub $16, %rsp\n lea 9f(%rip), %rdx\n movslq (%rdx,%rdi,4), %rax\n add %rdx, %rax\n jmp *%rax\n"
                       "2: nop\n3: add $16, %rsp\n pop %rbx\n ret\n.section .rodata\n9: .long 2b - 9b, 3b - 9b\n.text\n");
FUNCTION(looksLikeIt, "movabs $0xfff4eb9090909090, %rax\n ret\n");
FUNCTION(unknown, "push %rbx\n .byte 0x06\n ret\n");
#ifdef FIXED
FUNCTION(atFixedPlace, "push %rbx\n1: jmp *9f(,%rdi,8)\n2: pop %rbx\n ret\n.section .rodata\n.balign 8\n9: .quad 2b, 1b\n.text\n");
#endif

// Both wait in their first five bytes: the return address lies at the third, the next instruction at the fourth.
__asm__(".globl callsAtOnce\n.type callsAtOnce, @function\ncallsAtOnce:\n push %rbx\n call *%rdi\n pop %rbx\n mov $1, %eax\n ret\n.size callsAtOnce, .-callsAtOnce\n");
__asm__(".globl readsAtOnce\n.type readsAtOnce, @function\nreadsAtOnce:\n xor %eax, %eax\n syscall\n ret\n nop\n nop\n.size readsAtOnce, .-readsAtOnce\n");
int callsAtOnce(void (*wait)(void));
long readsAtOnce(int from, void *into, unsigned long length);

static int way[2];
static char byte;

static void waitForByte(void) {
  if (read(way[0], &byte, 1) != 1) exit(1);
}

static void *call(void *unused) {
  printf("called: %d\n", callsAtOnce(waitForByte));
  return unused;
}

static void *readByte(void *unused) {
  printf("read: %ld\n", readsAtOnce(way[0], &byte, 1));
  return unused;
}

int main(void) {
  char word[64];
  pthread_t thread;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (pipe(way) != 0) return 1;
  printf("ready shortLoop=%p\n", (void *)shortLoop);
  while (scanf("%63s", word) == 1) {
    if (strcmp(word, "call") == 0 && pthread_create(&thread, NULL, call, NULL) != 0) return 1;
    if (strcmp(word, "read") == 0 && pthread_create(&thread, NULL, readByte, NULL) != 0) return 1;
    if (strcmp(word, "go") == 0 && write(way[1], "x", 1) != 1) return 1;
  }
}
