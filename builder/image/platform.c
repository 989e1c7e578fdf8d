#include <ctype.h>
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

/* Copies a word up to the next slash; false when it does not fit or is empty. */
static bool take_word(const char **text, char *word, size_t size)
{
	size_t length = strcspn(*text, "/");

	if (length == 0 || length >= size)
		return false;
	for (size_t i = 0; i < length; i++)
		word[i] = (char)tolower((unsigned char)(*text)[i]);
	word[length] = '\0';
	*text += length + ((*text)[length] == '/');
	return true;
}

/* Other names that people have for the same, and what they leave out. */
static void settle(struct platform *platform)
{
	static const struct {
		const char *name, *architecture, *variant;
	} aliases[] = {
		{"x86_64", "amd64", ""}, {"x86-64", "amd64", ""}, {"aarch64", "arm64", ""},
		{"armhf", "arm", "v7"},  {"armel", "arm", "v6"},  {"i386", "386", ""},
	};
	char *variant = platform->variant;

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcmp(platform->architecture, aliases[i].name) != 0)
			continue;
		strcpy(platform->architecture, aliases[i].architecture);
		if (!*variant)
			strcpy(variant, aliases[i].variant);
		break;
	}
	if (isdigit((unsigned char)variant[0]) && !variant[1]) {
		variant[1] = variant[0];
		variant[0] = 'v';
		variant[2] = '\0';
	}
	if (strcmp(platform->architecture, "arm64") == 0 && strcmp(variant, "v8") == 0)
		*variant = '\0';
	if (strcmp(platform->architecture, "amd64") == 0 && strcmp(variant, "v1") == 0)
		*variant = '\0';
	if (strcmp(platform->architecture, "arm") == 0 && !*variant)
		strcpy(variant, "v7");
}

struct platform platform_here(void)
{
	struct platform here = {.os = "linux"};

	snprintf(here.architecture, sizeof(here.architecture), "%s", platform_architecture());
	snprintf(here.variant, sizeof(here.variant), "%s", platform_variant());
	settle(&here);
	return here;
}

/* An architecture alone is one of this operating system. */
static bool is_architecture(const char *word)
{
	static const char *const others[] = {"x86_64", "x86-64", "armhf", "armel", "i386"};

	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++)
		if (strcasecmp(word, platforms[i].architecture) == 0 ||
		    strcasecmp(word, platforms[i].machine) == 0)
			return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcasecmp(word, others[i]) == 0)
			return true;
	return false;
}

int platform_parse(const char *text, struct platform *ret, struct msb_error *err)
{
	struct platform platform = {0};
	const char *rest = text;
	bool bare = is_architecture(text);
	bool good = (bare ? strcpy(platform.os, "linux") != NULL
			  : take_word(&rest, platform.os, sizeof(platform.os))) &&
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
