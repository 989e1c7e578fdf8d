/* The two halves of a filter of system calls: what it says, and the kernel's program for it. */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>

#include <jansson.h>

#include <msb/error.h>

#include "buffer.h"

struct filter_setting {
	const char *architecture;   /* as Go has it: "amd64" */
	const char *machine;        /* as profiles have it: "SCMP_ARCH_X86_64" */
	const json_t *capabilities; /* of the command: "CAP_CHOWN"… */
};

/* A profile in Docker's format as the OCI runtime-spec's linux.seccomp. *ret belongs to the caller.
 * -EINVAL for what is no profile. */
int filter_translate(const json_t *profile, const struct filter_setting *setting, json_t **ret,
		     struct msb_error *err);

/* The program (BPF, struct sock_filter) of a linux.seccomp. -EINVAL names what nobody knows; calls
 * that this machine does not have are left out. */
int filter_compile(const json_t *filter, struct buffer *ret, struct msb_error *err);

#endif
