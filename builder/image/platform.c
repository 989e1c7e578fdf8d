#include <errno.h>
#include <stdio.h>
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

struct platform platform_here(void)
{
	struct platform here = {.os = "linux"};

	snprintf(here.architecture, sizeof(here.architecture), "%s", platform_architecture());
	snprintf(here.variant, sizeof(here.variant), "%s", platform_variant());
	return here;
}

/* Copies a word up to the next slash; false when it does not fit or is empty. */
static bool take_word(const char **text, char *word, size_t size)
{
	size_t length = strcspn(*text, "/");

	if (length == 0 || length >= size)
		return false;
	memcpy(word, *text, length);
	word[length] = '\0';
	*text += length + ((*text)[length] == '/');
	return true;
}

/* Other names that people have for the same. */
static void settle(struct platform *platform)
{
	static const char *const aliases[][2] = {
		{"x86_64", "amd64"}, {"x86-64", "amd64"}, {"aarch64", "arm64"},
		{"armhf", "arm"},    {"i386", "386"},
	};

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(platform->architecture, aliases[i][0]) == 0)
			strcpy(platform->architecture, aliases[i][1]);
	if (strcmp(platform->architecture, "arm64") == 0 && !*platform->variant)
		strcpy(platform->variant, "v8");
}

int platform_parse(const char *text, struct platform *ret, struct msb_error *err)
{
	struct platform platform = {0};
	const char *rest = text;
	bool good = take_word(&rest, platform.os, sizeof(platform.os)) &&
		    take_word(&rest, platform.architecture, sizeof(platform.architecture));

	if (good && *rest)
		good = take_word(&rest, platform.variant, sizeof(platform.variant)) && !*rest;
	if (!good)
		return msb_error_say(err, EINVAL,
				     "'%s' is no platform (such as linux/amd64 or linux/arm/v7)",
				     text);
	settle(&platform);
	*ret = platform;
	return 0;
}

char *platform_format(const struct platform *platform, char text[PLATFORM_TEXT])
{
	snprintf(text, PLATFORM_TEXT, "%s/%s%s%s", platform->os, platform->architecture,
		 *platform->variant ? "/" : "", platform->variant);
	return text;
}

bool platform_fits(const struct platform *wanted, const char *os, const char *architecture,
		   const char *variant)
{
	if (os && strcmp(os, wanted->os) != 0)
		return false;
	if (architecture && strcmp(architecture, wanted->architecture) != 0)
		return false;
	return !variant || *variant == '\0' || *wanted->variant == '\0' ||
	       strcmp(variant, wanted->variant) == 0;
}
