/* For filter_program.c alone: libseccomp, loaded when the first filter is compiled. */
#ifndef LIBSECCOMP_H
#define LIBSECCOMP_H

#include <seccomp.h>

#include <msb/error.h>

/* Each without "seccomp_" in front. */
/* clang-format off */
#define LIBSECCOMP_FUNCTIONS(each) \
	each(arch_add) each(arch_native) each(arch_resolve_name) each(attr_set) \
	each(export_bpf) each(init) each(release) each(rule_add_array) \
	each(syscall_resolve_name)
/* clang-format on */

#define LIBSECCOMP_MEMBER(name) __typeof__(seccomp_##name) *name;
struct libseccomp {
	LIBSECCOMP_FUNCTIONS(LIBSECCOMP_MEMBER)
};
extern struct libseccomp libseccomp; /* filled in by libseccomp_load() */

int libseccomp_load(struct msb_error *err);

#endif
