#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include "internal.h"

static const struct {
	const char *machine, *architecture, *variant;
} platforms[] = {
	{"x86_64", "amd64", ""},
	{"aarch64", "arm64", "v8"},
	{"armv7l", "arm", "v7"},
	{"armv6l", "arm", "v6"},
	{"i686", "386", ""},
	{"i586", "386", ""},
	{"ppc64le", "ppc64le", ""},
	{"s390x", "s390x", ""},
	{"riscv64", "riscv64", ""},
	{"mips64", "mips64le", ""},
	{"loongarch64", "loong64", ""},
};

static size_t this_platform(void)
{
	struct utsname name;

	if (uname(&name) == 0)
		for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++)
			if (strcmp(platforms[i].machine, name.machine) == 0)
				return i;
	return 0;
}

const char *platform_architecture(void)
{
	return platforms[this_platform()].architecture;
}

const char *platform_variant(void)
{
	return platforms[this_platform()].variant;
}

bool platform_fits(const char *os, const char *architecture, const char *variant)
{
	if (os && strcmp(os, "linux") != 0)
		return false;
	if (architecture && strcmp(architecture, platform_architecture()) != 0)
		return false;
	return !variant || *variant == '\0' || *platform_variant() == '\0' ||
	       strcmp(variant, platform_variant()) == 0;
}
