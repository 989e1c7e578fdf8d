/* Any JSON as a profile of system calls: what is accepted becomes a program that the kernel takes.
 */
#include <linux/filter.h>
#include <stdint.h>
#include <stdlib.h>

#include "filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libseccomp 2.5 loses a part of its tree where rules of one call overlap. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libseccomp.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_auto_t *profile = json_loadb((const char *)data, size, 0, NULL), *filter = NULL;
	json_auto_t *capabilities = json_pack("[s, s]", "CAP_CHOWN", "CAP_SYS_CHROOT");
	const struct filter_setting setting = {"amd64", "SCMP_ARCH_X86_64", capabilities};
	autobuffer program = {0};

	if (!profile || filter_translate(profile, &setting, &filter, NULL) < 0 ||
	    filter_compile(filter, &program, NULL) < 0)
		return 0;
	if (program.size == 0 || program.size % sizeof(struct sock_filter) != 0)
		abort();
	return 0;
}
