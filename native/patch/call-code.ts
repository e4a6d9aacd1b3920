// The few instructions through which a function of the process is called for us. They are part of the patch's own code, so
// that they stand in the process as long as anything of it may have to be called. What they are given and what they note
// down is the CallRecord of native/tracer/borrowed-call.cc; they return to whatever the helper has put on the stack.

export const callCode = Uint8Array.of(
  0xf3, 0x0f, 0x1e, 0xfa,       // endbr64
  0x48, 0x83, 0xec, 0x08,       // sub  $8, %rsp
  0x4d, 0x85, 0xed,             // test %r13, %r13
  0x74, 0x0f,                   // je   no_errno
  0x41, 0xff, 0xd5,             // call *%r13             __errno_location
  0x8b, 0x08,                   // mov  (%rax), %ecx
  0x41, 0x89, 0x4c, 0x24, 0x10, // mov  %ecx, 16(%r12)    errnoValue
  0x49, 0x89, 0x44, 0x24, 0x08, // mov  %rax, 8(%r12)     errnoAt
  // no_errno:
  0x49, 0x8b, 0x7c, 0x24, 0x18, // mov  24(%r12), %rdi    arguments
  0x49, 0x8b, 0x74, 0x24, 0x20, // mov  32(%r12), %rsi
  0x49, 0x8b, 0x54, 0x24, 0x28, // mov  40(%r12), %rdx
  0x31, 0xc0,                   // xor  %eax, %eax
  0xff, 0xd3,                   // call *%rbx
  0x49, 0x89, 0x04, 0x24,       // mov  %rax, (%r12)      result
  0x49, 0x8b, 0x44, 0x24, 0x08, // mov  8(%r12), %rax
  0x48, 0x85, 0xc0,             // test %rax, %rax
  0x74, 0x07,                   // je   done
  0x41, 0x8b, 0x4c, 0x24, 0x10, // mov  16(%r12), %ecx
  0x89, 0x08,                   // mov  %ecx, (%rax)
  // done:
  0x48, 0x83, 0xc4, 0x08,       // add  $8, %rsp
  0xc3,                         // ret
);
