// Units of assembly, preprocessed and not, on a live process: their functions lie in one section as they were written, and call each other
// without a relocation that would say so.

import { afterAll, beforeAll, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { lifted, refused } from "../support/mod.ts";
import type { Beside } from "../support/mod.ts";
import { answersAround, asking, buildTree, patchTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

interface Text {
  readonly more?: string;
  readonly cube?: string;
  /** What says that `cube` is a function, and how long. */
  readonly type?: string;
  readonly size?: string;
}

/** `answer` is the cube of its parameter, the number of calls and 110. */
const assembly = ({ more = "", cube = "imul %edi, %eax", type = "\t.type cube, @function", size = "\t.size cube, .-cube" }: Text = {}): string => `
	.text
	.globl answer
	.type answer, @function
answer:
	.cfi_startproc
	push %rbx
	.cfi_adjust_cfa_offset 8
	call cube
	add $10, %eax
${more}
	pop %rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size answer, .-answer
	.p2align 4
${type}
cube:
	mov %edi, %eax
	imul %edi, %eax
	${cube}
	incl calls(%rip)
	add hundred(%rip), %eax
	add calls(%rip), %eax
	ret
${size}
	.section .rodata
	.type hundred, @object
	.size hundred, 4
hundred: .long 100
	.bss
	.type calls, @object
	.size calls, 4
calls:	.zero 4
	.section .note.GNU-stack,"",@progbits
`;

async function patched(file: string, before: string, after: string, { compiler = "gcc", beside = (_, act) => act() }: { readonly compiler?: string; readonly beside?: Beside } = {}) {
  using tree = openSourceTree({ "main.c": asking, [file]: before });
  const program = await buildTree(tree, [{ file: "main.c" }, { file, flags: ["-g"], compiler }]);
  const { image, manifest } = await beside(program, () => patchTree(tracer, { tree, program }, [tree.diff("fix", { [file]: after })]));
  return { answers: await answersAround(tracer, program, image), functions: manifest.objects[0]?.functions.map(({ name }) => name), added: manifest.objects[0]?.added.map(({ name }) => name), warnings: manifest.objects[0]?.functions.flatMap(({ warnings }) => warnings) };
}

const calling = "\tmov %eax, %ebx\n\tmov $-500, %edi\n\tcall abs@PLT\n\tadd %ebx, %eax";

test(lifted("X17", "a file of assembly (.S): a changed function, one beside it that travels in a copy, live variables, a function that was not imported"), async () => {
  const before = `#define CONFIGURED 1\n${assembly()}`;
  expect(await patched("a.S", before, `#define CONFIGURED 1\n${assembly({ more: calling })}`)).toMatchObject({
    answers: [["112"], ["613"], ["114"]], functions: ["answer"], added: ["cube"], warnings: [expect.stringContaining("it may call copies of cube that come with it"), expect.anything()],
  });
});

test(lifted("X17", "a file of assembly that is not preprocessed (.s)"), async () => {
  expect(await patched("a.s", assembly(), assembly({ cube: "lea 7(%eax), %eax" }))).toMatchObject({ answers: [["112"], ["120"], ["114"]] });
});

refused("X17", "assembly whose changed code is no function with a size", "differs in code that belongs to no function with a size, such as assembler; give it a .type of @function and a .size",
  (beside) => patched("a.S", assembly({ size: "" }), assembly({ size: "", cube: "lea 7(%eax), %eax" }), { beside }));
refused("X17", "assembly with a changed function, and changed code beside it that is none", "differs in code that belongs to no function with a size",
  (beside) => patched("a.S", assembly({ type: "", size: "" }), assembly({ type: "", size: "", cube: "lea 7(%eax), %eax", more: calling }), { beside }));
refused("X17", "assembly without a description of its functions, as clang's own assembler leaves it", "function answer is in the program, and debug information does not say from which unit; of assembly clang describes nothing, unless it is given -fno-integrated-as",
  (beside) => patched("a.S", assembly(), assembly({ more: calling }), { compiler: "clang", beside }));
