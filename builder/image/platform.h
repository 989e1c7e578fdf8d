/* Machines in OCI's words: which one this is, what users call them, which images are for them. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdbool.h>

#include <msb/error.h>

struct platform {
	char os[32], architecture[32], variant[32]; /* variant "": none, or any */
};
#define PLATFORM_TEXT 100

struct platform platform_here(void);
/* "linux/arm/v7", "arm64", "linux/x86_64"; one machine has one form afterwards: arm64 has no
 * variant, arm has "v7" where none was said. -EINVAL. */
int platform_parse(const char *text, struct platform *ret, struct msb_error *err);
char *platform_format(const struct platform *platform, char text[PLATFORM_TEXT]);
/* True when an image of that platform (NULL: not said) is one for the wanted machine. */
bool platform_fits(const struct platform *wanted, const char *os, const char *architecture,
		   const char *variant);

#endif
