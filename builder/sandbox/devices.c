/*
 * Which devices a command that root runs may open, however it comes by their nodes: those that
 * every container has. Docker's rule, held by a program at a cgroup2 that commands start in; making
 * nodes stays free. In a user namespace the kernel holds all of them back by itself.
 *
 * The cgroup is "msb" below the caller's own, so that limits of the caller's hold for its commands;
 * all builds share it, and it stays. A host that does not let us have one confines nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "internal.h"

#define ROOT "/sys/fs/cgroup"
#define NAME "msb"

enum { R0, R1, R2, R3, R4, R5 };

#define LOAD(to, field)                                                                            \
	{                                                                                          \
		BPF_LDX | BPF_MEM | BPF_W, to, R1, offsetof(struct bpf_cgroup_dev_ctx, field), 0   \
	}
#define MOVE(to, from)                                                                             \
	{                                                                                          \
		BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0                                        \
	}
#define SET(to, value)                                                                             \
	{                                                                                          \
		BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value                                       \
	}
#define SHIFT(to, bits)                                                                            \
	{                                                                                          \
		BPF_ALU64 | BPF_RSH | BPF_K, to, 0, 0, bits                                        \
	}
#define MASK(to, bits)                                                                             \
	{                                                                                          \
		BPF_ALU64 | BPF_AND | BPF_K, to, 0, 0, bits                                        \
	}
#define SKIP(test, reg, value, count)                                                              \
	{                                                                                          \
		BPF_JMP | (test) | BPF_K, reg, 0, count, value                                     \
	}
#define END                                                                                        \
	{                                                                                          \
		BPF_JMP | BPF_EXIT, 0, 0, 0, 0                                                     \
	}

/* The last lines are: 20 and 21 deny, 22 and 23 allow. A skip counts from the line behind it. */
static const struct bpf_insn program[] = {
	/* 0 */ LOAD(R2, access_type),
	/* 1 */ MOVE(R3, R2),
	/* 2 */ SHIFT(R3, 16),
	/* 3 */ SKIP(BPF_JEQ, R3, BPF_DEVCG_ACC_MKNOD, 18),
	/* 4 */ MASK(R2, 0xffff),
	/* 5 */ SKIP(BPF_JNE, R2, BPF_DEVCG_DEV_CHAR, 14),
	/* 6 */ LOAD(R4, major),
	/* 7 */ LOAD(R5, minor),
	/* 8 */ SKIP(BPF_JEQ, R4, 136, 13), /* pts */
	/* 9 */ SKIP(BPF_JEQ, R4, 5, 7),
	/* 10 */ SKIP(BPF_JNE, R4, 1, 9),
	/* 11 */ SKIP(BPF_JEQ, R5, 3, 10), /* null */
	/* 12 */ SKIP(BPF_JEQ, R5, 5, 9),  /* zero */
	/* 13 */ SKIP(BPF_JEQ, R5, 7, 8),  /* full */
	/* 14 */ SKIP(BPF_JEQ, R5, 8, 7),  /* random */
	/* 15 */ SKIP(BPF_JEQ, R5, 9, 6),  /* urandom */
	/* 16 */ SKIP(BPF_JA, R0, 0, 3),
	/* 17 */ SKIP(BPF_JEQ, R5, 0, 4), /* tty */
	/* 18 */ SKIP(BPF_JEQ, R5, 1, 3), /* console */
	/* 19 */ SKIP(BPF_JEQ, R5, 2, 2), /* ptmx */
	/* 20 */ SET(R0, 0),
	/* 21 */ END,
	/* 22 */ SET(R0, 1),
	/* 23 */ END,
};

static int load(void)
{
	static const char license[] = "MIT";
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attributes.insns = (uint64_t)(uintptr_t)program;
	attributes.insn_cnt = sizeof(program) / sizeof(*program);
	attributes.license = (uint64_t)(uintptr_t)license;
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));
}

/* Takes the place of the one that another build has attached, which is the same. */
static int attach(int cgroup, int loaded)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.target_fd = (uint32_t)cgroup;
	attributes.attach_bpf_fd = (uint32_t)loaded;
	attributes.attach_type = BPF_CGROUP_DEVICE;
	return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof(attributes));
}

/* "0::/user.slice": where this process is, below the root of its cgroup2. */
static bool find_own(char ret[4096])
{
	autofclose FILE *file = fopen("/proc/self/cgroup", "re");
	char line[4000];

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) != 0 || strstr(line, "/../"))
			continue;
		snprintf(ret, 4096, ROOT "%s%s", line + 3, line[4] ? "/" NAME : NAME);
		return true;
	}
	return false;
}

int devices_confine(void)
{
	autoclose int cgroup = -1, loaded = -1;
	char path[4096];

	if (idmap_in_user_namespace() || !find_own(path))
		return 0;
	/* A command's own msb has it around itself already. */
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return 0;
	cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	loaded = cgroup < 0 ? -1 : load();
	if (loaded < 0 || attach(cgroup, loaded) < 0)
		return 0;
	return steal_fd(&cgroup);
}
